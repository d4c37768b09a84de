"""NAR bodies: verify as they stream (frames, size, sha256, strict archive), beside decode and sha256 alone. Bar: 0.8.

Memory is measured in a process of its own for each size: it must be flat.
"""

from __future__ import annotations

import hashlib
import random
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import zstandard

from pytest_gf.honey.formats import nar, zstd
from pytest_gf.honey.formats.narbody import NarBody
from pytest_gf.honey.probes.attic import Attic

ROUNDS = 5
PIECE = 64 * 1024
"""Bytes that come at once from a socket."""
ATTICS_CHUNK = 64 * 1024
"""Bytes that Attic's chunker aims at."""
OK = 200


def body(size: int) -> list[bytes]:
    """Return the frames of an archive with one large file, chunked as Attic chunks it."""
    source = random.Random(size)  # noqa: S311  # Test data.
    half = [source.randbytes(32 * 1024) + bytes(32 * 1024) for _ in range(16)]
    head = b"".join(map(nar.string, (nar.MAGIC, b"(", b"type", b"regular", b"contents"))) + struct.pack("<Q", size)
    compressor = zstandard.ZstdCompressor()
    frames = [compressor.compress(head)]
    frames += [compressor.compress(half[at % 16] * 4) for at in range(size // (256 * 1024))]
    return [*frames, compressor.compress(nar.string(b")"))]


def tree(count: int) -> list[bytes]:
    """Return the frames of an archive of many small files."""
    source = random.Random(count)  # noqa: S311  # Test data.
    files = {f"{at:06}".encode(): nar.Regular(source.randbytes(2_000) + bytes(2_000)) for at in range(count)}
    data = b"".join(nar.write(nar.Directory(files)))
    compressor = zstandard.ZstdCompressor()
    return [compressor.compress(data[at : at + 256 * 1024]) for at in range(0, len(data), 256 * 1024)]


def pieces(frames: list[bytes]) -> list[bytes]:
    """Return the body as a socket would give it."""
    data = b"".join(frames)
    return [data[at : at + PIECE] for at in range(0, len(data), PIECE)]


def verify(body: list[bytes]) -> None:
    """Verify pieces as the probe does."""
    whole = NarBody("zstd", 1 << 40)
    for piece in body:
        whole.feed(piece)
    whole.finish()
    if whole.trouble:
        raise AssertionError(whole.trouble)


def bare(frames: list[bytes]) -> None:
    """Decode and hash, and nothing else."""
    digest, decompressor = hashlib.sha256(), zstandard.ZstdDecompressor()
    for frame in frames:
        digest.update(decompressor.decompress(frame))


def cpu(work: Callable[[list[bytes]], None], frames: list[bytes]) -> float:
    """Return the CPU-seconds of one call."""
    started = time.process_time()
    work(frames)
    return time.process_time() - started


def memory(mebibytes: int) -> None:
    """Print how many KiB verifying an archive of this size adds; its frames are made one by one."""
    compressor = zstandard.ZstdCompressor()
    size = mebibytes * 1024 * 1024
    head = b"".join(map(nar.string, (nar.MAGIC, b"(", b"type", b"regular", b"contents"))) + struct.pack("<Q", size)
    chunk = compressor.compress(random.Random(1).randbytes(1024 * 1024))  # noqa: S311  # Test data.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    decoder, archive, digest = zstd.Decoder(), nar.Reader(), hashlib.sha256()
    for frame in (compressor.compress(head), *(chunk for _ in range(mebibytes)), compressor.compress(nar.string(b")"))):
        for decoded in decoder.feed(frame):
            digest.update(decoded)
            archive.feed(decoded)
    decoder.finish()
    archive.finish()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def wire(mebibytes: int, folder: Path) -> None:
    """Print what an archive of random bytes costs over HTTP, beside ``curl | zstd -d | sha256sum``. Bar: 1.3."""
    size, compressor = mebibytes << 20, zstandard.ZstdCompressor()
    head = b"".join(map(nar.string, (nar.MAGIC, b"(", b"type", b"regular", b"contents"))) + struct.pack("<Q", size)
    chunk = compressor.compress(random.Random(1).randbytes(ATTICS_CHUNK))  # noqa: S311  # Test data.
    with (folder / "x").open("wb") as file:
        file.write(compressor.compress(head))
        for _ in range(size // ATTICS_CHUNK):
            file.write(chunk)
        file.write(compressor.compress(nar.string(b")")))
    command = [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1) as server:
        try:
            address = f"http://127.0.0.1:{(server.stdout.readline() if server.stdout else '').split()[5]}"
            before = _children()
            pipe = ["sh", "-c", f"curl -s {address}/x | zstd -dc | sha256sum"]
            subprocess.run(pipe, check=True, stdout=subprocess.DEVNULL)
            theirs = _children() - before
            started, whole = time.process_time(), NarBody("zstd", len(head) + size + 16)
            (hop,) = Attic(address, ".", ca_file=None, deadline=60).nar("x", size, whole)
            whole.finish()
            mine = time.process_time() - started
        finally:
            server.terminate()
    if hop.status != OK or hop.cut or whole.trouble:
        raise AssertionError(f"{hop} {whole.trouble}")
    print(
        f"{mebibytes} MiB of random bytes over HTTP: {mine:.2f} CPU-seconds, curl | zstd | sha256sum {theirs:.2f}: {mine / theirs:.2f} times (bar 1.3)"
    )


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the table."""
    print(
        f"{'archive':<26} {'bare':>8} {'verify':>8} {'ratio':>7}   (CPU-seconds, median of {ROUNDS}; ratio of throughputs, bar 0.8)"
    )
    for name, frames in (
        ("one file of 64 MiB", body(64 << 20)),
        ("one file of 1 MiB", body(1 << 20)),
        ("4,000 files of 4 kB", tree(4000)),
    ):
        theirs, mine, cut = [], [], pieces(frames)
        for _ in range(ROUNDS):
            theirs.append(cpu(bare, frames))
            mine.append(cpu(verify, cut))
        one, other = statistics.median(theirs), statistics.median(mine)
        print(f"{name:<26} {one:>8.3f} {other:>8.3f} {one / other:>7.2f}")
    for mebibytes in (1, 64, 1024):
        command = [sys.executable, __file__, str(mebibytes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        print(f"memory, {mebibytes:>5} MiB: {int(done.stdout) / 1024:>6.1f} MiB more than before")
    if shutil.which("curl") and shutil.which("zstd"):
        with tempfile.TemporaryDirectory() as folder:
            wire(1024, Path(folder))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        memory(int(sys.argv[1]))
    else:
        main()
