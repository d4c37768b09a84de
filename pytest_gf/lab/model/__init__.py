"""The lab's model of the infrastructure repository and of a runner: files beside this one, each fault a small diff to them."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
PARTS = ("repository", "environment")
ERRORED = b"""{"version": 4, "terraform_version": "1.12.6", "serial": 63, "lineage": "6f1d8c1e-0000-4000-8000-0123456789ab",
 "outputs": {}, "resources": [], "check_results": null}
"""
"""What an apply leaves that could not save its state; of a lineage that is no stack's of the lab."""
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


class NoFit(ValueError):
    """A diff that does not fit its file: the model was changed, and the fault was not."""


@functools.cache
def faults() -> Mapping[str, str]:
    """Return what each fault of the model bends, by its name: the first line of its diff."""
    return {
        path.stem: path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        for path in sorted((HERE / "faults").glob("*.diff"))
    }


def lay(folder: Path, names: Sequence[str]) -> None:
    """Write the model below a folder that is not there yet, bent by the faults of it that are named. Raises NoFit."""
    for part in PARTS:
        shutil.copytree(HERE / part, folder / part)
    for name in names:
        fault, _, stack = name.partition(":")
        if fault == "errored-left":
            (folder / "repository" / "tofu" / "stacks" / stack / "errored.tfstate").write_bytes(ERRORED)
        elif name in faults():
            bend(folder, (HERE / "faults" / f"{name}.diff").read_text(encoding="utf-8"))


def bend(folder: Path, diff: str) -> None:
    """Apply a unified diff; ``/dev/null`` makes or removes a file. Raises NoFit."""
    for old, new, lines in _files(diff):
        path = folder / (new if old == "/dev/null" else old)
        before = [] if old == "/dev/null" else path.read_text(encoding="utf-8").splitlines()
        after = _applied(before, lines, old)
        if new == "/dev/null":
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in after), encoding="utf-8")


def _files(diff: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each file's old and new path, and the lines of its hunks."""
    lines = diff.splitlines()
    starts = [at for at, line in enumerate(lines) if line.startswith("--- ")]
    for at, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        old, new = (lines[at + row][4:].strip() for row in (0, 1))
        yield old.removeprefix("a/"), new.removeprefix("b/"), lines[at + 2 : end]


def _applied(before: list[str], lines: list[str], name: str) -> list[str]:
    after: list[str] = []
    at = 0
    for line in lines:
        hunk = _HUNK.match(line)
        if hunk:
            # An empty old side counts from the line above it.
            start = int(hunk[1]) - (hunk[2] != "0")
            after += before[at:start]
            at = start
        elif line[:1] in {" ", "-"}:
            if at >= len(before) or before[at] != line[1:]:
                raise NoFit(f"{name}:{at + 1}: the diff does not fit: {line!r}")
            after += [before[at]] if line[0] == " " else []
            at += 1
        elif line[:1] == "+":
            after.append(line[1:])
    return after + before[at:]
