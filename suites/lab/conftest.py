"""The lab that a module's tests share, and a real SeaweedFS beside it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from pytest_gf.engine import judging
from pytest_gf.engine import target as targets
from pytest_gf.engine.clauses import Row, row_as_data
from pytest_gf.engine.errors import Unproven
from pytest_gf.engine.facts import UNPROVEN
from pytest_gf.engine.reports.incidents import incidents
from pytest_gf.engine.run import Run, new_id
from pytest_gf.engine.session import SESSION, ContractSession
from pytest_gf.honey import HOUSE, contract
from pytest_gf.lab import Lab, faults
from pytest_gf.lab import mischief as spoiling
from pytest_gf.lab import seaweedfs as weed
from pytest_gf.lab.mischief import Mischief, Rates
from pytest_gf.lab.seaweedfs import Server, client_of


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab that the tests of a module share."""
    with Lab.start(tmp_path_factory.mktemp("running") / "lab") as started:
        yield started


@pytest.fixture
def lab(running: Lab) -> Iterator[Lab]:
    """The module's lab, with an empty journal and a cold hot cache; mended after each test."""
    shutil.rmtree(running.folder / "bazel-data", ignore_errors=True)
    running.reset()
    yield running
    running.mend()


@pytest.fixture
def s3_of() -> Callable[[Lab], Any]:
    """What makes a plain boto3 client of a lab's S3."""

    def client(lab: Lab) -> Any:
        environment = lab.environment
        return client_of(lab.addresses["s3"], environment["GF_LAB_S3_ACCESS_KEY"], environment["GF_LAB_S3_SECRET_KEY"])

    return client


@pytest.fixture
def s3(lab: Lab, s3_of: Callable[[Lab], Any]) -> Any:
    """A plain boto3 client of this module's lab."""
    return s3_of(lab)


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A `weed mini` that creates no bucket by itself."""
    with weed.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture
def mischief() -> Iterator[Callable[..., Mischief]]:
    """What puts a proxy before a server: ``mischief(address, Rates(slow=0.05), seed=7)``. They end with the test."""
    with contextlib.ExitStack() as stack:

        def before(upstream: str, rates: Rates | None = None, *, seed: int = 0) -> Mischief:
            return stack.enter_context(spoiling.mischief(upstream, rates or Rates(), seed=seed))

        yield before


ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Judged:
    """What a drill found, read as a whole run's outcome is."""

    named: Mapping[str, dict[str, Any]]
    folder: Path
    """The run's folder, with what facts kept there."""
    text: str
    """What is shown at the run's end."""

    def verdicts(self) -> Mapping[str, dict[str, Any]]:
        """Return the verdicts by row name."""
        return self.named

    def rows(self, verdict: str) -> set[str]:
        """Return the rows that have this verdict."""
        return {name for name, account in self.named.items() if account["verdict"] == verdict}


class Drill:
    """The clauses that a command line selects, collected once, and judged in this process over a running lab.

    It is a whole run without its process, its collection and its reports: the same items, facts, graph and judging.
    """

    def __init__(self, session: ContractSession, items: list[pytest.Function]) -> None:
        self.session = session
        self.items = items

    @classmethod
    def collect(cls, *arguments: str) -> Drill:
        """Collect what these arguments select, as a run of pytest in the checkout would."""
        caught = _Caught()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(ROOT)
            for name in [variable for variable in os.environ if variable.startswith(("GF_", "PYTEST_"))]:
                patch.delenv(name)
            code = pytest.main(["--collect-only", f"--rootdir={ROOT}", *arguments], plugins=[caught])
        assert code == pytest.ExitCode.OK, arguments
        assert caught.session is not None
        return cls(caught.session, caught.items)

    def judge(self, folder: Path, fault: str = "", *, lab: Lab | None = None, target: Path | None = None) -> Judged:
        """Bend the lab, observe it, judge every clause, and mend it. ``fault`` is one or more of them, as ``A + B``.

        ``target`` is another target file of this lab. Without a lab, files are judged, and the fault is one of the
        model repository's.
        """
        settings = dataclasses.replace(self.session.run.settings, reports=folder)
        bends = [text for text in fault.split(" + ") if text]
        if lab is None:
            parsed = tuple(faults.parse(bend, contract.load(settings.contract_file)) for bend in bends)
            settings = dataclasses.replace(settings, faults=parsed)
        else:
            loaded = targets.load(settings.house, target or lab.target_file, environment=lab.environment)
            settings = dataclasses.replace(settings, target=loaded.with_vantage(settings.vantage))
        run = Run(settings, new_id())
        with contextlib.ExitStack() as stack:
            stack.callback(run.close)
            if lab is not None:
                stack.callback(lambda: _tidied(run))
                stack.callback(lab.mend)
                for bend in bends:
                    lab.bend(bend)
            return self._judged(run)

    def _judged(self, run: Run) -> Judged:
        graph = run.begin(self.session.facts)
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # As the plugin has it: what a library warns of is no error of a row.
            run.observe(self.session.wanted([*self.items]))
            rows = [(item, self.session.rows[item.nodeid]) for item in self.items]
            named = {row.name: row_as_data(row) | _account(item, row, run) for item, row in rows}
        graph.write()
        ends = [line for selection in run.house.selections for line in selection.ends(run, list(named.values()))]
        return Judged(named, run.folder, "\n".join((*(f"{name}: {text}" for name, text in run.shown().items()), *ends)))


