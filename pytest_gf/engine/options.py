"""The command line. It becomes `Settings`, or one clear line that says what is wrong with it."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_gf.engine import lab_options, loading
from pytest_gf.engine import target as targets
from pytest_gf.engine.axes import Axes
from pytest_gf.engine.contract import Contract
from pytest_gf.engine.house import BadInput, Early, Given, House, Option, Selection
from pytest_gf.engine.reports import metrics, places

if TYPE_CHECKING:
    from pytest_gf.engine.target import Target

DEFAULT_HOUSE = "pytest_gf.honey:HOUSE"
HOUSE = pytest.StashKey[House]()
"""The whole House of this process's run. It is absent where none was loaded."""
_IN_WORKER = pytest.StashKey[bool]()
LAB = "lab"
DEADLINE = 10.0
LONGEST_DEADLINE = 3600.0
_FACT_DEADLINES = 6
"""A fact makes several exchanges; each has the deadline, all together this many."""
_OWN_MARKERS = {
    "clause(id)": "One clause: -m \"clause(id='SYSTEM.REQUIREMENT')\".",
    "upholds(statement)": "No clauses: tests that hold a policy statement of the contract.",
    "real": "No clauses: tests of this project against real servers and clients.",
}


@dataclass(frozen=True)
class Settings:
    """What a run was asked for. ``target`` is None for the embedded lab: it has no addresses before it runs. Samples are chosen by ``seed``."""

    house: House
    contract: Contract
    contract_file: Path | None
    axes: Axes
    target: Target | None
    vantage: str
    faults: tuple[Any, ...]
    reports: Path
    strict: bool
    deadline: float
    seed: str
    selected: Mapping[str, Any]
    """What each selection read of the command line, by marker."""
    expect_interim: bool = False
    confirmed: str | None = None
    """The word of --gf-confirm, if any."""
    history: Path | None = None
    """Where the history is kept, None if nowhere."""
    metrics: Path | metrics.Gateway | None = None
    """Where the metrics go, None if nowhere."""

    @property
    def fact_deadline(self) -> float:
        """Seconds after which a fact that is still observing is abandoned."""
        return self.deadline * _FACT_DEADLINES

    @property
    def is_lab(self) -> bool:
        """Whether the target is a lab, and no real system. Only a lab is named "lab"."""
        return self.target_name == LAB

    @property
    def target_name(self) -> str:
        """The target's name, as every report shows it."""
        return self.target.name if self.target is not None else LAB

    def part(self) -> str | None:
        """Return the share of the whole that this run has, as ``3/8``. None where it has all."""
        return next(filter(None, (known.part(value) for known, value in self._asked())), None)

    def note(self, axes: Sequence[str]) -> str:
        """Return the note in the titles of rows over these axes, "" for none."""
        notes = (known.note(value) for known, value in self._asked() if known.fills in axes)
        return next(filter(None, notes), "")

    def _asked(self) -> Iterator[tuple[Selection, Any]]:
        """Yield each selection that the command line asked something, and what it read."""
        yield from (
            (known, self.selected[known.marker]) for known in self.house.selections if known.marker in self.selected
        )


