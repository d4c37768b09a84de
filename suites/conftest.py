"""Running the suite as its users do: a pytest of its own, its exit code, its record; and web servers that play a part."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

with contextlib.suppress(ModuleNotFoundError):  # Who installs without the tests' extra still lists faults and options.
    import hypothesis

    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")  # A loaded machine is no failure.

ROOT = Path(__file__).parent.parent
LONGEST = 120.0
"""Seconds; every run of a test has its own, shorter deadlines."""


@dataclass(frozen=True)
class Outcome:
    """What a run of pytest left."""

    exit: int
    text: str
    folder: Path
    """The run's folder; it does not exist where nothing was run."""

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.folder / "record.json").read_text())
        return record

    def rows(self, verdict: str) -> set[str]:
        """Return the rows that have this verdict."""
        return {name for name, account in self.verdicts().items() if account["verdict"] == verdict}

    def verdicts(self) -> dict[str, dict[str, Any]]:
        """Return the record's verdicts by row name."""
        rows = self.record["verdicts"]
        named = {
            f"{row['clause']}[{'-'.join(row['params'].values())}]" if row["params"] else row["clause"]: row
            for row in rows
        }
        assert len(named) == len(rows), "two rows of one name"
        return named


Runner = Callable[..., Outcome]


@pytest.fixture
def run_pytest(tmp_path: Path) -> Runner:
    """Run pytest as `runner_of` says, with its reports below tmp_path."""
    return _runner(tmp_path / "reports")


@pytest.fixture(scope="session")
def runner_of() -> Callable[[Path], Runner]:
    """What makes a runner with its reports in a folder, for a run that several tests look at."""
    return _runner


def _runner(kept: Path) -> Runner:
    """Return what runs pytest in the checkout (or ``cwd``) with its reports below a folder; more variables in ``environment``.

    Its terminal is so wide that no sentence wraps.

    ``lean`` leaves Allure out, for hundreds of runs whose records alone are looked at.
    """

    def run(
        *args: str,
        environment: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        reports: Path | None = None,
        lean: bool = False,
    ) -> Outcome:
        reports = reports or kept
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:hypothesispytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:anyio",
            *(("-p", "no:allure_pytest") if lean else ()),
            f"--gf-reports={reports}",
            *args,
        ]
        done = subprocess.run(
            command,
            cwd=cwd,
            env=clean_environment() | {"COLUMNS": "1000"} | dict(environment or {}),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr, reports / "latest")

    return run


NOT_INSIDE = (
    "terminal",
    "cacheprovider",
    "xdist",
    "allure_pytest",
    "hypothesispytest",
    "faulthandler",
    "logging",
    "junitxml",
)


@pytest.fixture(scope="session")
def left_out() -> list[str]:
    """The words that leave out pytest's plugins which a run inside of a test does without; some would undo what the outer run set up."""
    return [f"-pno:{name}" for name in NOT_INSIDE]


@pytest.fixture
def refused(tmp_path: Path, left_out: list[str]) -> Runner:
    """Run pytest in this process, for a command line that is refused before anything is run: what is said, and the exit code."""
    return _inside(tmp_path, left_out)


@pytest.fixture
def planned(tmp_path: Path, left_out: list[str]) -> Runner:
    """Run pytest in this process with its terminal, for a command line that observes nothing."""
    return _inside(tmp_path, [word for word in left_out if word != "-pno:terminal"])


def _inside(folder: Path, left_out: list[str]) -> Runner:
    def run(*args: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> Outcome:
        reports = folder / "reports"
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd)
            patch.setattr(sys, "path", [*sys.path])
            for name in os.environ.keys() - clean_environment().keys():
                patch.delenv(name)
            for name, value in ({"COLUMNS": "1000"} | dict(environment or {})).items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = pytest.main(["--import-mode=importlib", *left_out, f"--gf-reports={reports}", *args])
        for name, module in [*sys.modules.items()]:
            if str(getattr(module, "__file__", "")).startswith(f"{folder}/"):
                del sys.modules[name]  # Another test's file has its name.
        return Outcome(int(code), said.getvalue(), reports / "latest")

    return run


def clean_environment() -> dict[str, str]:
    """Return this environment without what would change a run of pytest, or keep it from caching bytecode.

    What only the tests' extra brings is hidden where a run would import it.
    """
    dropped = ("GF_", "PYTEST_", "AWS_", "GITHUB_", "COV_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PYTHONPATH": str(ROOT / "suites" / "without")}


Script = Callable[[str, str], tuple[int, Mapping[str, str], bytes]]
"""Status, headers and body that are answered to a method and a path. A Content-Length among the headers may lie; "" sends none."""


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """What serves a script on a port of its own, and returns its address; ``kept`` lets connections live on."""
    servers = []

    def start(script: Script, *, kept: bool = False) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1" if kept else "HTTP/1.0"

            def do_GET(self) -> None:  # http.server's name.
                status, headers, body = script(self.command, self.path)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815  # http.server's names.

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name.
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