def _tidied(run: Run) -> None:
    """Delete what the run made; a mended lab lets go of everything."""
    left = run.tidy()
    assert not left, left


class _Caught:
    """A plugin of pytest that keeps what was collected."""

    session: ContractSession | None = None
    items: list[pytest.Function]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.session = session.config.stash[SESSION]
        self.items = [item for item in session.items if isinstance(item, pytest.Function)]


def _account(item: pytest.Function, row: Row, run: Run) -> dict[str, Any]:
    """Return a clause's account in the record, of its set-up or its call, as `engine.session` makes it."""
    graph, function = run.graph, item.function
    values: dict[str, Any] = dict(row.params)
    item.funcargs = values

    def set_up() -> None:
        for name in inspect.signature(function).parameters:
            if name not in values:
                values[name] = graph.value(name, row.params)

    when: Literal["setup", "call"] = "setup"
    call = pytest.CallInfo.from_call(set_up, when)
    if call.excinfo is None:
        wanted = {name: values[name] for name in inspect.signature(function).parameters}
        when = "call"
        call = pytest.CallInfo.from_call(lambda: function(**wanted), when)
    raised = call.excinfo.value if call.excinfo is not None else None
    if isinstance(raised, Unproven):
        setattr(raised, UNPROVEN, raised)
    outcome: Any = "passed" if raised is None else "skipped" if isinstance(raised, Unproven) else "failed"
    report = pytest.TestReport(item.nodeid, item.location, {}, outcome, None, when)
    verdict = judging.verdict_of(item, call, report)
    assert verdict is not None
    return judging.account(item, call, verdict, row, run)


@pytest.fixture(scope="session")
def drill(left_out: list[str]) -> Callable[..., Drill]:
    """What collects clauses for judging in this process: ``drill("-m", "canary").judge(tmp_path, lab=lab)``; each selection once."""
    return functools.cache(functools.partial(Drill.collect, *left_out))


Verdicts = Mapping[str, dict[str, Any]]


@pytest.fixture(scope="session")
def told() -> Callable[[Verdicts], dict[str, set[str]]]:
    """What returns a run's incidents by kind and subject, each with its rows and those that followed from it."""
    kinds = {name: dataclasses.asdict(kind) for name, kind in HOUSE.kinds.items()}

    def incidents_of(verdicts: Verdicts) -> dict[str, set[str]]:
        made = incidents(list(verdicts.values()), kinds)
        return {
            f"{incident['kind']} {incident['subject']}".strip(): {*incident["rows"], *incident["consequences"]}
            for incident in made
        }

    return incidents_of


@pytest.fixture(scope="session")
def told_as(told: Callable[[Verdicts], dict[str, set[str]]]) -> Callable[[str | list[str], Verdicts], None]:
    """What compares a run's incidents with the ones that are expected: no other, and no red row outside of them.

    ``*`` stands for any text: a path of the run's own folder, say.
    """

    def check(expected: str | list[str], verdicts: Verdicts) -> None:
        rows_of = told(verdicts)
        wanted = [expected] if isinstance(expected, str) else list(expected)
        patterns = {pattern: re.compile(".*".join(map(re.escape, pattern.split("*")))) for pattern in wanted}
        assert sorted(
            next((pattern for pattern in wanted if patterns[pattern].fullmatch(name)), name) for name in rows_of
        ) == sorted(wanted)
        named = {name for rows in rows_of.values() for name in rows}
        assert {name for name in named if verdicts[name]["verdict"] != "unproven"} == {
            name for name, account in verdicts.items() if account["verdict"] in {"violated", "error", "fixed"}
        }

    return check


