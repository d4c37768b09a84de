"""A run's metrics for Prometheus: in a file for node_exporter's textfile collector, or pushed to a Pushgateway."""

from __future__ import annotations

import datetime
import ipaddress
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pytest_gf.engine.house import BadInput
from pytest_gf.engine.redaction import redact, redactor
from pytest_gf.engine.verdict import Verdict
from pytest_gf.engine.visible import visible

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from pytest_gf.engine.reports.history import Past

JOB = "pytest_gf"
RUN_LABELS = ("target", "contract", "vantage", "selection")
"""On every sample. A selection is as ``canary`` or ``canary -k scratch``."""
LAST_CALM = "pytest_gf_last_run_without_red_timestamp_seconds"
FAMILIES: Mapping[str, str] = {
    "pytest_gf_verdict": "1 for the verdict of a row, 0 for each other one.",
    "pytest_gf_incidents": "How many incidents of a kind stand.",
    "pytest_gf_run_seconds": "How long the run took.",
    "pytest_gf_fact_seconds": "How long a fact was observed.",
    "pytest_gf_exit_code": "The run's exit code: 0 green, 1 red, 10 error, 11 unproven.",
    "pytest_gf_run_timestamp_seconds": "When the run ended.",
    LAST_CALM: "When the last run of this selection ended in which no row was violated, still waived or an error, and one held.",
}
"""Every metric, and what it is."""
_MOST_OF_AN_ANSWER = 4096
_LARGEST_FILE = 1 << 26


@dataclass(frozen=True)
class Gateway:
    """A Pushgateway. Its address has no credential in it, and may be shown."""

    address: str
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.address


