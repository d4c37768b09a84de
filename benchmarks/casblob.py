"""casblob: decode and hash whole objects, beside zstandard and hashlib on the bare frames. Bar: 0.9 of their throughput."""

from __future__ import annotations

import hashlib
import random
import statistics
import time
from collections.abc import Callable

import zstandard

from pytest_gf.formats import casblob

ROUNDS = 7


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU-seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def payloads(count: int, size: int) -> list[bytes]:
    """Return payloads that compress by about half, as object files do."""
    source = random.Random(size)  # noqa: S311  # Test data.
    words = [source.randbytes(24) for _ in range(512)]
    return [
        b"".join(
            source.choice(words) if source.random() < 0.5 else source.randbytes(24) for _ in range(size // 24 + 1)
        )[:size]
        for _ in range(count)
    ]


def bare(frames: list[list[bytes]]) -> None:
    """Decode and hash frames as plainly as one can."""
    for chunks in frames:
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(zstandard.ZstdDecompressor().decompress(chunk))
        digest.digest()


def ours(objects: list[bytes]) -> None:
    """Decode and hash whole objects."""
    for data in objects:
        digest = hashlib.sha256()
        for piece in casblob.decode(data):
            digest.update(piece)
        digest.digest()


def main() -> None:
    """Print the table."""
    print(
        f"{'objects':<22} {'frames':>10} {'casblob':>10} {'ratio':>7}   (CPU-seconds, median of {ROUNDS}; ratio of throughputs, bar 0.9)"
    )
    for count, size in ((4000, 2_000), (400, 64_000), (40, 1_000_000), (4, 24_000_000)):
        made = payloads(count, size)
        objects = [casblob.encode(each) for each in made]
        chunks = [[each[at : at + casblob.CHUNK] for at in range(0, size, casblob.CHUNK)] for each in made]
        compressor = zstandard.ZstdCompressor(write_checksum=True)
        frames = [[compressor.compress(chunk) for chunk in each] for each in chunks]
        theirs, mine = [], []
        for _ in range(ROUNDS):  # In turns, so that a noisy moment meets both.
            theirs.append(cpu(lambda frames=frames: bare(frames)))  # type: ignore[misc]
            mine.append(cpu(lambda objects=objects: ours(objects)))  # type: ignore[misc]
        one, other = statistics.median(theirs), statistics.median(mine)
        print(f"{count:>6} x {size:>10,} B {one:>10.3f} {other:>10.3f} {one / other:>7.2f}")


if __name__ == "__main__":
    main()
