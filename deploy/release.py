"""What a release checks before it publishes: `tag v1.2.3`, `changelog`, `contents dist`. Exit 1 with one line for what is wrong."""

from __future__ import annotations

import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
TOPS = {"pytest_gf", "fixtures", "suites", "docs", "deploy"}
"""The folders of an sdist."""
FILES = {"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "PKG-INFO", "pyproject.toml", ".gitignore"}
"""The files at its top."""
NEVER = {"__pycache__", ".venv", ".git", "reports.json", "env.sh", ".coverage"}
"""Names of files and folders that nothing released holds."""


def tag(given: str) -> Iterator[str]:
    """Yield a line where a tag is not this version's."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    if given != f"v{version}":
        yield f"the tag is {given!r}, and pyproject.toml has version {version}: expected v{version}"


def changelog() -> Iterator[str]:
    """Yield a line for what a release left out of its changelog."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    left = sorted(path.name for path in (ROOT / "changelog").glob("*.*.md"))
    if left:
        yield f"{len(left)} fragments are left, {left[0]} first: run towncrier build --version={version}, and commit"
    written = ROOT / "CHANGELOG.md"
    if not written.is_file() or f"\n## {version} (" not in f"\n{written.read_text()}":
        yield f"CHANGELOG.md has no section of {version}: run towncrier build --version={version}, and commit"


def contents(folder: str) -> Iterator[str]:
    """Yield a line for each thing that a distribution holds and must not, or lacks."""
    wheels, sdists = sorted(Path(folder).glob("*.whl")), sorted(Path(folder).glob("*.tar.gz"))
    if len(wheels) != 1 or len(sdists) != 1:
        yield f"{folder}: expected one wheel and one sdist, not {len(wheels)} and {len(sdists)}"
        return
    names = [PurePosixPath(name) for name in zipfile.ZipFile(wheels[0]).namelist()]
    yield from _odd(wheels[0].name, [name for name in names if name.parts[0] != "pytest_gf" and not _is_info(name)])
    yield from _odd(wheels[0].name, [name for name in names if NEVER & set(name.parts)])
    yield from _lacks(wheels[0].name, {str(name) for name in names}, ("pytest_gf/py.typed", "pytest_gf/plugin.py"))
    yield from _lacks(wheels[0].name, {name.name for name in names if _is_info(name)}, ("LICENSE", "METADATA"))
    with tarfile.open(sdists[0]) as opened:
        inside = [PurePosixPath(*PurePosixPath(name).parts[1:]) for name in opened.getnames()]
    inside = [name for name in inside if name.parts]
    odd = [name for name in inside if name.parts[0] not in (TOPS if len(name.parts) > 1 else TOPS | FILES)]
    yield from _odd(sdists[0].name, odd)
    yield from _odd(sdists[0].name, [name for name in inside if NEVER & set(name.parts)])
    yield from _lacks(sdists[0].name, {str(name) for name in inside}, ("LICENSE", "README.md", "pyproject.toml"))


def _is_info(name: PurePosixPath) -> bool:
    return name.parts[0].endswith(".dist-info")


def _odd(distribution: str, names: Sequence[PurePosixPath]) -> Iterator[str]:
    if names:
        yield f"{distribution} holds {names[0]}, and {len(names) - 1} more that it must not"


def _lacks(distribution: str, names: set[str], wanted: Sequence[str]) -> Iterator[str]:
    missing = [name for name in wanted if name not in names]
    if missing:
        yield f"{distribution} lacks {', '.join(missing)}"


CHECKS: dict[str, Callable[..., Iterator[str]]] = {"tag": tag, "changelog": changelog, "contents": contents}


def main(arguments: Sequence[str]) -> int:
    """Run one check; 0 where nothing is wrong, 4 where no such check was meant."""
    name, *given = arguments or ("",)
    if name not in CHECKS or len(given) != CHECKS[name].__code__.co_argcount:
        print("expected: release.py tag TAG, release.py changelog, or release.py contents FOLDER", file=sys.stderr)
        return 4
    wrong = list(CHECKS[name](*given))
    print("\n".join(wrong) or f"{name}: right", file=sys.stderr if wrong else sys.stdout)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
