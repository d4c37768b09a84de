"""What S3 refuses in the middle of an audit, and what it means for the object, or for the shard."""

from __future__ import annotations

from pytest_gf.engine.errors import Unproven
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.probes.again import NotNow
from pytest_gf.honey.probes.s3 import TOO_MANY

_SERVER = 500


class Refused(Exception):  # It is no error of the probe: a bucket that fails in the middle is a finding.
    """S3 refused what the whole shard needs."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


class Unread(Exception):  # It is no error yet: it is asked for again, and may be a finding then.
    """What lies at a key was not given: the connection was closed, reset or cut, or S3 failed, or ``refused`` to answer now."""

    def __init__(self, key: str, said: str, refused: NotNow | None = None) -> None:
        super().__init__(said)
        self.key, self.said, self.refused = key, said, refused


def check(answer: Answer, what: str) -> None:
    """Raise Unproven for a right that is lacking, Refused where the whole bucket is not there."""
    if answer.forbidden:
        raise Unproven(f"S3 answered {answer} to a read of {what}", "grant ListBucket and GetObject of this bucket")
    if answer.code == "NoSuchBucket":
        raise Refused(answer)


def not_given(answer: Answer) -> bool:
    """Tell whether S3 failed, or refused to answer now: that says nothing about what was asked for."""
    return answer.status >= _SERVER or answer.status == TOO_MANY
