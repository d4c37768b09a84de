"""The command line: settings are made of it, or one clear line of what is wrong with it."""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_gf.engine import bending, loading
from pytest_gf.engine import target as targets
from pytest_gf.engine.axes import Axes
from pytest_gf.engine.contract import Contract
from pytest_gf.engine.house import BadInput, Early, Given, House, Option
from pytest_gf.engine.reports import between

if TYPE_CHECKING:
    from pytest_gf.engine.target import Target

Asked = TypeVar("Asked")

DEFAULT_HOUSE = "pytest_gf.honey:HOUSE"
HOUSE = pytest.StashKey[House]()
_IN_WORKER = pytest.StashKey[bool]()
"""The House of this process's run, with all that it extends; absent where none was loaded."""
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
    between: between.Between = between.NOTHING

    @property
    def fact_deadline(self) -> float:
        """Seconds after which a fact that is still observing is abandoned."""
        return self.deadline * _FACT_DEADLINES

    @property
    def is_lab(self) -> bool:
        """Whether no real system is observed; the name "lab" is a lab's own."""
        return self.target_name == LAB

    @property
    def target_name(self) -> str:
        """The target's name, as every report shows it."""
        return self.target.name if self.target is not None else LAB

    def asked(self, kind: type[Asked]) -> Asked:
        """Return what a selection of the House read of the command line, by its type. Raises KeyError."""
        for each in self.selected.values():
            if isinstance(each, kind):
                return each
        raise KeyError(f"no selection reads {kind.__name__}")

    def part(self) -> str | None:
        """Return which share of the whole this run has, as ``3/8``; None where it has all."""
        parts = (
            each.part(self.selected[each.marker]) for each in self.house.selections if each.marker in self.selected
        )
        return next(filter(None, parts), None)

    def note(self, axes: Sequence[str]) -> str:
        """Return what is said in the title of a row over these axes, "" for nothing."""
        notes = (
            each.note(self.selected[each.marker])
            for each in self.house.selections
            if each.fills in axes and each.marker in self.selected
        )
        return next(filter(None, notes), "")


