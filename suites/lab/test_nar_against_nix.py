"""Our formats against a real Nix: archives byte for byte, store paths, hashes."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_gf.honey.formats import nixbase32
from pytest_gf.honey.formats.nar import Directory, Node, Reader, Regular, Symlink, write

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("nix-store") is None, reason="no nix-store here: apt-get install nix-bin"),
]

TREES: dict[str, Node] = {
    "file": Regular(b"hello\n"),
    "empty": Regular(b""),
    "executable": Regular(b"#!/bin/sh\n", executable=True),
    "link": Symlink(b"../elsewhere"),
    "large": Regular(random.Random(1).randbytes(300_001)),  # noqa: S311  # Test data.
    "tree": Directory(
        {
            b"a": Directory({}),
            b"B": Regular(b"upper case first"),
            "ü".encode(): Regular(b"not ascii"),
            b"\xff\xfe": Regular(b"not utf-8"),
            b"with space": Directory({b"deep": Directory({b"er": Symlink(b"/nix/store")})}),
            b"run": Regular(b"x" * 8, executable=True),
        }
    ),
}


def make(path: bytes, node: Node) -> None:
    """Make a tree on disk."""
    if isinstance(node, Symlink):
        Path(os.fsdecode(path)).symlink_to(os.fsdecode(node.target))
    elif isinstance(node, Regular):
        place = Path(os.fsdecode(path))
        place.write_bytes(node.contents)
        place.chmod(0o755 if node.executable else 0o644)
    else:
        Path(os.fsdecode(path)).mkdir()
        for name, below in node.entries.items():
            make(path + b"/" + name, below)


def nix(folder: Path, *arguments: str) -> bytes:
    """Run a Nix program on a store of its own below ``folder``."""
    places = {
        "NIX_STATE_DIR": folder / "var",
        "NIX_LOG_DIR": folder / "log",
        "NIX_CONF_DIR": folder / "etc",
        "HOME": folder,
        "PATH": os.environ["PATH"],
    }
    environment = {name: str(value) for name, value in places.items()}
    done = subprocess.run(arguments, capture_output=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("name", TREES)
def test_what_we_write_is_what_nix_dumps(name: str, tmp_path: Path) -> None:
    make(os.fsencode(tmp_path / "tree"), TREES[name])
    dumped = nix(tmp_path, "nix-store", "--dump", str(tmp_path / "tree"))
    assert b"".join(write(TREES[name])) == dumped
    reader = Reader()
    reader.feed(dumped)
    reader.finish()


@pytest.mark.parametrize("name", TREES)
def test_the_digest_in_nixs_spelling(name: str, tmp_path: Path) -> None:
    make(os.fsencode(tmp_path / "tree"), TREES[name])
    hashed = nix(tmp_path, "nix-hash", "--type", "sha256", "--base32", str(tmp_path / "tree")).decode().strip()
    assert nixbase32.encode(hashlib.sha256(b"".join(write(TREES[name]))).digest()) == hashed
