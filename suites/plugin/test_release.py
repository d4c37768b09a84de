"""The release: its lock fits pyproject, its fragments make a changelog, and what it builds holds what it must."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "deploy" / "requirements"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RELEASE = ROOT / "deploy" / "release.py"
LINE = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+)", re.MULTILINE)


def locked(name: str) -> dict[str, str]:
    """Return the versions of a lock."""
    return {canonicalize_name(package): version for package, version in LINE.findall((REQUIREMENTS / name).read_text())}


def wanted() -> dict[str, list[Requirement]]:
    asked = {f"{path.stem}.txt": path.read_text().splitlines() for path in REQUIREMENTS.glob("*.in")}
    return {name: [Requirement(line) for line in lines] for name, lines in asked.items()} | {
        "runtime.txt": [Requirement(line) for line in PROJECT["dependencies"]]
    }


@pytest.mark.parametrize("name", ["runtime.txt", "build.txt", "release.txt"])
def test_the_lock_satisfies_what_is_asked_and_has_hashes(name: str) -> None:
    versions = locked(name)
    for requirement in wanted()[name]:
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not locked: see deploy/README.md"
        assert requirement.specifier.contains(version), (
            f"{name} has {requirement.name} {version}, and {requirement} is asked"
        )
    for entry in re.split(r"\n(?=[A-Za-z0-9])", (REQUIREMENTS / name).read_text()):
        assert not LINE.match(entry) or "--hash=sha256:" in entry, entry


def test_every_dependency_is_below_its_next_major() -> None:
    for line in (*PROJECT["dependencies"], *(REQUIREMENTS / "release.in").read_text().split("\n")[:-1]):
        assert "<" in line, line


def release(*arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "deploy" / "release.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_tag_must_be_the_version() -> None:
    assert release("tag", f"v{PROJECT['version']}").returncode == 0
    other = release("tag", "v9.9.9")
    assert other.returncode == 1
    assert other.stderr == (
        f"the tag is 'v9.9.9', and pyproject.toml has version {PROJECT['version']}: expected v{PROJECT['version']}\n"
    )
    assert release("tag").returncode == release("nothing").returncode == release().returncode == 4


def test_the_fragments_make_a_changelog(tmp_path: Path) -> None:
    """In a copy: fragments left are refused, and towncrier's section is what the release looks for."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "release.py").write_text(RELEASE.read_text())
    shutil.copy(ROOT / "deploy" / "changelog.md.jinja", tmp_path / "deploy")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "changelog").mkdir()
    for path in (ROOT / "changelog").iterdir():
        (tmp_path / "changelog" / path.name).write_bytes(path.read_bytes())
    fragments = sorted((tmp_path / "changelog").glob("*.*.md"))
    assert "fragments are left" in release("changelog", root=tmp_path).stderr
    build = [sys.executable, "-m", "towncrier", "build", "--yes", f"--version={PROJECT['version']}"]
    texts = [path.read_text().strip().split("\n")[0] for path in fragments]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    written = (tmp_path / "CHANGELOG.md").read_text()
    assert [text for text in texts if text not in written] == []
    assert release("changelog", root=tmp_path).returncode == 0


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", f"--outdir={folder}", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_distributions_hold_what_they_must_and_nothing_else(built: Path) -> None:
    done = release("contents", str(built))
    assert done.returncode == 0, done.stderr
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"deploy/overlays/honey/kustomization.yaml", "docs/usage.md", "LICENSE"} <= inside
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


@pytest.mark.parametrize("name", ["pytest_gf/__pycache__/plugin.pyc", "reports/run/record.json"])
def test_what_must_not_be_released_is_named(name: str, built: Path, tmp_path: Path) -> None:
    for path in built.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with zipfile.ZipFile(next(tmp_path.glob("*.whl")), "a") as wheel:
        wheel.writestr(name, "x")
    done = release("contents", str(tmp_path))
    assert done.returncode == 1
    assert f"holds {name}, and 0 more" in done.stderr


def test_twine_takes_them(built: Path) -> None:
    paths = [str(path) for path in built.iterdir()]
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *paths],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


@pytest.mark.slow
def test_the_workflows_bill_of_materials_names_every_dependency(tmp_path: Path) -> None:
    """Its own line, over the environment of these tests in the place of the release's."""
    steps = yaml.safe_load((ROOT / "deploy" / "github" / "workflows" / "release.yml").read_text())["jobs"]["build"][
        "steps"
    ]
    (line,) = (
        line
        for step in steps
        for line in step.get("run", "").splitlines()
        if line.startswith("cyclonedx-py environment ")
    )
    words = shlex.split(
        line.replace("$RUNNER_TEMP/installed", sys.prefix).replace("pyproject.toml", str(ROOT / "pyproject.toml"))
    )
    command = [str(Path(sys.executable).with_name(words[0])), *words[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    bill = json.loads((tmp_path / words[words.index("-o") + 1]).read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "pytest-gf")
    assert bill["metadata"]["component"]["version"] == PROJECT["version"]
    named = {canonicalize_name(component["name"]) for component in bill["components"]}
    assert {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]} <= named
