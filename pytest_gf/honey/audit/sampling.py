"""Which objects a sampled audit reads: the same seed, the same choice, in any number of processes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_gf.honey.audit.options import Sample

_WHOLE = 1 << 64


def quotas(sample: Sample, shards: Sequence[str], seed: str) -> dict[str, int]:
    """Return how many objects of each shard are read, of a sample that is a number of objects."""
    each, more = divmod(sample.count or 0, len(shards))
    lucky = set(random.Random(f"{seed} shards").sample(shards, more))  # noqa: S311  # No secret: the same seed must choose the same.
    return {shard: each + (shard in lucky) for shard in shards}


def chosen(key: str, fraction: float, seed: str) -> bool:
    """Tell whether a key belongs to this fraction of all."""
    number = int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:8], "big")
    return number < fraction * _WHOLE


def places(below: str, shard: str, count: int, seed: str) -> Iterator[str]:
    """Yield keys, which need not exist, all over a shard: what comes next after each is of the sample."""
    source = random.Random(f"{seed} {shard}")  # noqa: S311  # As above.
    first = shard.rpartition("/")[2]
    for _ in range(count):
        yield f"{below}{first}{source.getrandbits(248):062x}"


def picked(keys: Sequence[str], count: int, shard: str, seed: str) -> set[str]:
    """Return so many of a few keys, all where there are fewer."""
    source: Callable[..., list[str]] = random.Random(f"{seed} {shard}").sample  # noqa: S311  # As above.
    return set(source(keys, min(count, len(keys))))
