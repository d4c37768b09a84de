"""casblob: decode and hash whole objects, beside zstandard and hashlib on the bare frames. Bar: 0.9 of their throughput.

Frames stand twice: with a decompressor for each object, as one would write it, and with one for all, which is the floor. Of
2 kB that floor is 2 µs, and reading the header strictly takes longer.
"""

from __future__ import annotations

import hashlib
import random
import statistics
import time
from collections.abc import Callable

import zstandard

from pytest_gf.honey.formats import casblob

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


def bare(frames: list[list[bytes]], shared: zstandard.ZstdDecompressor | None = None) -> None:
    """Decode and hash frames, with a decompressor for each object or with one for all."""
    for chunks in frames:
        digest, decompressor = hashlib.sha256(), shared or zstandard.ZstdDecompressor()
        for chunk in chunks:
            digest.update(decompressor.decompress(chunk))
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
    print(f"CPU-seconds, median of {ROUNDS}; ratios of throughputs to each of the two, bar 0.9 to the first")
    print(f"{'objects':<22} {'frames':>10} {'one for all':>12} {'casblob':>10} {'ratios':>12}")
    shared = zstandard.ZstdDecompressor()
    for count, size in ((4000, 2_000), (400, 64_000), (40, 1_000_000), (4, 24_000_000)):
        made = payloads(count, size)
        objects = [casblob.encode(body) for body in made]
        chunks = [[body[at : at + casblob.CHUNK] for at in range(0, size, casblob.CHUNK)] for body in made]
        compressor = zstandard.ZstdCompressor(write_checksum=True)
        frames = [[compressor.compress(chunk) for chunk in parts] for parts in chunks]
        works = (lambda frames=frames: bare(frames), lambda frames=frames: bare(frames, shared))
        took: list[list[float]] = [[], [], []]
        for _ in range(ROUNDS):  # In turns, so that a noisy moment meets all.
            for at, work in enumerate((*works, lambda objects=objects: ours(objects))):
                took[at].append(cpu(work))
        plain, floor, mine = map(statistics.median, took)
        ratios = f"{plain / mine:.2f} {floor / mine:.2f}"
        print(f"{count:>6} x {size:>10,} B {plain:>10.3f} {floor:>12.3f} {mine:>10.3f} {ratios:>12}")


if __name__ == "__main__":
    main()
