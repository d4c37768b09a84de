"""One contract run: its folder, its target (the lab is started here), its graph of facts, its ledger."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_gf.engine import ledger as ledgers
from pytest_gf.engine import target as targets
from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.evidence import instant
from pytest_gf.engine.facts import Facts
from pytest_gf.engine.graph import Graph
from pytest_gf.engine.house import BadInput
from pytest_gf.engine.nodes import Node
from pytest_gf.engine.redaction import redact, redactor
from pytest_gf.engine.visible import MOST_OF_A_TEXT, visible_lines, visible_within

if TYPE_CHECKING:
    from pytest_gf.engine.options import Settings
    from pytest_gf.engine.reports.live import Live
    from pytest_gf.engine.target import Target
    from pytest_gf.engine.trouble import Trouble

Options = TypeVar("Options")


_UNSAFE = re.compile(r"[^A-Za-z0-9._+=@:-]|^\.+|\.+$")
_ENDING = re.compile(r"[a-z0-9]{1,10}")
_LONGEST_NAME = 180
"""Characters of a file's name; a file system takes 255 bytes."""


def new_id() -> str:
    """Return ``20261123T235959Z-1a2b3c4d``: a run's name, unique and sorted by time."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(4)}"


class Run:
    """What facts may ask of the run that they belong to.

    ``id`` is the run's name, ``folder`` where it writes. ``house`` is the whole House, ``contract`` what is promised, of the type
    that the House reads. ``axes`` has all values, and those that this run looks at. ``deadline`` is the longest time for one exchange
    in seconds, ``seed`` what samples are chosen by.
    """

    def __init__(self, settings: Settings, run_id: str) -> None:
        self.settings = settings
        self.id = run_id
        self.folder = settings.reports / run_id
        self.house, self.axes = settings.house, settings.axes
        self.contract: Any = settings.contract
        self.deadline, self.seed = settings.deadline, settings.seed
        self.progress: Callable[[str], None] = _unheard
        """Shows a line to the person who waits, if anybody does."""
        self.is_live = True
        """True if a selected clause asks the target. Files and variables are no target."""
        self.seen: dict[tuple[Node, ...], tuple[list[dict[str, Any]], list[str]]] = {}
        """What the record says of a clause's facts, kept because many clauses have the same facts."""
        self.unwritten: list[str] = []
        """The parts of the reports that could not be written, and why."""
        self._target = settings.target
        self._lab: Any = None
        self._lab_failure: ProbeError | None = None
        self._ledger: ledgers.Ledger | None = None
        self._stopped: Trouble | None = None
        self._lock = threading.RLock()
        self._endings: list[Callable[[], None]] = []
        self.graph = self.begin(Facts({}, self.axes.names))
        if self._target is not None:
            redactor().learn(self._target.secrets())

    @property
    def is_lab(self) -> bool:
        """True if a lab is judged, and no real system."""
        return self.settings.is_lab and self.is_live

    @property
    def target_name(self) -> str:
        """What every report calls the system that was judged; "files" where only a checkout or a machine was."""
        return self.settings.target_name if self.is_live or self.settings.target is not None else "files"

    @property
    def shown_folder(self) -> Path:
        """The folder as a person at this prompt would type it."""
        return Path(os.path.relpath(self.folder))

    @property
    def target(self) -> Target:
        """The system under test. The first call starts the lab. Raises ProbeError if it does not start."""
        with self._lock:
            if self._lab_failure is not None:
                raise self._lab_failure
            if self._target is None:
                self._target = self._start_lab()
            return self._target

    @property
    def ledger(self) -> ledgers.Ledger:
        """The ledger, where a fact enters a thing before it makes it."""
        with self._lock:
            if self._ledger is None:
                self._ledger = ledgers.Ledger(self.folder / ledgers.NAME, self.where())
            return self._ledger

    def where(self) -> dict[str, str]:
        """Return how a later ``--gf-clean`` finds the target that this run changed."""
        if self._lab is not None:
            return {"target": "lab", "folder": str(self._lab.folder)}
        return {"target": self.target.name} | self.house.where(self.target)

    def permit(self, word: str) -> None:
        """Raise Unproven if the target does not allow this change, if the vantage forbids all changes, or if this run must make no more."""
        target = self.target
        if self._stopped is not None:
            says = f"{self._stopped.says}. Nothing more is changed, so that evidence is kept."
            raise Unproven(says, self._stopped.next_step, because=(self._stopped.cause,))
        if target.vantage == target.read_only:
            raise Unproven(f"the vantage {target.vantage} changes nothing", "run it from another vantage")
        if not target.permits(word):
            allowed = ", ".join(sorted(target.allow)) or "nothing"
            raise Unproven(
                f"target {target.name!r} does not allow {word!r} (it allows {allowed})",
                f"add {word!r} to the target's allow",
            )
        if not self.is_confirmed(word):
            raise Unproven(f"{word!r} was not confirmed", f"--gf-confirm={self.house.confirm[word]}, if it is meant")

    def stop_changing(self, trouble: Trouble) -> None:
        """Make every later change of this run unproven, since this was seen after one."""
        self._stopped = self._stopped or trouble

    def is_confirmed(self, word: str) -> bool:
        """Tell whether the change is confirmed by the command line, or needs no such word."""
        return self.house.confirm.get(word) in {None, self.settings.confirmed}

    def options_of(self, kind: type[Options]) -> Options:
        """Return what a selection of the House read of the command line, by its type. Raises KeyError."""
        for settings in self.settings.selected.values():
            if isinstance(settings, kind):
                return settings
        raise KeyError(f"no selection reads {kind.__name__}")

    def begin(self, facts: Facts) -> Graph:
        """Make the graph of this run's facts."""
        self.graph = Graph(
            facts,
            givens={"contract": lambda: self.contract, "target": lambda: self.target, "run": lambda: self},
            axis_values=self.axes.every,
            permit=self.permit,
            finished=self._keep_evidence,
            deadline=self.settings.fact_deadline,
        )
        return self.graph

    def listen(self, live: Live) -> None:
        """Show to the person who waits what the run waits for, and the news of long facts."""
        self.progress = live.news
        self.graph.waits = live.waits

    def needs_target(self, wanted: Iterable[tuple[str, Mapping[str, str]]]) -> bool:
        """Tell whether one of these facts needs the target, directly or through other facts."""
        return any("target" in fact.needs for fact in self.graph.facts.closure(*(name for name, _ in wanted)).values())

    def observe(self, wanted: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Begin to observe these facts. Start the lab before, if one of them needs the target."""
        wanted = list(wanted)
        if self.needs_target(wanted):
            with contextlib.suppress(ProbeError):  # Each fact that needs the target raises it again.
                self.target  # noqa: B018  # Started here, so that no fact's seconds hold the lab's start.
        self.graph.start(wanted)

    def tidy(self, *, deadline: float | None = None) -> list[str]:
        """Delete what this run made and did not see gone; return a line for each thing that is left.

        Facts delete what they made; this is for runs that stopped, or whose facts failed, before that.
        """
        with self._lock:
            if self._ledger is None:
                return []
            left = self._ledger.open_things()
            if not left:
                return []
            seconds = self.deadline if deadline is None else deadline
            try:
                return self.house.remove(left, self.target, seconds, self.contract, self._ledger.gone)
            except (BadInput, ProbeError, OSError) as wrong:  # The ledger's disk may be full.
                return [str(wrong)]

    def keep(self, name: str, text: str) -> None:
        """Write a text into the run's folder under this name, redacted."""
        self.write(name, visible_lines(redact(text), most=len(text) + MOST_OF_A_TEXT))

    def write(self, name: str, text: str) -> None:
        """Write a file into the run's folder. If the disk is full, the reports are incomplete and the run goes on."""
        with self.reporting():
            path = self.folder / safe_path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")

    @contextlib.contextmanager
    def reporting(self, what: str = "") -> Iterator[None]:
        """Note for the end of the run what could not be written in this block, and go on. ``what`` names it, or else its file."""
        try:
            yield
        except OSError as wrong:
            self.not_written(wrong, what)

    def not_written(self, wrong: OSError, what: str = "") -> None:
        """Note that a part of the reports could not be written, and why."""
        self.unwritten.append(f"{what or wrong.filename or self.shown_folder}: {wrong.strerror or wrong}")

    def show(self, name: str, text: str) -> None:
        """Keep a text that the terminal and the summary show at the end, and the run's folder as ``shown/NAME.txt``."""
        self.keep(f"shown/{name}.txt", f"{text}\n")

    def shown(self) -> dict[str, str]:
        """Return what was kept to be shown, by name; also what another process of this run kept."""
        return {path.stem: path.read_text("utf-8").rstrip() for path in sorted((self.folder / "shown").glob("*.txt"))}

    def mark(self, name: str, text: str) -> None:
        """Note for later runs what they may compare with theirs, such as when a system was started. The history keeps it."""
        self.keep(f"marks/{name}.txt", f"{text}\n")

    def marks(self) -> dict[str, str]:
        """Return what was noted for later runs, by name; also what another process of this run noted."""
        return {path.stem: path.read_text("utf-8").strip() for path in sorted((self.folder / "marks").glob("*.txt"))}

    def at_end(self, close: Callable[[], None]) -> None:
        """Call this when the run closes, however it ends; it must not raise."""
        with self._lock:
            self._endings.append(close)

    def close(self) -> None:
        """Close what facts opened, stop the lab and release the ledger. Safe to call twice."""
        with self._lock:
            while self._endings:
                self._endings.pop()()
            left = self._ledger is not None and bool(self._ledger.open_things())
            if self._ledger is not None:
                self._ledger.close()
            if self._lab is not None:
                self._lab.stop()
                if not left:
                    shutil.rmtree(self._lab.folder, ignore_errors=True)
                    with contextlib.suppress(OSError):  # It is empty after a plan, which is no run and has no reports.
                        self.folder.rmdir()
                self._lab = None

    def _start_lab(self) -> Target:
        faults = [str(fault) for fault in self.settings.faults]
        lab = importlib.import_module(self.house.lab)
        try:
            self._lab = lab.Lab.start(self.folder / "lab", faults, contract=self.settings.contract_file)
        except lab.LabError as failed:
            log_file = self.shown_folder / "lab" / "lab.log"
            self._lab_failure = ProbeError("starting the lab", str(failed), f"see {log_file}")
            raise self._lab_failure from None
        target = targets.load(self.house, self._lab.target_file, environment=self._lab.environment)
        redactor().learn(target.secrets())
        return target.with_vantage(self.settings.vantage)

    def _keep_evidence(self, node: Node) -> None:
        if node.evidence is None:
            return
        kept = as_data(node) | {
            "ended": instant((node.began or 0.0) + node.seconds),
            "exchanges": list(node.evidence.exchanges),
            "left_out": node.evidence.left_out,
        }
        self.write(evidence_path(node), json.dumps(visible_within(kept), indent=1) + "\n")


def safe_path(name: str) -> str:
    """Return a relative path that stays below its folder, whatever a server's name in it says.

    A part that had to be changed ends in a digest, so that two names never become one file.
    """
    return "/".join(_safe_part(part) for part in name.split("/"))


def _safe_part(part: str) -> str:
    stem, dot, ending = part.rpartition(".")
    stem, ending = (stem, f".{ending}") if dot and _ENDING.fullmatch(ending) else (part, "")
    safe = _UNSAFE.sub("_", stem)[:_LONGEST_NAME]
    if safe == stem and safe:
        return part
    return f"{safe}-{hashlib.sha256(part.encode(errors='surrogatepass')).hexdigest()[:8]}{ending}"


def _unheard(_: str) -> None:
    """Show nothing: nobody waits."""


def evidence_path(node: Node) -> str:
    """Return where a fact's evidence lies, relative to the run's folder."""
    return safe_path(f"evidence/{node.name.replace(os.sep, '_')}.json")


def as_data(node: Node) -> dict[str, Any]:
    """Return what record and evidence say of a fact."""
    return {
        "fact": node.key[0],
        "params": node.params,
        "outcome": outcome(node),
        "started": instant(node.began) if node.began else None,
        "seconds": round(node.seconds, 6),
    }


def outcome(node: Node) -> str:
    """Return in one line what became of a fact."""
    failure = node.failure
    if failure is None:
        return "observed" if node.done or node.started is not None else "not observed"
    kind = "unproven" if isinstance(failure, Unproven) else "error"
    said = str(failure) if isinstance(failure, Unproven | ProbeError) else f"{type(failure).__name__}: {failure}"
    return visible_lines(redact(f"{kind}: {said}"))
