"""A path that this run pushed to Attic, and the bucket where its chunk lies."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.observed.bucket import losses


@dataclass(frozen=True)
class PushedPath(Observed):
    """A small fresh path: how its upload was answered, where its only chunk lies, and whether S3 shows it there.

    ``bucket`` is the contract's, ``stored_in`` the one that Attic's redirect names, ``found`` S3's answer to HEAD of the
    chunk in the contract's bucket, None where it was not asked.
    """

    store_path: str
    acknowledged: str
    bucket: str
    stored_in: str
    found: Answer | None = None

    promises = "Attic stores what is pushed in bucket {self.bucket}"

    @property
    def seen(self) -> str:
        looked = f"; HEAD of it in {self.bucket}: {self.found}" if self.found is not None else ""
        return f"{self.store_path}: upload {self.acknowledged}; its chunk lies in bucket {self.stored_in or 'none'}{looked}"

    def trouble(self) -> Trouble | None:
        if self.stored_in != self.bucket:
            says = f"Attic writes to bucket {self.stored_in}: every read stays good, since chunks carry their bucket"
            step = f"set Attic's storage.bucket to {self.bucket}; what was pushed since lies in {self.stored_in}: keep that bucket"
            return Trouble(Cause("cache-stores-elsewhere", "attic"), says, step)
        if self.found is not None and self.found.ok:
            return None
        says = f"the upload was acknowledged, and its chunk is not in {self.bucket}: HEAD {self.found}"
        step = f"push nothing more; see rustfs.list-buckets[{self.bucket}], preserve logs, and run RCA before any restart (pytest -m rca)"
        return Trouble(Cause("write-lost", self.bucket), says, step, because=losses(self.bucket))