_TARGET = "The system under test: the embedded lab (default) or a TOML file. Takes precedence over GF_TARGET and the ini option gf_target."
_GF = "Run the clauses of the House: those of the checkout, or those that come with the package."
_OPTIONS = (
    Option.flag("--gf", _GF),
    Option.value("--gf-target", "lab|FILE", _TARGET, path=True, repeated=True),
    Option.value(
        "--gf-vantage", "VANTAGE", "Where this run stands. Takes precedence over the target file.", repeated=True
    ),
    Option.value(
        "--gf-contract",
        "FILE",
        "A TOML file with a contract of your own. It may extend another one.",
        path=True,
        repeated=True,
    ),
    Option.flag(
        "--gf-expect-interim",
        "Judge what the contract waives as interim, not as violated. With -m ha that is strict HA, while the interim shape "
        "holds and something is ready in it. With -m publication it is the known loss of small-check and medium-check. A waived row "
        "is red once it holds, and once its review is due. What readiness needs is never waived: if it is unproven, exit 11.",
    ),
    Option.value("--gf-confirm", "WORD", "Confirm a change that the target's `allow` alone does not permit."),
    Option.value(
        "--gf-seed",
        "TEXT",
        "Choose samples by this text. The same text gives the same choice, and a red row names its own. "
        "Default: the hour in UTC, so that an hourly canary looks elsewhere each time.",
    ),
    *lab_options.OPTIONS,
    Option.value("--gf-reports", "DIR", "Where runs write. Default: reports/ in pytest's root folder.", path=True),
    Option.flag("--gf-strict", "Exit with 11 where anything that was selected is unproven."),
    Option(
        "--gf-deadline",
        {
            "type": float,
            "default": DEADLINE,
            "metavar": "SECONDS",
            "help": "The longest time for one exchange, 10 by default. A fact has six times that. An archive has longer, by its size.",
        },
    ),
    Option.flag(
        "--gf-plan",
        "Print whether each section of the target is reached (DNS, TCP, TLS, clock, identity), what a run of the chosen clauses "
        "would ask and change, and each right that it lacks. Changes nothing. With --gf-strict: exit 11 if something fails or is lacking.",
    ),
    Option.value(
        "--gf-explain",
        "NAME",
        "Say what a clause, a statement (S077) or a kind of cause is about: requirement, facts, rights, faults, causes. Asks nothing.",
    ),
    Option.flag(
        "--gf-clean",
        "Delete what killed runs left on the target, by their ledgers, and run nothing. Exit 1 where something is left.",
    ),
)
_SUITES = "Folders that hold clauses. They run where -m names one of their markers, with -k, with --gf, or where a path leads there."
_HOUSE = f"The House whose clauses run: FILE.py:NAME by the ini file, or package.module:NAME. Default: {DEFAULT_HOUSE}."


def add_options(parser: pytest.Parser, config: pytest.Config) -> None:
    """Add the ini options, and, where this call of pytest is about clauses, the options of the engine and of the House.

    Raises `pytest.UsageError` for a House that can't be loaded.
    """
    parser.addini("gf_house", default="", help=_HOUSE)
    parser.addini("gf_suites", type="paths", default=[], help=_SUITES)
    for name in ("target", "history"):
        parser.addini(f"gf_{name}", default="", help=f"as --gf-{name}")
    config.stash[_IN_WORKER] = hasattr(config.option, "gf")  # Set so early by nothing but xdist, in a worker.
    spec = str(config.getini("gf_house"))
    if not spec and not config.getini("gf_suites") and not _asks_for_us(config):
        return
    base = config.inipath.parent if config.inipath is not None else Path.cwd()
    with refused(BadInput):
        if ".py:" in spec:  # The file is code: what must not be loaded is refused before it.
            _check_early(config, loading.load(DEFAULT_HOUSE, base), None)
        config.stash[HOUSE] = loading.load(spec or DEFAULT_HOUSE, base)
    group = parser.getgroup("gf", config.stash[HOUSE].name)
    for option in options_of(config.stash[HOUSE]):
        try:
            group.addoption(option.name, **option.words)
        except ValueError as wrong:  # pytest, or another part of the House, has an option of this name.
            raise pytest.UsageError(f"gf_house = {spec}: option {option.name}: {wrong}") from None


@contextlib.contextmanager
def refused(*errors: type[Exception]) -> Iterator[None]:
    """Raise `pytest.UsageError` in the place of one of these errors: one line, and exit 4."""
    try:
        yield
    except errors as wrong:
        raise pytest.UsageError(str(wrong)) from None


def options_of(house: House) -> Iterator[Option]:
    """Yield every option: the engine's, then those of the House's axes and selections."""
    yield from (*_OPTIONS, *places.OPTIONS)
    yield from house.options()