def destination(given: str | None) -> Path | Gateway | None:
    """Return where metrics go, None if nowhere. Raises `BadInput` for an address that can't be one. Its credential is redacted from now on."""
    if not given or "://" not in given:
        return Path(given).absolute() if given else None
    try:
        parts = urlsplit(given)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        redactor().learn([password])
        if parts.scheme in {"http", "https"} and parts.hostname and not parts.query and not parts.fragment:
            host = parts.netloc.rpartition("@")[2]
            _ = parts.port  # Raises ValueError for one that is no number.
            return Gateway(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", user, password)
    except ValueError:
        pass
    raise BadInput(
        f"--gf-metrics={visible(redact(given))}: expected a file, or an address like http://pushgateway:9091"
    )


def last_calm(now: Past, runs: Iterable[Past]) -> float | None:
    """Return when the last run of this selection ended that was without red, this one or an earlier one; None if none is known."""
    if now.calm:
        return _seconds(now.finished or now.started)
    ended = [_seconds(past.finished or past.started) for past in runs if past.calm and past.selection == now.selection]
    return max(ended, default=None)


def families(record: Mapping[str, Any], kinds: Iterable[str], now: Past, calm: float | None) -> list[Metric]:
    """Return a run's metrics. ``kinds`` are the known kinds of incidents: those that don't stand are 0, and not absent."""
    from prometheus_client.core import GaugeMetricFamily

    run, rows, ended = _labels(now), record["verdicts"], _seconds(record["finished"])

    def family(name: str, samples: Iterable[tuple[Sequence[str], float]], *labels: str) -> Metric:
        made = GaugeMetricFamily(name, FAMILIES[name], labels=(*run, *labels))
        for values, sample in samples:
            made.add_metric([visible(label) for label in (*run.values(), *values)], float(sample))
        return made

    verdicts = (
        ((row["clause"], _params(row["params"]), str(verdict)), row["verdict"] == verdict)
        for row in rows
        for verdict in Verdict
    )
    standing = [str(incident["kind"]) for incident in record["incidents"]]
    counts = [((kind,), standing.count(kind)) for kind in dict.fromkeys((*kinds, *standing))]
    facts = {(fact["fact"], _params(fact["params"])): fact["seconds"] for row in rows for fact in row["facts"]}
    return [
        family("pytest_gf_verdict", verdicts, "clause", "params", "verdict"),
        family("pytest_gf_incidents", counts, "kind"),
        family("pytest_gf_fact_seconds", facts.items(), "fact", "params"),
        family("pytest_gf_exit_code", [((), record["exit"])]),
        family("pytest_gf_run_seconds", [((), round(ended - _seconds(record["started"]), 6))]),
        family("pytest_gf_run_timestamp_seconds", [((), ended)]),
        family(LAST_CALM, [((), calm)] if calm is not None else []),
    ]


def _labels(now: Past) -> dict[str, str]:
    """Return the labels of every sample. By them, two runs of one host may write a file each."""
    return {name: getattr(now, name) for name in RUN_LABELS}


def _params(params: Mapping[str, str]) -> str:
    return ",".join(f"{axis}={value}" for axis, value in params.items())


def _seconds(instant: str) -> float:
    return datetime.datetime.fromisoformat(instant).timestamp()


class _Registry:
    """A registry for prometheus_client, of metrics that are made already."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._made = metrics

    def collect(self) -> Iterable[Metric]:
        """Return those that have samples: a Pushgateway keeps what it has of the others."""
        return [metric for metric in self._made if metric.samples]


def write(metrics: Sequence[Metric], path: Path) -> None:
    """Write metrics into a file, by a rename. Raises OSError."""
    from prometheus_client import write_to_textfile

    write_to_textfile(str(path), _Registry(metrics))


def earlier_calm(path: Path, now: Past) -> float | None:
    """Return when the last run without red ended, as the file of an earlier run says; None where it says nothing of it."""
    from prometheus_client.parser import text_string_to_metric_families

    wanted = _labels(now)
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            return None
        samples = (
            sample for family in text_string_to_metric_families(path.read_text("utf-8")) for sample in family.samples
        )
        return next((sample.value for sample in samples if sample.name == LAST_CALM and sample.labels == wanted), None)
    except (OSError, ValueError, IndexError, KeyError):  # Whatever lies there, a run goes on.
        return None


def push(metrics: Sequence[Metric], to: Gateway, now: Past, seconds: float) -> None:
    """Push metrics within so many seconds. Raises OSError, which never holds a credential.

    Metrics of a name replace those of an earlier run. A metric of which this run has no sample stays there, such as when the last run without red ended.
    """
    from prometheus_client import pushadd_to_gateway

    key = {name: visible(value) for name, value in _labels(now).items()}

    def handler(**request: Any) -> Callable[[], None]:
        return partial(_send, to, **request)

    registry = _Registry(metrics)
    _within(seconds, lambda: pushadd_to_gateway(to.address, JOB, registry, key, timeout=seconds, handler=handler))


def _send(to: Gateway, *, url: str, method: str, timeout: float, headers: list[tuple[str, str]], data: bytes) -> None:
    """Send one request. A redirect is no answer: it would be followed without the metrics."""
    import httpx

    who = (to.user, to.password) if to.user else None
    with (
        httpx.Client(timeout=timeout, trust_env=not _is_loopback(url), follow_redirects=False, auth=who) as client,
        client.stream(method, url, headers=headers, content=data) as answer,
    ):
        if not answer.is_success:
            body = next(answer.iter_bytes(_MOST_OF_AN_ANSWER), b"")
            line = body.decode("utf-8", "replace").strip().partition("\n")[0]
            raise OSError(f"it answered {answer.status_code} {visible(redact(line))}".strip())


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _within(seconds: float, call: Callable[[], None]) -> None:
    """Call this in a thread that is abandoned when its time is over: a socket's own timeout does not stop an answer that drips."""
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            call()
            outcome.set_result(None)
        except Exception as wrong:  # noqa: BLE001  # Raised below, where the caller waits.
            outcome.set_exception(wrong)

    threading.Thread(target=run, name="metrics", daemon=True).start()
    if not wait([outcome], seconds).done:
        raise OSError(f"no whole answer within {seconds:g} s")
    failed = outcome.exception()
    if failed is not None:
        raise OSError(visible(redact(str(failed) or type(failed).__name__))) from None
