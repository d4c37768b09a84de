"""A checkout on disk, read safely: bounded, never out of its tree, nothing executed; what is not read is named."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_gf.engine.errors import Unproven
from pytest_gf.engine.evidence import record
from pytest_gf.honey.answers import Texts

LARGEST_FILE = 2_000_000
"""Bytes of one file; a larger one is refused by name."""
LARGEST_TREE = 400_000_000
"""Bytes of all files together."""
MOST_FILES = 100_000
REPORT_EVERY = 5_000
"""Files. After so many a line says how far reading is."""
DEEPEST = 60
SKIPPED = frozenset({".git", ".jj", ".hg", "node_modules", ".venv", "__pycache__", ".direnv", ".tox", ".mypy_cache"})
"""Folders that are no part of what is committed."""


@dataclass(frozen=True)
class Checkout:
    """The texts of a checkout by path, in the order of the paths, and why each other file was not read."""

    root: Path
    texts: Mapping[str, str]
    refused: Mapping[str, str]


def read(root: Path, say: Callable[[str], None] = lambda _: None) -> Checkout:
    """Read a checkout; ``say`` hears of every `REPORT_EVERY` files. Raises Unproven where it is no folder, or holds more than the limits."""
    begun = time.monotonic()
    if not root.is_dir():
        raise Unproven(f"{root} is no folder", "give --gf-repository the checkout's folder")
    top = Path(os.path.realpath(root))
    texts: dict[str, str] = {}
    refused: dict[str, str] = {}
    left = LARGEST_TREE
    for count, (path, why) in enumerate(_files(top), 1):
        if count % REPORT_EVERY == 0:
            say(f"repository: {count} files read in {time.monotonic() - begun:.0f} s")
        # A name that is no UTF-8 stays readable, and can't break a report.
        name = path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")
        data = why or _content(f"{top}/{path}")
        if isinstance(data, str):
            refused[name] = data
            continue
        left -= len(data)
        if left < 0:
            raise Unproven(
                f"{root} holds more than {LARGEST_TREE} bytes", "give the checkout itself, without build results"
            )
        try:
            texts[name] = data.decode("utf-8")
        except UnicodeDecodeError as wrong:
            refused[name] = "binary" if b"\0" in data[:8_000] else f"not UTF-8, at byte {wrong.start}"
    seconds = time.monotonic() - begun
    record("repository", "read", seconds=seconds, path=str(root), files=len(texts), refused=len(refused))
    return Checkout(root, Texts(sorted(texts.items())), dict(sorted(refused.items())))


def read_one(path: Path) -> str:
    """Return the text of one file that the command line names. Raises Unproven with why it is not read."""
    data = _content(str(path))
    if isinstance(data, str):
        raise Unproven(f"{path}: {data}", "give a text file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise Unproven(f"{path}: not UTF-8, at byte {wrong.start}", "give a text file") from None


def _files(top: Path) -> Iterator[tuple[str, str]]:
    """Yield each file's path with "" or why it is not read; folders that are symlinks are not entered."""
    pending, count = [("", 0)], 0
    while pending:
        folder, depth = pending.pop()
        try:
            entries = sorted(os.scandir(f"{top}/{folder}"), key=lambda entry: entry.name)
        except OSError as wrong:
            yield folder, wrong.strerror or "can't be listed"
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            count += 1
            if count > MOST_FILES:
                raise Unproven(
                    f"{top} holds more than {MOST_FILES} files", "give the checkout itself, without build results"
                )
            if entry.is_dir(follow_symlinks=False):
                if entry.name in SKIPPED:
                    continue
                if depth >= DEEPEST:
                    yield path, f"deeper than {DEEPEST} folders"
                else:
                    pending.append((path, depth + 1))
            else:
                yield path, _why_not(top, entry)


def _why_not(top: Path, entry: os.DirEntry[str]) -> str:
    if not entry.is_symlink():
        return "" if entry.is_file(follow_symlinks=False) else "neither file nor folder"
    try:
        real = Path(os.path.realpath(entry.path, strict=True))
    except OSError as wrong:  # Nothing there, or a loop.
        return f"a symlink that leads nowhere: {wrong.strerror}"
    if not real.is_relative_to(top):
        return "a symlink out of the tree"
    if SKIPPED & set(real.relative_to(top).parts):
        return "a symlink to what is no part of the tree"
    return "" if real.is_file() else "a symlink to a folder, which is read in its own place"


def _content(path: str) -> bytes | str:
    """Return a file's bytes, or why they are not read. O_NONBLOCK: a FIFO put in a file's place must not hold the run."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as wrong:
        return wrong.strerror or "can't be opened"
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            return "neither file nor folder"
        if status.st_size > LARGEST_FILE:
            return f"{status.st_size} bytes; at most {LARGEST_FILE} are read"
        data = os.read(number, status.st_size)
        return data if len(data) == status.st_size else "it changed while it was read"
    except OSError as wrong:
        return wrong.strerror or "can't be read"
    finally:
        os.close(number)
