"""What a run makes on S3, as the ledger names it: ``object BUCKET/KEY``, ``bucket BUCKET``."""

from __future__ import annotations

from typing import Self

from pytest_gf.engine.ledger import Thing


class Stored(Thing):
    """A bucket, or an object in one."""

    @classmethod
    def in_bucket(cls, bucket: str, key: str) -> Self:
        """Return the object at this key."""
        return cls("object", f"{bucket}/{key}")

    @property
    def bucket(self) -> str:
        """The bucket, or the one that holds the object."""
        return self.name.partition("/")[0]

    @property
    def key(self) -> str:
        """The object's key, "" for a bucket."""
        return self.name.partition("/")[2]
