"""Closures to publish, wherever they lie: a list with dumps beside it, the folder of a binary cache, the store of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pytest_gf.engine.redaction import redact
from pytest_gf.honey.formats import closure, narinfo, packed
from pytest_gf.honey.formats.closure import STORE, Malformed, Member

LONGEST_LIST = 16 * 1024 * 1024
"""Bytes of a file that lists a closure."""
LARGEST = 1024 * 1024 * 1024
"""Bytes of one archive."""
MOST_FILES = 10_000
"""Narinfos of a binary cache's folder."""
PATIENCE = 600.0
"""Seconds that Nix may take for one answer."""
KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "USER",
    "NIX_REMOTE",
    "NIX_CONF_DIR",
    "NIX_STATE_DIR",
    "NIX_STORE_DIR",
    "NIX_LOG_DIR",
)
"""The variables that Nix gets: where its store is, and no credential."""
EXPERIMENTAL = ("--extra-experimental-features", "nix-command")
CACHE_INFO = "nix-cache-info"


class Unreadable(Exception):
    """An archive or a store that can't be read. The message is one line."""


class Archives(Protocol):
    """Where the archives of a closure lie."""

    def nar(self, member: Member) -> bytes:
        """Return the archive of a member. Raises Unreadable."""
        ...


@dataclass(frozen=True)
class Dumps:
    """``BASENAME.nar`` of ``nix-store --dump`` in a folder."""

    folder: Path

    def nar(self, member: Member) -> bytes:
        """Return the archive of a member. Raises Unreadable."""
        return _bytes(self.folder / f"{member.name}.nar")


@dataclass(frozen=True)
class BinaryCache:
    """The folder of a binary cache, as ``nix copy --to file://FOLDER`` makes it; ``files`` by base name: where, and how compressed."""

    folder: Path
    files: Mapping[str, tuple[str, str]]

    def nar(self, member: Member) -> bytes:
        """Return the archive of a member. Raises Unreadable."""
        name, compression = self.files[member.name]
        data = _bytes(self.folder / name)
        try:
            decoder = packed.decoder(compression, member.nar_size)
            pieces = list(decoder.feed(data))
            decoder.finish()
        except ValueError as wrong:
            raise Unreadable(f"{name}: {wrong}") from None
        return b"".join(pieces)


@dataclass(frozen=True)
class LocalStore:
    """The store of this machine's Nix; ``program`` is where that is."""

    program: str

    def nar(self, member: Member) -> bytes:
        """Return the archive of a member. Raises Unreadable."""
        return run_nix(self.program, ("store", "dump-path", member.store_path))


def read(path: Path, text: str) -> tuple[tuple[Member, ...], Archives]:
    """Return the closure that ``text`` names, which is ``path`` where it is a file or a folder, and where its archives lie.

    Raises Malformed, Unreadable and OSError.
    """
    if text.startswith(f"{STORE}/"):
        program = shutil.which("nix")
        if program is None:
            raise Unreadable("the program nix is not on PATH: give a file, or the folder of a binary cache")
        return closure.read(run_nix(program, ("path-info", "-r", "--json", text))), LocalStore(program)
    if path.is_dir():
        return _binary_cache(path)
    if path.stat().st_size > LONGEST_LIST:
        raise Malformed(f"longer than {LONGEST_LIST} bytes")
    members = closure.read(path.read_bytes())
    absent = [member.name for member in members if not (path.parent / f"{member.name}.nar").is_file()]
    if absent:
        raise Malformed(f"no archive {absent[0]}.nar beside it (nix-store --dump {STORE}/{absent[0]})")
    return members, Dumps(path.parent)


def run_nix(program: str, words: Sequence[str], **more: str) -> bytes:
    """Return what Nix prints; ``more`` are further variables. Raises Unreadable."""
    variables = {name: os.environ[name] for name in KEPT if name in os.environ} | more
    try:
        done = subprocess.run(  # noqa: S603  # The user named the store path; the other words are ours.
            [program, *EXPERIMENTAL, *words],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as wrong:
        raise Unreadable(f"nix {words[0]}: {wrong}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unreadable(
            f"nix {' '.join(words[:2])}: exit {done.returncode}: {redact(said[-1])[:300] if said else 'nothing'}"
        )
    return done.stdout


def lay(folder: Path, members: Iterable[tuple[Member, bytes]]) -> None:
    """Write a binary cache of these members into a folder: what Nix itself can copy from. Nothing in it is signed."""
    (folder / "nar").mkdir(parents=True)
    (folder / CACHE_INFO).write_text(f"StoreDir: {STORE}\n")
    for member, nar in members:
        (folder / "nar" / f"{member.hash}.nar").write_bytes(nar)
        lines = [
            f"StorePath: {member.store_path}",
            f"URL: nar/{member.hash}.nar",
            "Compression: none",
            f"NarHash: sha256:{member.nar_hash.hex()}",
            f"NarSize: {member.nar_size}",
            f"References: {' '.join(sorted(member.references))}",
            *([f"CA: {member.ca}"] if member.ca else []),
        ]
        (folder / f"{member.hash}.narinfo").write_text("".join(f"{line}\n" for line in lines))


def _binary_cache(folder: Path) -> tuple[tuple[Member, ...], BinaryCache]:
    if not (folder / CACHE_INFO).is_file():
        raise Malformed(f"no {CACHE_INFO} in it, so it is no binary cache (nix copy --to file://FOLDER PATH)")
    members, files = [], {}
    for path in _narinfos(folder):
        try:
            info = narinfo.parse(path.read_bytes())
        except narinfo.Malformed as wrong:
            raise Malformed(f"{path.name}: {wrong}") from None
        if not info.store_path.startswith(f"{STORE}/"):
            raise Malformed(f"{path.name}: {info.store_path[:80]} is not in {STORE}")
        if Path(info.url).is_absolute() or ".." in Path(info.url).parts or not (folder / info.url).is_file():
            raise Malformed(f"{path.name}: no archive {info.url[:120]} in it")
        made = Member.of(info)
        members.append(made)
        files[made.name] = (info.url, info.compression)
    return closure.whole(members), BinaryCache(folder, files)


def _narinfos(folder: Path) -> Iterator[Path]:
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".narinfo")
    if len(paths) > MOST_FILES:
        raise Malformed(f"{len(paths)} narinfos; at most {MOST_FILES} are read")
    return iter(paths)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"{path.name} is longer than {LARGEST} bytes")
        return path.read_bytes()
    except OSError as wrong:
        raise Unreadable(f"{path.name} can't be read: {wrong.strerror}") from None