def markers_of(house: House) -> dict[str, str]:
    """Return every marker and its meaning."""
    return _OWN_MARKERS | {selection.marker: selection.about for selection in house.selections}


def _asks_for_us(config: pytest.Config) -> bool:
    given = [*_words(config), *config.getini("addopts")]
    return config.stash[_IN_WORKER] or any(
        word.startswith("--gf") or word in {"-h", "--help", "--markers"} for word in given
    )


def _words(config: pytest.Config) -> list[str]:
    return [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *map(str, config.invocation_params.args)]


def place_suites(config: pytest.Config, args: list[str]) -> None:
    """Add the folders that hold clauses to the command line, where it asks for clauses and names no path.

    Called before conftests are loaded. Raises `pytest.UsageError` for a path option in its spaced form: pytest would
    already have taken the path for a folder of tests.
    """
    if HOUSE not in config.stash:
        return
    house = config.stash[HOUSE]
    _refuse_spaced_paths(config, house)
    known = config.known_args_namespace
    with refused(BadInput):
        _check_early(config, house, known)
    if known.file_or_dir or config.stash[_IN_WORKER]:
        return
    suites = [str(path) for path in suites_of(config)]
    named = bool(config.getini("gf_house") or config.getini("gf_suites"))
    chooses = {"clause", *house.markers} & set(re.findall(r"\w+", known.markexpr))
    placed: list[str] = []
    if known.gf or known.gf_explain or (named and chooses):
        placed = suites
    elif named and known.keyword:
        placed = [*(str(config.rootpath / path) for path in config.getini("testpaths")), *suites]
    args.extend(placed)
    known.file_or_dir.extend(placed)


def _check_early(config: pytest.Config, house: House, known: argparse.Namespace | None) -> None:
    """Let the House's selections refuse what must not be loaded. Raises `BadInput`.

    ``known`` is what pytest read of the command line; None where it could not, since the House's options are not there yet.
    """
    if config.stash[_IN_WORKER]:
        return  # Its controller has asked.
    if known is None:
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        for option in options_of(house):
            parser.add_argument(option.name, **option.words)
        known, _ = parser.parse_known_args([*config.getini("addopts"), *_words(config)])
    folder = config.invocation_params.dir
    sources = {"the rootdir": config.rootpath, "the working folder": folder}
    sources |= {"the ini file": config.inipath} if config.inipath is not None else {}
    sources |= {f"the path {path},": _path_of(path, config) for path in getattr(known, "file_or_dir", ())}
    target = str(known.gf_target or os.environ.get("GF_TARGET") or config.getini("gf_target") or "")
    for selection in house.selections:
        selection.early(Early(known, sources, folder, target))


def suites_of(config: pytest.Config) -> list[Path]:
    """Return the folders that hold clauses: those of the House and of all that it extends, and gf_suites."""
    layers = config.stash[HOUSE].layers() if HOUSE in config.stash else []
    suites = [Path(layer.suites) for layer in layers if layer.suites is not None]
    return list(dict.fromkeys([*suites, *config.getini("gf_suites")]))


def holds_clauses(config: pytest.Config) -> bool:
    """Return whether the paths of this run hold clauses: whether it is a contract run, with reports of its own."""
    suites = [suite for suite in suites_of(config) if suite.exists()]
    paths = [_path_of(arg, config) for arg in config.args] if HOUSE in config.stash else []
    return any(path.is_relative_to(suite) or suite.is_relative_to(path) for path in paths for suite in suites)


def _path_of(arg: object, config: pytest.Config) -> Path:
    """Return the path of a test that the command line names."""
    return Path(os.path.abspath(config.invocation_params.dir / str(arg).split("::")[0]))


