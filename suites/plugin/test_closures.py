"""A closure is read from wherever Nix leaves one: a list with dumps, the folder of a binary cache, a local store."""

from __future__ import annotations

import bz2
import contextlib
import json
import lzma
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pytest_gf.honey import closures
from pytest_gf.honey.formats import closure
from pytest_gf.honey.formats.closure import Member

PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "none": ("", bytes),
    "xz": (".xz", lzma.compress),
    "zstd": (".zst", zstandard.ZstdCompressor().compress),
}


@pytest.fixture
def made() -> list[tuple[Member, bytes]]:
    return [*closure.synthetic(3, b"of a test"), next(closure.fresh_pair(b"of a test"))]


def packed(folder: Path, compression: str) -> None:
    """Pack each archive of a binary cache, and let its narinfo say so."""
    suffix, pack = PACKERS[compression]
    for info in folder.glob("*.narinfo"):
        nar = folder / "nar" / f"{info.stem}.nar"
        data = pack(nar.read_bytes())
        nar.unlink()
        (folder / "nar" / f"{info.stem}.nar{suffix}").write_bytes(data)
        text = info.read_text().replace("Compression: none", f"Compression: {compression}")
        info.write_text(text.replace(f"{info.stem}.nar\n", f"{info.stem}.nar{suffix}\n"))


@pytest.mark.parametrize("compression", PACKERS)
def test_the_folder_of_a_binary_cache(compression: str, made: list[tuple[Member, bytes]], tmp_path: Path) -> None:
    closures.lay(tmp_path / "cache", made)
    packed(tmp_path / "cache", compression)
    members, archives = closures.read(tmp_path / "cache", "cache")
    by_name = {member.name: (member, nar) for member, nar in made}
    assert {member.name for member in members} == set(by_name)
    for member in members:
        nar = archives.nar(member)
        assert nar == by_name[member.name][1]
        assert member.is_of(nar)
        assert sorted(member.references) == sorted(by_name[member.name][0].references)
    assert [member.ca is not None for member in members if "short" in member.name] == [True]


def test_a_list_with_dumps_beside_it(made: list[tuple[Member, bytes]], tmp_path: Path) -> None:
    infos = {
        member.store_path: {
            "narHash": f"sha256:{member.nar_hash.hex()}",
            "narSize": member.nar_size,
            "references": [f"{closure.STORE}/{name}" for name in member.references],
        }
        for member, _ in made
    }
    (tmp_path / "c.json").write_text(json.dumps(infos))
    for member, nar in made[1:]:
        (tmp_path / f"{member.name}.nar").write_bytes(nar)
    with pytest.raises(closure.Malformed, match=f"no archive {made[0][0].name}.nar beside it"):
        closures.read(tmp_path / "c.json", "c.json")
    (tmp_path / f"{made[0][0].name}.nar").write_bytes(made[0][1])
    members, archives = closures.read(tmp_path / "c.json", "c.json")
    assert archives.nar(members[0]) == made[0][1]


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Return what changes a text in the first file that a pattern names."""

    def change(folder: Path) -> None:
        path = min(folder.glob(name))
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def without(pattern: str) -> Callable[[Path], None]:
    """Return what deletes the files that a pattern names."""

    def change(folder: Path) -> None:
        files = list(folder.glob(pattern))
        assert files
        for file in files:
            file.unlink()

    return change


FIRST = next(closure.synthetic(1, b"of a test"))[0]
"""The others refer to it."""
WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "no binary cache": (without("nix-cache-info"), "so it is no binary cache"),
    "no narinfo": (without("*.narinfo"), "expected 1 to 1000"),
    "a narinfo that is none": (edit("*.narinfo", "StorePath", "Store"), r"\.narinfo: missing: no StorePath"),
    "another store": (edit("*.narinfo", "StorePath: /nix/store", "StorePath: /gnu/store"), "is not in /nix/store"),
    "an archive outside": (edit("*.narinfo", "URL: nar/", "URL: ../nar/"), "no archive ../nar/"),
    "an absolute archive": (edit("*.narinfo", "URL: nar/", "URL: /etc/"), "no archive /etc/"),
    "an archive that is not there": (without(f"nar/{FIRST.hash}.nar"), "no archive nar/"),
    "a reference that is not there": (without(f"{FIRST.hash}.narinfo"), "which is not in the closure"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_binary_cache_says_why(name: str, made: list[tuple[Member, bytes]], tmp_path: Path) -> None:
    change, says = WRONG[name]
    closures.lay(tmp_path / "c", made[:3])
    change(tmp_path / "c")
    with pytest.raises(closure.Malformed, match=says) as wrong:
        closures.read(tmp_path / "c", "c")
    assert len(str(wrong.value).splitlines()) == 1


@pytest.mark.parametrize(
    "body", [b"", b"rubbish", lzma.compress(b"x" * 999_999), lzma.compress(b"short")[:-4], bz2.compress(b"x")]
)
def test_an_archive_that_is_none_can_not_be_had(body: bytes, made: list[tuple[Member, bytes]], tmp_path: Path) -> None:
    closures.lay(tmp_path / "c", made)
    packed(tmp_path / "c", "xz")
    (member, *_), archives = closures.read(tmp_path / "c", "c")
    next((tmp_path / "c" / "nar").glob(f"{member.hash}*")).write_bytes(body)
    with contextlib.suppress(closures.Unreadable):
        assert not member.is_of(archives.nar(member))


def test_a_store_path_needs_nix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(closures.Unreadable, match="nix is not on PATH"):
        closures.read(Path("/nix/store/x"), "/nix/store/x")


@pytest.mark.real
@pytest.mark.skipif(shutil.which("nix") is None, reason="no nix here: apt-get install nix-bin")
def test_a_real_nix_takes_our_folder_and_gives_its_store(
    made: list[tuple[Member, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our folder is copied into a store, its closure read from there, and from the folders that Nix makes of it."""
    closures.lay(tmp_path / "ours", made)
    for name in ("HOME", "NIX_STATE_DIR", "NIX_LOG_DIR", "NIX_CONF_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("NIX_REMOTE", str(tmp_path / "root"))
    root = made[2][0].store_path
    nix("copy", "--no-check-sigs", "--from", f"file://{tmp_path / 'ours'}", "--to", str(tmp_path / "root"), root)
    members, archives = closures.read(Path(root), root)
    assert {member.store_path for member in members} == {member.store_path for member, _ in made[:3]}
    for member, nar in made[:3]:
        assert archives.nar(member) == nar
    for compression in ("xz", "zstd", "none"):
        folder = tmp_path / compression
        nix("copy", "--from", str(tmp_path / "root"), "--to", f"file://{folder}?compression={compression}", root)
        theirs, archives = closures.read(folder, compression)
        assert set(theirs) == set(members)
        assert all(member.is_of(archives.nar(member)) for member in theirs)
    with pytest.raises(closures.Unreadable, match="nix path-info"):
        closures.read(Path(f"{closure.STORE}/{'0' * 32}-x"), f"{closure.STORE}/{'0' * 32}-x")


def nix(*words: str) -> None:
    done = subprocess.run(
        [shutil.which("nix") or "nix", *closures.EXPERIMENTAL, *words],
        capture_output=True,
        timeout=120,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr.decode()
