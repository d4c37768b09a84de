"""Metrics: what a run writes and pushes is what its record says, whatever stands at the other end."""

from __future__ import annotations

import base64
import contextlib
import http.server
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pytest_gf.engine.house import BadInput
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.reports import metrics
from pytest_gf.engine.reports.history import SCHEMA, Past
from pytest_gf.engine.reports.metrics import FAMILIES, LAST_CALM, Gateway
from pytest_gf.engine.verdict import Verdict

Built = Callable[..., Any]
RUN = {"target": "house", "contract": "GloriousFlywheel", "vantage": "operator", "selection": ""}
PROMTOOL = shutil.which("promtool")
PUSHGATEWAY = shutil.which("prometheus-pushgateway") or shutil.which("pushgateway")
NOW = Past(
    SCHEMA, "r", "house", "GloriousFlywheel", "operator", "", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:09.500Z", 0,
    {"a": Verdict.HOLDS},
)  # fmt: skip
RECORD: dict[str, Any] = {
    "started": "2026-01-01T00:00:00.000Z", "finished": "2026-01-01T00:00:09.500Z", "exit": 0, "incidents": [],
    "verdicts": [{"clause": "a", "params": {}, "verdict": "holds", "facts": []}],
}  # fmt: skip


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return each sample by its name and its own labels; all have those of the run."""
    values = {}
    for family in text_string_to_metric_families(text):
        assert (family.type, family.documentation) == ("gauge", FAMILIES[family.name])
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if name not in RUN}
            assert {name: sample.labels[name] for name in RUN} == RUN
            values[sample.name, frozenset(labels.items())] = sample.value
    return values


def check_against(text: str, record: Mapping[str, Any]) -> None:
    """See that metrics say what a record says, and nothing else."""
    values = samples(text)
    rows = {(row["clause"], ",".join(map("=".join, row["params"].items()))): row for row in record["verdicts"]}
    wanted = {
        ("pytest_gf_verdict", frozenset({"clause": clause, "params": params, "verdict": str(verdict)}.items())): float(
            row["verdict"] == verdict
        )
        for (clause, params), row in rows.items()
        for verdict in Verdict
    }
    for fact in (fact for row in rows.values() for fact in row["facts"]):
        wanted["pytest_gf_fact_seconds", frozenset({"fact": fact["fact"], "params": ""}.items())] = fact["seconds"]
    wanted["pytest_gf_exit_code", frozenset()] = record["exit"]
    assert wanted.items() <= values.items()
    kinds = [incident["kind"] for incident in record["incidents"]]
    counted = {dict(labels)["kind"]: value for (name, labels), value in values.items() if name == "pytest_gf_incidents"}
    assert {kind: value for kind, value in counted.items() if value} == {kind: kinds.count(kind) for kind in kinds}
    assert "unreachable" in counted, "a kind that does not stand is 0, and not absent"
    assert {name for name, _ in values} - {LAST_CALM} == FAMILIES.keys() - {LAST_CALM}


def test_a_file_says_what_the_record_says_and_when_the_last_run_without_red_was(built: Built, tmp_path: Path) -> None:
    path = tmp_path / "gf.prom"
    facts = {"one": "return 1", "two": "return int(os.environ.get('TWO', '1'))", "off": "raise Unproven('away')"}

    def run(two: str) -> tuple[Any, float | None]:
        record = built(facts, f"--gf-metrics={path}", environment={"TWO": two}, lean=True).record
        check_against(path.read_text(), record)
        return record, samples(path.read_text()).get((LAST_CALM, frozenset()))

    _, never = run("2")
    green, first = run("1")
    red, still = run("2")
    assert (never, green["exit"], red["exit"]) == (None, 0, 1)
    assert first == still == metrics._seconds(green["finished"])
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("gf.prom.")]
    path.write_text("what is this {")
    assert run("2")[1] is None, "what is no file of metrics says nothing"


def test_each_run_of_one_host_has_samples_of_its_own() -> None:
    for other in ({"selection": "guard"}, {"target": "lab"}, {"vantage": "runner"}, {"contract": "fork"}):
        one, two = (
            {sample.name + str(sorted(sample.labels.items())) for family in made for sample in family.samples}
            for made in (
                metrics.families(RECORD, ["k"], NOW, 1.0),
                metrics.families(RECORD, ["k"], msgspec.structs.replace(NOW, **other), 1.0),
            )
        )
        assert not one & two


def test_the_last_run_without_red_is_one_of_the_same_selection() -> None:
    red = msgspec.structs.replace(NOW, rows={"a": Verdict.HOLDS, "b": Verdict.ERROR})
    earlier = msgspec.structs.replace(NOW, finished="2025-01-01T00:00:00.000Z")
    assert metrics.last_calm(NOW, [earlier]) == metrics._seconds("2026-01-01T00:00:09.500Z")
    assert metrics.last_calm(red, [earlier, red]) == metrics._seconds("2025-01-01T00:00:00.000Z")
    assert metrics.last_calm(red, [msgspec.structs.replace(earlier, selection="guard")]) is None
    dark = msgspec.structs.replace(NOW, rows={"a": Verdict.UNPROVEN})
    assert metrics.last_calm(dark, []) is None, "what nobody looked at is not without red"


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "a\x1b\ud800b", "::error::", "é"])
def test_whatever_a_name_holds_it_is_one_sample(value: str, tmp_path: Path) -> None:
    row = {"clause": "a", "params": {"x": value}, "verdict": "holds", "facts": []}
    metrics.write(metrics.families(RECORD | {"verdicts": [row]}, [], NOW, None), tmp_path / "gf.prom")
    verdicts = [name for name, _ in samples((tmp_path / "gf.prom").read_text()) if name == "pytest_gf_verdict"]
    assert len(verdicts) == len(Verdict)


@pytest.mark.parametrize(
    ("said", "address", "user", "password"),
    [
        ("http://gateway:9091", "http://gateway:9091", "", ""),
        ("https://gateway/prefix/", "https://gateway/prefix", "", ""),
        ("https://me:p%40ss-word-1@gateway:9091/x", "https://gateway:9091/x", "me", "p@ss-word-1"),
    ],
)
def test_an_address_is_shown_without_its_credential(said: str, address: str, user: str, password: str) -> None:
    to = metrics.destination(said)
    assert isinstance(to, Gateway)
    assert (str(to), to.user, to.password) == (address, user, password)
    assert not password or "ss-word" not in redact(f"{to} {to!r} p@ss-word-1 p%40ss-word-1")


@pytest.mark.parametrize("said", ["http://", "ftp://x", "http://x:y", "http://x?q=1", "http://x#f", "http://[x"])
def test_what_is_no_address_is_refused(said: str) -> None:
    with pytest.raises(BadInput, match="expected a file, or an address like"):
        metrics.destination(said)


Asked = list[tuple[str, str, Mapping[str, str], bytes]]


@pytest.fixture
def gateway() -> Iterator[Callable[..., tuple[str, Asked]]]:
    """A Pushgateway that answers what it is told, and keeps what it was sent: method, path, headers, body."""
    servers = []

    def start(status: int = 200, body: bytes = b"", **headers: str) -> tuple[str, Asked]:
        asked: Asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # http.server's name.
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                asked.append((self.command, self.path, dict(self.headers), sent))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST  # noqa: N815  # http.server's names.

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name.
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_run_pushes_what_its_record_says_and_shows_no_credential(
    gateway: Callable[..., tuple[str, Asked]], built: Built
) -> None:
    address, asked = gateway()
    to = f"--gf-metrics={address.replace('//', '//me:hunter2secret@')}"
    outcome = built({"one": "return 1", "two": "return 2"}, to)
    ((method, path, headers, body),) = asked
    assert (method, outcome.exit) == ("POST", 1)
    assert path == "/metrics/job/pytest_gf/contract/GloriousFlywheel/selection@base64/=/target/house/vantage/operator"
    assert headers["Authorization"] == f"Basic {base64.b64encode(b'me:hunter2secret').decode()}"
    check_against(body.decode(), outcome.record)
    assert "incomplete" not in outcome.text
    assert "hunter2" not in outcome.text
    for file in outcome.folder.rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((400, b"pushed metrics are invalid\nat line 3"), "it answered 400 pushed metrics are invalid"),
        ((500, b"\x1b[2J"), "it answered 500 \\x1b[2J"),
        ((301, b""), "it answered 301"),
    ],
)
def test_an_answer_that_is_no_yes_is_said(
    answer: tuple[int, bytes], says: str, gateway: Callable[..., tuple[str, Asked]]
) -> None:
    address, asked = gateway(*answer, Location="http://127.0.0.1:1/")
    with pytest.raises(OSError, match="it answered") as failed:
        metrics.push(metrics.families(RECORD, [], NOW, None), Gateway(address), NOW, 60)
    assert str(failed.value) == says
    assert len(asked) == 1, "a redirect is not followed"


def test_nobody_who_listens_is_said_and_the_run_is_not_green(built: Built) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Bound, and nobody listens.
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        outcome = built({"one": "return 1"}, f"--gf-metrics={address}")
    assert outcome.exit == outcome.record["exit"] == 10, outcome.text
    assert outcome.rows("holds") == {"lab.one"}, "no verdict is another because of it"
    assert f"reports are incomplete: metrics to {address}: " in outcome.text
    assert "Traceback" not in outcome.text


def test_a_gateway_that_never_answers_is_left_when_the_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(OSError, match=r"no whole answer within|timed out"):
            metrics.push(
                metrics.families(RECORD, [], NOW, None),
                Gateway(f"http://127.0.0.1:{silent.getsockname()[1]}"),
                NOW,
                0.2,
            )
    assert time.monotonic() - began < 60


@pytest.mark.real
@pytest.mark.skipif(PROMTOOL is None, reason="no promtool here: .ci/run says how")
def test_promtool_finds_nothing_to_lint(tmp_path: Path) -> None:
    metrics.write(metrics.families(RECORD, ["k"], NOW, 1.0), tmp_path / "gf.prom")
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"],
        input=(tmp_path / "gf.prom").read_text(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.fixture
def real() -> Iterator[str]:
    """The address of a real Pushgateway."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [str(PUSHGATEWAY), f"--web.listen-address={address}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"http://{address}/-/ready", trust_env=False)
                break
            time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.real