_TARGET = "The system under test: the embedded lab (default) or a TOML file. Takes precedence over GF_TARGET and the ini option gf_target."
_GF = "Run the clauses of the House: those of the checkout, or those that come with the package."
_OPTIONS = (
    Option("--gf", {"action": "store_true", "help": _GF}),
    Option("--gf-target", {"metavar": "lab|FILE", "help": _TARGET}, path=True, repeated=True),
    Option(
        "--gf-vantage",
        {"metavar": "VANTAGE", "help": "Where this run stands. Takes precedence over the target file."},
        repeated=True,
    ),
    Option(
        "--gf-contract",
        {"metavar": "FILE", "help": "A TOML file with a contract of your own. It may extend another one."},
        path=True,
        repeated=True,
    ),
    Option(
        "--gf-expect-interim",
        {
            "action": "store_true",
            "help": "What the contract waives is interim: with -m ha strict HA while the interim shape holds and something is ready "
            "in it, with -m publication the known loss of small-check and medium-check. It is red once it is fixed or its review is "
            "due. What readiness needs is never waived: exit 11 if it is unproven.",
        },
    ),
    Option(
        "--gf-confirm",
        {"metavar": "WORD", "help": "Confirm a change that the target's `allow` alone does not permit."},
    ),
    Option(
        "--gf-seed",
        {
            "metavar": "TEXT",
            "help": "Choose samples by this text. The same text gives the same choice, and a red row names its own. "
            "Default: the hour in UTC, so that an hourly canary looks elsewhere each time.",
        },
    ),
    *bending.OPTIONS,
    Option(
        "--gf-reports",
        {"metavar": "DIR", "help": "Where runs write. Default: reports/ in pytest's root folder."},
        path=True,
    ),
    Option(
        "--gf-strict", {"action": "store_true", "help": "Exit with 11 where anything that was selected is unproven."}
    ),
    Option(
        "--gf-deadline",
        {
            "type": float,
            "default": DEADLINE,
            "metavar": "SECONDS",
            "help": "The longest time for one exchange, 10 by default. A fact has six times that. Archives have a pace of their own.",
        },
    ),
    Option(
        "--gf-plan",
        {
            "action": "store_true",
            "help": "Print whether each section of the target is reached (DNS, TCP, TLS, clock, identity), what a run of the chosen clauses "
            "would ask and change, and each right that it lacks. Changes nothing. With --gf-strict: exit 11 if something fails or lacks.",
        },
    ),
    Option(
        "--gf-explain",
        {
            "metavar": "NAME",
            "help": "Say what a clause, a statement (S077) or a kind of cause is about: requirement, facts, rights, faults, causes. Asks nothing.",
        },
    ),
    Option(
        "--gf-clean",
        {
            "action": "store_true",
            "help": "Delete what killed runs left on the target, by their ledgers, and run nothing. Exit 1 where something is left.",
        },
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
    said = str(config.getini("gf_house"))
    if not said and not config.getini("gf_suites") and not _asks_for_us(config):
        return
    base = config.inipath.parent if config.inipath is not None else Path.cwd()
    try:
        if ".py:" in said:  # The file is code: what must not be loaded is refused before it.
            _check_early(config, loading.load(DEFAULT_HOUSE, base), None)
        config.stash[HOUSE] = loading.load(said or DEFAULT_HOUSE, base)
    except BadInput as wrong:
        raise pytest.UsageError(str(wrong)) from None
    group = parser.getgroup("gf", config.stash[HOUSE].name)
    for option in options_of(config.stash[HOUSE].whole()):
        group.addoption(option.name, **option.words)


def options_of(house: House) -> Iterator[Option]:
    """Yield every option: the engine's, then those of the House's axes and selections."""
    yield from (*_OPTIONS, *between.OPTIONS)
    yield from house.options()


def markers_of(house: House) -> dict[str, str]:
    """Return every marker and its meaning."""
    return _OWN_MARKERS | {each.marker: each.about for each in house.selections}


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
    house = config.stash[HOUSE].whole()
    _refuse_spaced_paths(config, house)
    known = config.known_args_namespace
    try:
        _check_early(config, house, known)
    except BadInput as wrong:
        raise pytest.UsageError(str(wrong)) from None
    if known.file_or_dir or config.stash[_IN_WORKER]:
        return
    suites = [str(path) for path in suites_of(config)]
    named = bool(config.getini("gf_house") or config.getini("gf_suites"))
    found: list[str] = []
    if known.gf or known.gf_explain or (named and _names_a_marker(known.markexpr, house)):
        found = suites
    elif named and known.keyword:
        found = [*(str(config.rootpath / path) for path in config.getini("testpaths")), *suites]
    args.extend(found)
    known.file_or_dir.extend(found)


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
    for each in getattr(known, "file_or_dir", ()):
        sources |= {f"the path {each},": Path(os.path.abspath(folder / str(each).split("::")[0]))}
    target = str(known.gf_target or os.environ.get("GF_TARGET") or config.getini("gf_target") or "")
    for selection in house.selections:
        selection.early(Early(known, sources, folder, target))


def suites_of(config: pytest.Config) -> list[Path]:
    """Return the folders that hold clauses: those of the House and of all that it extends, and gf_suites."""
    layers = config.stash[HOUSE].layers() if HOUSE in config.stash else []
    suites = [Path(each.suites) for each in layers if each.suites is not None]
    return list(dict.fromkeys([*suites, *config.getini("gf_suites")]))


def holds_clauses(config: pytest.Config) -> bool:
    """Return whether the paths of this run hold clauses: whether it is a contract run, with reports of its own."""
    suites = suites_of(config)
    for arg in config.args if HOUSE in config.stash else ():
        path = Path(os.path.abspath(config.invocation_params.dir / str(arg).split("::")[0]))
        if any(path == suite or suite in path.parents or path in suite.parents for suite in suites if suite.exists()):
            return True
    return False


def read(config: pytest.Config) -> Settings:
    """Return the run's settings. Raises `pytest.UsageError` with one line for whatever is wrong."""
    try:
        return _read(config, config.stash[HOUSE].whole())
    except BadInput as wrong:
        raise pytest.UsageError(str(wrong)) from None


def _read(config: pytest.Config, house: House) -> Settings:
    option = config.option
    if not 0 < option.gf_deadline <= LONGEST_DEADLINE:
        raise BadInput(f"--gf-deadline={option.gf_deadline:g}: expected seconds between 0 and 3600")
    assert house.read_contract is not None
    said = option.gf_contract or house.contract
    contract_file = Path(os.path.abspath(said)) if said else None
    contract = house.read_contract(contract_file)
    target = _target(config, house)
    seed = option.gf_seed or time.strftime("%Y-%m-%dT%H", time.gmtime())
    given = Given(
        *(option, option.markexpr, option.keyword, tuple(map(str, config.args)), config.invocation_params.dir),
        *(contract, target, seed),
    )
    selected = {each.marker: each.read(given) for each in house.selections}
    filled = {each.fills: each.values(selected[each.marker]) for each in house.selections if each.fills}
    chosen = {axis.name: getattr(option, Option(axis.option, {}).attribute) for axis in house.axes if axis.option}
    return Settings(
        house=house,
        contract=contract,
        contract_file=contract_file,
        axes=Axes(house, contract, filled, chosen, target),
        target=target,
        vantage=target.vantage if target is not None else option.gf_vantage or house.vantages[0],
        faults=bending.bends(option, house, contract, target),
        reports=Path(os.path.abspath(option.gf_reports)) if option.gf_reports else config.rootpath / "reports",
        strict=option.gf_strict,
        deadline=option.gf_deadline,
        seed=seed,
        selected={marker: value for marker, value in selected.items() if value is not None},
        expect_interim=option.gf_expect_interim,
        confirmed=_confirmed(given, house),
        between=between.read(option, str(config.getini("gf_history")), config.inipath),
    )


def _confirmed(given: Given, house: House) -> str | None:
    """Return what is confirmed. Raises `BadInput` for another word, and for a marker that needs one."""
    said: str | None = given.option.gf_confirm
    known = (*house.confirm.values(), *(word for each in house.selections for word in each.words))
    if said is not None and said not in known:
        raise BadInput(f"--gf-confirm={said}: expected {' or '.join(known)}")
    for selection in house.selections:
        for word, confirm in selection.confirm.items():
            if given.selects(selection.marker) and said != confirm and not given.option.gf_plan:
                raise BadInput(
                    f"-m {selection.marker}: add --gf-confirm={confirm} to say that this change is wanted ({word})"
                )
    return said


def _refuse_spaced_paths(config: pytest.Config, house: House) -> None:
    paths = {option.name for option in options_of(house) if option.path}
    for option, value in itertools.pairwise(_words(config)):
        if option in paths and Path(value).exists():
            raise pytest.UsageError(
                f"{option} {value}: write {option}={value} (pytest takes a path that stands alone for tests)"
            )


def _names_a_marker(expression: str, house: House) -> bool:
    return bool({"clause", *house.markers} & set(re.findall(r"\w+", expression)))


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