@pytest.fixture(scope="session")
def expand() -> Callable[[Iterable[str], Collection[str]], set[str]]:
    """What returns the rows that a table's patterns mean; each must mean at least one."""
    groups = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["groups"]

    def meant(patterns: Iterable[str], rows: Collection[str]) -> set[str]:
        meant_rows: set[str] = set()
        for pattern in patterns:
            if pattern.startswith("@"):
                meant_rows |= meant(groups[pattern[1:]], rows)
                continue
            expression = re.compile(".*".join(map(re.escape, pattern.split("*"))))
            these = {row for row in rows if expression.fullmatch(row)}
            assert these, f"{pattern} names no row"
            meant_rows |= these
        return meant_rows

    return meant


CHECKOUT = Path(__file__).parents[2]
NOBODY = 65534
POD_ROOT = """
set -e
mount --make-rprivate /
mount -t tmpfs layers {layers}
mkdir {layers}/upper {layers}/work {layers}/root
mount -t overlay root -o lowerdir=/,upperdir={layers}/upper,workdir={layers}/work {layers}/root
cd {layers}/root
chmod o+x ./root
mkdir -p {places}
mount -o remount,ro .
{binds}
mount -t proc proc ./proc
mount --bind /dev ./dev
exec {chroot} . setpriv --reuid=65534 --regid=65534 --groups=65534 --bounding-set=-all --no-new-privs \
 sh -c 'cd "$0" && exec "$@"' "$0" "$@"
"""
"""What a kubelet makes of a pod's spec: a root of its own that can't be written to, its mounts, nobody's uid, no capability."""
InThePod = Callable[..., subprocess.CompletedProcess[str]]


@functools.cache
def can_make_a_root() -> bool:
    """Tell whether this machine lets us mount as a container's runtime does: root, and an overlay over its own root."""
    script = "mount --make-rprivate / && mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w && mount -t overlay o -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt"
    command = [shutil.which("unshare") or "unshare", "--mount", "sh", "-c", script]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


@pytest.fixture
def in_the_pod(tmp_path_factory: pytest.TempPathFactory) -> InThePod:
    """Run a pod's command as the pod would: its user, its read-only root, its volumes (root's own, with fsGroup), its environment.

    ``container`` and ``volumes`` are those of the spec; ``folder`` keeps the claims; ``files`` are the ConfigMap's. The
    checkout and its virtual environment stand for the image.
    """
    if not can_make_a_root():
        pytest.skip("root and overlayfs are needed to make a pod's root")

    def run(
        spec: Mapping[str, Any], folder: Path, files: Mapping[str, str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        (container,) = spec["containers"]
        kinds = {volume["name"]: (volume.keys() - {"name"}).pop() for volume in spec["volumes"]}
        binds = [(Path(sys.prefix), "/opt/pytest-gf", True), (CHECKOUT, "/opt/checkout", True)]
        for mount in container["volumeMounts"]:
            kind, source = kinds[mount["name"]], folder / mount["name"]
            source.mkdir(exist_ok=True)
            if kind == "configMap":
                for name, text in files.items():
                    (source / name).write_text(text)
            else:
                os.chown(source, 0, NOBODY)  # As fsGroup has it: the folder stays root's, the group may write.
                source.chmod(0o2777 if kind == "emptyDir" else 0o2775)
            binds.append((source, mount["mountPath"], kind == "configMap"))
        lines = []
        for source, place, only_read in binds:
            lines.append(f"mount --bind {shlex.quote(str(source))} .{place}")
            lines += [f"mount -o remount,bind,ro .{place}"] if only_read else []
        script = POD_ROOT.format(
            layers=shlex.quote(str(tmp_path_factory.mktemp("layers"))),
            places=" ".join(f".{place}" for _, place, _ in binds),
            binds="\n".join(lines),
            chroot=shutil.which("chroot") or "/usr/sbin/chroot",
        )
        asked = [
            re.sub(r"\$\((\w+)\)", lambda variable: environment[variable[1]], argument)
            for argument in container["args"]
        ]
        command = ["/opt/pytest-gf/bin/python", "-m", *container["command"], *asked]
        image = {
            "PATH": "/opt/pytest-gf/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/tmp",  # noqa: S108  # As the image has it.
            "PYTHONPATH": "/opt/checkout:/opt/checkout/suites/without",  # The image lacks the tests' extra.
        }
        return subprocess.run(
            [shutil.which("unshare") or "unshare", "--mount", "sh", "-c", script, container["workingDir"], *command],
            env=image | {"PYTHONDONTWRITEBYTECODE": "1"} | dict(environment),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run
