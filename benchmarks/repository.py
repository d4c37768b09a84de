"""``python benchmarks/repository.py``: the repository clauses' facts over 5,000 files, beside git grep plus the parsing alone.

What the contract of issue 7 asks: at most three times that. Prints the table; exit 1 where it is more.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pytest_gf.engine.axes import Axes
from pytest_gf.engine.facts import Facts, read_folder
from pytest_gf.engine.options import Settings
from pytest_gf.engine.run import Run
from pytest_gf.honey import HOUSE
from pytest_gf.honey import contract as contracts
from pytest_gf.honey.formats import hcl, workflow
from pytest_gf.honey.subject import Subject
from pytest_gf.lab import model

GIT = shutil.which("git") or "/usr/bin/git"
FILES = 5_000
ROUNDS = 5
MOST = 3.0
"""Times git grep plus the parsing alone."""
LINE = "the quick brown fox reads a document that says nothing of caches, and goes on to the next one\n"


def fill(folder: Path) -> None:
    """Make a checkout of so many files: the model repository, and documents and code around it."""
    model.lay(folder, [])
    root = folder / "repository"
    for number in range(FILES - sum(path.is_file() for path in root.rglob("*"))):
        path = root / f"part-{number % 50}" / f"file-{number}.{('md', 'py', 'nix', 'ts')[number % 4]}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(LINE * (20 + number % 60))
    subprocess.run([GIT, "init", "-q"], cwd=root, check=True)
    subprocess.run([GIT, "add", "-A"], cwd=root, check=True)


def judge(root: Path, reports: Path) -> None:
    """Observe every fact of a checkout, as a run does."""
    facts = Facts(read_folder(Path(__file__).parents[1] / "fixtures").facts, HOUSE.axis_names)
    contract = contracts.load()
    settings = Settings(
        house=HOUSE,
        contract=contract,
        contract_file=None,
        axes=Axes(HOUSE, contract, {}, {}),
        target=None,
        vantage="runner",
        faults=(),
        reports=reports,
        strict=False,
        deadline=60.0,
        seed="",
        selected={"repository": Subject(checkout=root)},
    )
    run = Run(settings, "benchmark")
    graph = run.begin(facts)
    wanted = [name for name in facts.facts if "checkout" in facts.closure(name) and not facts.axes_of(name)]
    graph.start([(name, {}) for name in wanted])
    for stack in contract.stacks:
        graph.value("stack_backend", {"stack": stack})
    for name in wanted:
        if name != "info_report":
            graph.value(name, {})


def grep_and_parse(root: Path) -> None:
    """Find the same names with git grep, and parse what has to be parsed."""
    rules = contracts.load().repository
    words = [*rules.retired.names, "TF_HTTP_", "substituter", *rules.publication.hosts]
    flags = [flag for word in words for flag in ("-e", word)]
    subprocess.run([GIT, "grep", "-nIF", *flags], cwd=root, check=False, stdout=subprocess.DEVNULL)
    patterns = [*rules.topology.private.values(), *rules.publication.claims]
    flags = [flag for word in patterns for flag in ("-e", word)]
    subprocess.run([GIT, "grep", "-nIPi", *flags, "--", "*.md"], cwd=root, check=False, stdout=subprocess.DEVNULL)
    for path in root.glob(".github/workflows/*.yml"):
        workflow.workflow(path.read_text())
    for path in root.glob("tofu/stacks/*/backend.tf"):
        hcl.backends(path.read_text())
    json.loads((root / rules.executor.eligibility).read_text())


def seconds(work: Callable[[], None]) -> float:
    """Return the median of some rounds, after one to warm up."""
    work()
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def main() -> int:
    """Print the table."""
    folder = Path(tempfile.mkdtemp(prefix="gf-benchmark-"))
    try:
        fill(folder)
        root = folder / "repository"
        alone = seconds(lambda: grep_and_parse(root))
        ours = seconds(lambda: judge(root, folder / "reports"))
    finally:
        shutil.rmtree(folder)
    print(f"{'git grep and the parsing alone':<40}{alone * 1000:>10.0f} ms")
    print(f"{f'all repository facts, {FILES} files':<40}{ours * 1000:>10.0f} ms")
    print(f"{'ratio, at most 3':<40}{ours / alone:>10.2f}")
    clients = sorted({"boto3", "botocore", "kubernetes", "grpc"} & set(sys.modules))
    print(f"{'cluster clients imported':<40}{', '.join(clients) or 'none':>10}")
    return 0 if ours <= MOST * alone and not clients else 1


if __name__ == "__main__":
    sys.exit(main())
