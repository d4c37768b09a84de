"""The listing of buckets, as S3 gave it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.answers import Answer


@dataclass(frozen=True)
class Listing:
    """The names that one ListBuckets answered."""

    buckets: tuple[str, ...]
    answer: Answer

    def __str__(self) -> str:
        return ", ".join(self.buckets) or "no bucket at all"