@pytest.mark.skipif(PUSHGATEWAY is None, reason="no Pushgateway here: .ci/run says how")
def test_a_real_pushgateway_keeps_the_last_run_without_red_and_replaces_the_rest(real: str) -> None:
    def scraped() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        lines = httpx.get(f"{real}/metrics", trust_env=False, timeout=60).text.splitlines()
        ours = [line for line in lines if "pytest_gf" in line and "push_" not in line]
        return samples("\n".join(re.sub(r'(job="pytest_gf"|instance=""),?', "", line) for line in ours) + "\n")

    loss = {"kind": "loss", "subject": "x"}
    to = Gateway(real)
    metrics.push(metrics.families(RECORD, ["k"], NOW, 7.0), to, NOW, 60)
    metrics.push(metrics.families(RECORD | {"exit": 1, "incidents": [loss]}, ["k"], NOW, None), to, NOW, 60)
    values = scraped()
    assert values[LAST_CALM, frozenset()] == 7.0, "this run knows none, so it stays"
    assert values["pytest_gf_exit_code", frozenset()] == 1
    assert values["pytest_gf_incidents", frozenset({("kind", "loss")})] == 1
    metrics.push(metrics.families(RECORD, ["k"], NOW, 8.0), to, NOW, 60)
    after = scraped()
    assert ("pytest_gf_incidents", frozenset({("kind", "loss")})) not in after
    assert after[LAST_CALM, frozenset()] == 8.0
