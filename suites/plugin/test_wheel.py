"""The wheel: the same house anywhere with --gf, and nothing at all in a project that has no clauses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
CLIENTS = ("boto3", "botocore", "kubernetes", "grpc", "httpx", "aiohttp", "moto", "requests", "websocket")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        f"--wheel-dir={folder}",
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def run(folder: Path, site: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder with the unpacked wheel first on the path, and no checkout on it."""
    unwanted = ("GF_", "PYTEST_", "PYTHONDONTWRITEBYTECODE")  # The first run compiles the wheel for all.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)} | {
        "PYTHONPATH": f"{site}{os.pathsep}{ROOT / 'suites' / 'without'}"
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *args]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "n2"])
def test_the_wheel_in_an_empty_folder(workers: list[str], installed: Path, tmp_path: Path) -> None:
    done = run(tmp_path, installed, "--gf", "-m", "canary", *workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "81 passed" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("LAB - honey was not observed")
    assert (tmp_path / "reports" / "latest" / "record.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]


def test_the_wheel_holds_the_house_and_its_data(installed: Path) -> None:
    package = installed / "pytest_gf"
    for name in (
        "py.typed",
        "honey/contract/gloriousflywheel.toml",
        "honey/contract/statements.toml",
        "honey/suite/fixtures/rustfs.py",
    ):
        assert (package / name).is_file(), name
    assert list((package / "honey" / "suite" / "suites" / "contract").rglob("test_*.py"))
    assert {path.name for path in installed.iterdir()} == {
        "pytest_gf",
        *(path.name for path in installed.glob("*.dist-info")),
    }


STRANGER = """
import sys
import warnings

def test_passes():
    assert True

def test_fails():
    assert [1, 2] == [1, 3]

def test_warns():
    warnings.warn("mine")

def test_last():
    assert not {clients} & set(sys.modules)
"""


@pytest.mark.parametrize(
    "args",
    [[], ["-m", "canary"], ["-k", "passes", "-v"], ["--collect-only"], ["-n", "2"], ["nowhere.py"]],
    ids=" ".join,
)
def test_inert_in_a_strangers_project(args: list[str], installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_stranger.py").write_text(STRANGER.replace("{clients}", repr(set(CLIENTS))))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    canary: the stranger's own\n")
    before = sorted(tmp_path.iterdir())
    with_plugin = run(tmp_path, installed, *args)
    without = run(tmp_path, installed, "-p", "no:pytest_gf", *args)
    assert with_plugin.returncode == without.returncode
    assert normal(with_plugin.stdout) == normal(without.stdout)
    assert with_plugin.stderr == without.stderr
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "__pycache__"] == before


def normal(text: str) -> list[str]:
    """Return the output's lines without times, and without the line that names the plugins."""
    lines = [
        re.sub(r"in \d+\.\d+s|0x[0-9a-f]+|\[gw\d\]|=+", "", line)
        for line in text.splitlines()
        if not line.startswith("plugins:")
    ]
    return sorted(lines)


@pytest.mark.parametrize(
    "args",
    [["-m", "canary", "--collect-only"], ["-m", "repository or quarantine or environment", "--gf-repository=model"]],
    ids=["collecting", "judging files"],
)
def test_a_run_that_asks_no_server_imports_no_client(args: list[str], installed: Path, tmp_path: Path) -> None:
    shutil.copytree(installed / "pytest_gf" / "lab" / "model" / "repository", tmp_path / "model")
    plain = ["--gf", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    program = (
        "import sys, pytest\n"
        f"code = pytest.main({[*plain, *args]!r})\n"
        f"found = sorted({{*{CLIENTS!r}}} & {{name.partition('.')[0] for name in sys.modules}})\n"
        "print('imported:', found)\n"
        "sys.exit(code or bool(found))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "imported: []" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} <= {"model", "reports"}
    assert "--collect-only" in args or " passed" in done.stdout
