"""What S3 refuses in the middle of an audit, and what it means for the shard."""

from __future__ import annotations

from pytest_gf.engine.errors import Unproven
from pytest_gf.honey.answers import Answer


class Refused(Exception):  # It is no error of the probe: a bucket that fails in the middle is a finding.
    """S3 refused what the whole shard needs."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


def check(answer: Answer, what: str) -> None:
    """Raise Unproven for a right that is lacking, Refused where the whole bucket is not there."""
    if answer.forbidden:
        raise Unproven(f"S3 answered {answer} to a read of {what}", "grant ListBucket and GetObject of this bucket")
    if answer.code == "NoSuchBucket":
        raise Refused(answer)