@refused(BadInput)
def read(config: pytest.Config) -> Settings:
    """Return the run's settings. Raises `pytest.UsageError` with one line for whatever is wrong."""
    house, option = config.stash[HOUSE], config.option
    if not 0 < option.gf_deadline <= LONGEST_DEADLINE:
        raise BadInput(f"--gf-deadline={option.gf_deadline:g}: expected seconds between 0 and 3600")
    assert house.read_contract is not None
    contract_path = option.gf_contract or house.contract
    contract_file = Path(os.path.abspath(contract_path)) if contract_path else None
    contract = house.read_contract(contract_file)
    target = _target(config, house)
    given = _given(config, contract, target)
    selected = {selection.marker: selection.read(given) for selection in house.selections}
    filled = {known.fills: known.values(selected[known.marker]) for known in house.selections if known.fills}
    chosen = {axis.name: getattr(option, Option(axis.option, {}).attribute) for axis in house.axes if axis.option}
    return Settings(
        house=house,
        contract=contract,
        contract_file=contract_file,
        axes=Axes(house, contract, filled, chosen, target),
        target=target,
        vantage=target.vantage if target is not None else option.gf_vantage or house.vantages[0],
        faults=lab_options.bends(option, house, contract, target),
        reports=Path(os.path.abspath(option.gf_reports)) if option.gf_reports else config.rootpath / "reports",
        strict=option.gf_strict,
        deadline=option.gf_deadline,
        seed=given.seed,
        selected={marker: value for marker, value in selected.items() if value is not None},
        expect_interim=option.gf_expect_interim,
        confirmed=_confirmed(given, house),
        history=places.history_folder(option, str(config.getini("gf_history")), config.inipath),
        metrics=metrics.destination(option.gf_metrics),
    )


def _given(config: pytest.Config, contract: Contract, target: Target | None) -> Given:
    option = config.option
    return Given(
        option=option,
        expression=option.markexpr,
        keyword=option.keyword,
        args=tuple(map(str, config.args)),
        folder=config.invocation_params.dir,
        contract=contract,
        target=target,
        seed=option.gf_seed or time.strftime("%Y-%m-%dT%H", time.gmtime()),
    )


def _confirmed(given: Given, house: House) -> str | None:
    """Return what is confirmed. Raises `BadInput` for another word, and for a marker that needs one."""
    confirmed: str | None = given.option.gf_confirm
    known = (*house.confirm.values(), *(word for selection in house.selections for word in selection.words))
    if confirmed is not None and confirmed not in known:
        raise BadInput(f"--gf-confirm={confirmed}: expected {' or '.join(known)}")
    for selection in house.selections:
        for word, confirm in selection.confirm.items():
            if given.selects(selection.marker) and confirmed != confirm and not given.option.gf_plan:
                raise BadInput(
                    f"-m {selection.marker}: add --gf-confirm={confirm} to say that this change is wanted ({word})"
                )
    return confirmed


def _refuse_spaced_paths(config: pytest.Config, house: House) -> None:
    paths = {option.name for option in options_of(house) if option.path}
    for option, value in itertools.pairwise(_words(config)):
        if option in paths and Path(value).exists():
            raise pytest.UsageError(
                f"{option} {value}: write {option}={value} (pytest takes a path that stands alone for tests)"
            )


def _target(config: pytest.Config, house: House) -> Target | None:
    vantage: str | None = config.option.gf_vantage
    if vantage is not None and vantage not in house.vantages:
        raise BadInput(f"--gf-vantage={vantage}: expected one of {', '.join(house.vantages)}")
    chosen: Any = config.option.gf_target or os.environ.get("GF_TARGET") or config.getini("gf_target") or LAB
    if chosen == LAB:
        return None
    path = Path(os.path.abspath(config.invocation_params.dir / chosen))
    if not path.is_file():
        raise BadInput(f"target {chosen!r}: no such file; expected 'lab' or a TOML file of addresses (docs/targets.md)")
    target = targets.load(house, path)
    return target.with_vantage(vantage) if vantage else target
