"""What a run makes on S3, as the ledger names it: ``object BUCKET/KEY``, ``bucket BUCKET``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pytest_gf.engine.ledger import Thing

if TYPE_CHECKING:
    from pytest_gf.honey.contract import Contract


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


def stamp(run_id: str) -> str:
    """Return a run's id as a bucket's name can carry it: ``20261123235959-1a2b3c4d``."""
    return run_id.replace("T", "").replace("Z", "").lower()


def why_not(contract: Contract, thing: Thing, run_id: str) -> str:
    """Return why a run of this id never made this thing; "" where it may have.

    A run makes one scratch bucket with what lies in it, and proof objects in the buckets of states.
    """
    stored = Stored(thing.kind, thing.name)
    own = f"{contract.scratch.prefix}{stamp(run_id)}"
    proof = contract.state.proof_prefix
    if stored.kind not in {"bucket", "object"}:
        return f"a run makes no {stored.kind}"
    if stored.bucket == own and own not in contract.buckets:
        return "" if (stored.kind == "object") == bool(stored.key) else "a bucket has no key, and an object has one"
    if stored.kind == "bucket":
        return f"a run deletes no bucket but its own, {own}"
    name = stored.key.removeprefix(proof)
    if stored.bucket in contract.buckets and name != stored.key and run_id in name and "/" not in name:
        return ""
    return f"a run deletes nothing in it but {proof}…{run_id}"
