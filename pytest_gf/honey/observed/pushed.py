"""A path that this run pushed to Attic, and the bucket where its chunk lies."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.honey.answers import Answer

OK = 200


@dataclass(frozen=True)
class PushedPath:
    """A small fresh path: how its upload was answered, where its only chunk lies, and whether S3 shows it there.

    ``bucket`` is the contract's, ``stored_in`` the one that Attic's redirect names, ``found`` S3's answer to HEAD of the
    chunk in the contract's bucket, None where it was not asked.
    """

    store_path: str
    acknowledged: str
    bucket: str
    stored_in: str
    found: Answer | None = None

    @property
    def in_bucket(self) -> bool:
        return self.stored_in == self.bucket and self.found is not None and self.found.ok

    @property
    def promised(self) -> str:
        return f"Attic stores what is pushed in bucket {self.bucket}"

    @property
    def seen(self) -> str:
        looked = f"; HEAD of it in {self.bucket}: {self.found}" if self.found is not None else ""
        return f"{self.store_path}: upload {self.acknowledged}; its chunk lies in bucket {self.stored_in or 'none'}{looked}"

    @property
    def diagnosis(self) -> str:
        if self.in_bucket:
            return ""
        if self.stored_in != self.bucket:
            return f"Attic writes to bucket {self.stored_in}: every read stays good, since chunks carry their bucket"
        return f"the upload was acknowledged, and its chunk is not in {self.bucket}: HEAD {self.found}"

    @property
    def next_step(self) -> str:
        if self.in_bucket:
            return ""
        if self.stored_in != self.bucket:
            return f"set Attic's storage.bucket to {self.bucket}; what was pushed since lies in {self.stored_in}: keep that bucket"
        return (
            f"push nothing more; see rustfs.list-buckets[{self.bucket}], preserve logs, and run RCA before any restart"
        )
