"""``python benchmarks/repository.py``: the repository clauses' facts over 10,000 files, beside git grep plus the parsing alone.

What issue 18 asks: at most twice git grep, a YAML parse, and tree-sitter and markdown-it on the files with a hit. Prints the table; exit 1 where it is more.
"""

from __future__ import annotations

import json
import resource
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
from pytest_gf.honey.formats import bash, hcl, markdown, workflow
from pytest_gf.honey.local_inputs import LocalInputs
from pytest_gf.lab import model

GIT = shutil.which("git") or "/usr/bin/git"
FILES = 10_000
ROUNDS = 5
MOST = 2.0
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
    facts = Facts(read_folder(Path(__file__).parents[1] / "fixtures"), HOUSE.axis_names)
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
        selected={"repository": LocalInputs(checkout=root)},
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
    """Find the same names with git grep, and parse what has to be parsed: all workflows, and what has a hit."""
    rules = contracts.load().repository
    words = [
        *rules.retired.names,
        "TF_HTTP_",
        "substituter",
        *rules.publication.hosts,
        *rules.topology.domains,
        "attic",
    ]
    flags = [flag for word in words for flag in ("-e", word)]
    named = grepped(root, "-IFl", *flags)
    patterns = [*rules.topology.private.values(), *rules.publication.claims, "rotat"]
    flags = [flag for word in patterns for flag in ("-e", word)]
    named |= grepped(root, "-IPil", *flags, "--", "*.md")
    for name in sorted(named):
        text = (root / name).read_text()
        if name.endswith(".md"):
            markdown.tokens.__wrapped__(text)
        elif name.endswith((".sh", "Justfile", ".envrc")):
            bash.Tree(text)
    for path in root.glob(".github/workflows/*.yml"):
        read = workflow.workflow(path.read_text())
        for step in (step for job in read.jobs for step in job.steps if step.run is not None):
            bash.Tree(step.run.text if step.run is not None else "")
    for path in root.glob("tofu/stacks/*/backend.tf"):
        hcl.backends(path.read_text())
    json.loads((root / rules.executor.eligibility).read_text())


def grepped(root: Path, *args: str) -> set[str]:
    """Return the files that git grep finds."""
    grep = subprocess.run([GIT, "grep", *args], cwd=root, check=False, capture_output=True, text=True)
    return set(grep.stdout.splitlines())


def seconds(work: Callable[[], None]) -> tuple[float, float]:
    """Return the medians of some rounds, after one to warm up: of the clock, and of the processors, those of children counted in."""
    work()
    by_clock, by_processor = [], []
    for _ in range(ROUNDS):
        begun, used = time.perf_counter(), processors()
        work()
        by_clock.append(time.perf_counter() - begun)
        by_processor.append(processors() - used)
    return statistics.median(by_clock), statistics.median(by_processor)


def processors() -> float:
    """Return the seconds of processors that this process and its children have used."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


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
    print(f"{'':<40}{'clock':>10}{'processors':>14}")
    for what, (clock, used) in {
        "git grep and the parsing alone": alone,
        f"all repository facts, {FILES} files": ours,
    }.items():
        print(f"{what:<40}{clock * 1000:>7.0f} ms{used * 1000:>11.0f} ms")
    ratios = [one / other for one, other in zip(ours, alone, strict=True)]
    print(f"{f'ratio, at most {MOST:.0f}':<40}{ratios[0]:>10.2f}{ratios[1]:>14.2f}")
    clients = sorted({"boto3", "botocore", "kubernetes", "grpc"} & set(sys.modules))
    print(f"{'cluster clients imported':<40}{', '.join(clients) or 'none':>10}")
    # A busy machine stretches the clock of many threads and of one process unlike; what both use of processors it leaves alone.
    return 0 if ratios[1] <= MOST and not clients else 1


if __name__ == "__main__":
    sys.exit(main())
