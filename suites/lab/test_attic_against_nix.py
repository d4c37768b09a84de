"""A real Nix as judge: of more than a hundred narinfos and bodies it says what we say, or we are stricter for a reason."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_gf import Unproven
from pytest_gf.engine.facts import read_folder
from pytest_gf.honey.formats import narinfo
from pytest_gf.honey.observed.attic import Signed
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.probes.attic import Attic
from suites.lab.nix_cases import CASES, LENIENT, NEWER, NEWEST, PUBLIC, STORE, STRICTER, Case

FACTS = read_folder(Path(__file__).parents[2] / "fixtures")
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("nix") is None, reason="no nix here: apt-get install nix-bin"),
]


@functools.cache
def newer() -> dict[str, bool]:
    """Return what the Nix of this machine judges otherwise than Nix 2.8; it was seen with 2.8.0, 2.26.3 and 2.34.8."""
    command = ["nix", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    version = tuple(map(int, re.findall(r"\d+", said)[:2]))
    return NEWEST if version >= (2, 34) else NEWER if version >= (2, 26) else {}


def nix_takes(address: str, case: Case, folder: Path) -> tuple[bool, str]:
    """Tell whether a real Nix copies the path into a store of its own, and what it said."""
    places = {name: str(folder / name) for name in ("NIX_STATE_DIR", "NIX_LOG_DIR", "NIX_CONF_DIR", "HOME")}
    command = ["nix", "--extra-experimental-features", "nix-command", "copy", "--from", f"{address}/main"]
    command += ["--to", str(folder / "store"), "--option", "trusted-public-keys", PUBLIC]
    command += ["--option", "download-attempts", "1", f"{STORE}/{case.base}"]
    done = subprocess.run(
        command,
        capture_output=True,
        env=places | {"PATH": os.environ["PATH"]},
        timeout=120,
        check=False,
    )
    return done.returncode == 0, done.stderr.decode(errors="replace")


def we_take(address: str, case: Case) -> tuple[bool, str]:
    """Tell whether both clauses on the path hold, and what they said."""
    attic = Attic(address, "main", ca_file=None, deadline=10.0)
    store_hash = case.base[:32]
    archive = FACTS["attic_store_hash"].function(attic, None, BucketListed("attic"), "api", store_hash)
    if not archive.holds:
        return False, archive.diagnosis
    signed = Signed("api", archive.info, narinfo.PublicKey.parse(PUBLIC))
    return signed.holds, signed.diagnosis


@pytest.mark.parametrize("name", CASES)
def test_nix_and_we_say_the_same(name: str, serve: Callable[..., str], tmp_path: Path) -> None:
    case = CASES[name]
    answers: dict[str, Any] = {f"/main/{place}": answer for place, answer in case.answers.items()}
    address = serve(lambda _, path: answers.get(path, (404, {}, b"")))
    takes, said = nix_takes(address, case, tmp_path)
    try:
        ours, why = we_take(address, case)
    except Unproven as unproven:
        pytest.fail(f"no verdict of ours: {unproven}; Nix: {said}")
    expected = newer().get(name)
    if expected is not None:
        assert (takes, ours) == (expected, name in LENIENT), f"listed as newer: Nix: {said}; we: {why}"
    elif name in STRICTER:
        assert (takes, ours) == (True, False), f"listed as stricter: {STRICTER[name]}; Nix: {said}; we: {why}"
    else:
        assert takes == ours, f"Nix: {said}; we: {why}"


def test_every_difference_is_one_of_the_cases() -> None:
    assert set(STRICTER) | set(NEWEST) <= set(CASES)
    assert len(CASES) >= 60
