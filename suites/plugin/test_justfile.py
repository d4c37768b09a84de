"""deploy/justfile: the team's old commands, with their flags, are ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_gf.honey import contract

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
HASH = "g7y840vqna9ji1azbsnfdz2ixnskc6zg"
DEEP, RCA, HA = "tofu-state-authority-deep-check", "rustfs-bucket-index-rca", "tofu-state-ha-readiness"
NAR, INVENTORY = "attic-nar-integrity-check", "ha-state-candidate-inventory"
TABLE = [
    ((DEEP, "arc-runners"), ["--gf", "-m", "guard", "--gf-stack=arc-runners"]),
    (
        (DEEP, "attic", "--gf-strict", "-k", "a b"),
        ["--gf", "-m", "guard", "--gf-stack=attic", "--gf-strict", "-k", "a b"],
    ),
    ((RCA,), ["--gf", "-m", "rca"]),
    ((RCA, "--bucket", "attic"), ["--gf", "-m", "rca", "--gf-bucket=attic"]),
    ((RCA, "--bucket=attic", "--since", "30m"), ["--gf", "-m", "rca", "--gf-bucket=attic", "--gf-since=30m"]),
    ((RCA, "--since=2h", "-q"), ["--gf", "-m", "rca", "--gf-since=2h", "-q"]),
    ((RCA, "--scratch-probe"), ["--gf", "-m", "rca or canary"]),
    ((RCA, "--scratch-probe", "--strict-scratch-disk-markers"), ["--gf", "-m", "rca or canary"]),
    ((HA,), ["--gf", "-m", "ha"]),
    ((HA, "--expect-interim", "--gf-strict"), ["--gf", "-m", "ha", "--gf-expect-interim", "--gf-strict"]),
    ((NAR, "--store-hash", HASH), ["--gf", "-m", "nar", f"--gf-store-hash={HASH}"]),
    ((NAR, f"--store-hash={HASH}"), ["--gf", "-m", "nar", f"--gf-store-hash={HASH}"]),
    ((INVENTORY,), ["--gf", "-m", "inventory"]),
    (("info",), ["--gf", "-m", "environment"]),
]


def just(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    names = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/")} | variables
    command = [str(BIN / "just"), "--justfile", str(ROOT / "deploy" / "justfile"), *words]
    return subprocess.run(command, cwd=cwd, env=names, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def saying(tmp_path: Path) -> str:
    """A pytest that says with what words it was called, a line each."""
    script = tmp_path / "pytest"
    script.write_text("#!/bin/sh\npwd\nprintf '%s\\n' \"$@\"\nexit 7\n")
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(("words", "asked"), TABLE, ids=range(len(TABLE)))
def test_an_old_command_is_ours_with_its_flags(
    words: tuple[str, ...], asked: list[str], saying: str, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    done = just(*words, cwd=tmp_path / "here", GF_PYTEST=saying)
    assert [line for line in done.stdout.splitlines() if not line.startswith("bazel: ")] == [
        str(tmp_path / "here"),
        *asked,
    ]
    assert done.returncode == 7, done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((DEEP,), "got 0 positional arguments but takes at least 1"),
        ((RCA, "--bucket"), "--bucket needs the name of a bucket"),
        ((RCA, "--since"), "--since needs a time such as 30m"),
        ((NAR, "--store-hash"), "--store-hash needs the hash of a store path"),
    ],
    ids=range(4),
)
def test_a_flag_without_its_value_runs_nothing(words: tuple[str, ...], says: str, saying: str, tmp_path: Path) -> None:
    done = just(*words, cwd=tmp_path, GF_PYTEST=saying)
    assert done.returncode not in {0, 7}
    assert says in done.stderr
    assert done.stdout == ""


def test_it_lists_every_command_that_the_team_had(tmp_path: Path) -> None:
    done = just("--list", cwd=tmp_path)
    listed = {line.split()[0] for line in done.stdout.splitlines()[1:]}
    scripts = {"validate-attic-write-quarantine"}  # It was a script, and no recipe.
    assert listed == {*contract.load().commands, "info", "default"} - scripts
    assert just(cwd=tmp_path).stdout == done.stdout


@pytest.mark.parametrize(("cache", "says"), [("", "compatibility-local-only"), ("grpc://c:9092", "grpc://c:9092")])
def test_info_says_what_bazel_is_attached_to(cache: str, says: str, saying: str, tmp_path: Path) -> None:
    done = just("info", cwd=tmp_path, GF_PYTEST=saying, BAZEL_REMOTE_CACHE=cache)
    assert done.stdout.splitlines()[0] == f"bazel: {says}"


@pytest.mark.slow
@pytest.mark.parametrize("words", [TABLE[at][0] for at in (0, 3, 9, 10, 12, 13)], ids=" ".join)
def test_pytest_takes_what_a_command_asks(words: tuple[str, ...], tmp_path: Path) -> None:
    done = just(*words, "--collect-only", "-q", "-p", "no:cacheprovider", cwd=tmp_path, GF_PYTEST=f"{BIN}/pytest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "::test_" in done.stdout
