"""The command line: what may be said, and one clear line for what may not."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pytest_gf import trust
from pytest_gf.honey import contract as contracts
from pytest_gf.honey import subject as subjects
from pytest_gf.honey import target as targets
from pytest_gf.honey.audit import asked as audits
from pytest_gf.honey.vantage import VANTAGES

if TYPE_CHECKING:
    from pytest_gf.honey.contract import Contract
    from pytest_gf.honey.formats.baseline import Known
    from pytest_gf.honey.target import Target
    from pytest_gf.lab.faults import Bend

MARKERS = {
    "clause(id)": "one clause of the contract, for -m \"clause(id='rustfs.list-buckets')\"",
    "canary": "clauses of the hourly canary: is the state path coherent now?",
    "repository": "clauses of a checkout of the infrastructure repository; no network",
    "quarantine": "those of them that keep pull requests and proofs from writing to Attic",
    "environment": "clauses of this machine: its variables, bazelrc and nix.conf; no network",
    "guard": "state authority before an apply; with --gf-stack for one stack; writes a proof object where the target allows it",
    "authority": "clauses whose rows for a state's bucket belong to guard too",
    "ha": "the interim shape, and strict HA beyond it: red by design until TIN-1012, see --gf-expect-interim",
    "inventory": "what could become the state authority: every object store of the cluster, classified",
    "rca": "root cause analysis: evidence as files, and the canary's clauses that only look; with --gf-bucket, --gf-since",
    "audit": "every object of the Bazel cache's bucket, read, decoded and hashed; with --gf-sample, --gf-shard, --gf-audit-state",
    "cache_delete": "deletes from the Bazel cache the blob that this run wrote, and looks whether ListBuckets stays whole; never in the canary",
    "nar": "the archives of --gf-store-hash, streamed whole from Attic",
    "upholds(statement)": "a test of this suite that holds a policy statement of the contract",
    "real": "tests against real clients and servers (SeaweedFS, s5cmd, Nix, Bazel); in CI",
}
HOUSE = Path(__file__).parent / "house"
"""Where the wheel carries conftest.py, fixtures and suites; absent in a checkout, which is that house itself."""

LAB = "lab"
DEADLINE = 10.0
LONGEST_DEADLINE = 3600.0
MOST_STORE_HASHES = 1_000
LONGEST_SINCE = 7 * 24 * 3_600
LONGEST_LIST = 1024 * 1024
"""Bytes of a file of store paths."""
_PATH_OPTIONS = (
    "--gf-target",
    "--gf-contract",
    "--gf-reports",
    "--gf-repository",
    "--gf-contract-page",
    "--gf-baseline",
    "--gf-errored",
    "--gf-audit-state",
)
_FACT_DEADLINES = 6
"""A fact makes several exchanges; each has the deadline, all together this many."""


@dataclass(frozen=True)
class Settings:
    """What a run was asked for. ``target`` is None for the embedded lab, which has no addresses before it runs."""

    contract: Contract
    contract_file: Path | None
    target: Target | None
    vantage: str
    faults: tuple[Bend, ...]
    reports: Path
    strict: bool
    deadline: float
    subject: subjects.Subject
    seed: str
    """By which samples are chosen."""
    audit: audits.Asked
    expect_interim: bool = False
    confirmed: str | None = None
    """What the command line confirms beyond the target's words."""
    errored: Path | None = None
    since: int = 1_800
    """Seconds that logs and events of an RCA reach back."""
    baseline: Mapping[str, Known] | None = None
    """What is known of stacks, None where no baseline was named; ``baseline_file`` is where it is to be recorded anew."""
    baseline_file: Path | None = None

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


_TARGET = "the system under test: the embedded lab (default) or a TOML file; before GF_TARGET, before the ini option"
_GF = "run the contract's clauses (the checkout's, or the ones that come with the plugin)"
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "--gf": {"action": "store_true", "help": _GF},
    "--gf-target": {"metavar": "lab|FILE", "help": _TARGET},
    "--gf-vantage": {"choices": VANTAGES, "help": "where this run stands; overrides the target's"},
    "--gf-contract": {"metavar": "FILE", "help": "a fork's contract data (TOML; may extend another)"},
    "--gf-repository": {"metavar": "PATH|lab", "help": "the checkout to judge; before [repository] path of the target"},
    "--gf-contract-page": {"metavar": "FILE", "help": "a contract document, to be compared with the contract's data"},
    "--gf-run-just": {"action": "store_true", "help": "run `just info` of the checkout, and nothing else of it"},
    "--gf-bucket": {"action": "append", "default": [], "metavar": "NAME", "help": "only this bucket (repeatable)"},
    "--gf-stack": {"action": "append", "default": [], "metavar": "NAME", "help": "only this stack (repeatable)"},
    "--gf-store-hash": {
        "action": "append",
        "default": [],
        "metavar": "HASH|@FILE",
        "help": "stream the archive of this store path, or of a file's, a line each (repeatable; with -m nar)",
    },
    "--gf-baseline": {"metavar": "FILE", "help": "serial, lineage, resources and ETag of each stack when all was well"},
    "--gf-errored": {
        "metavar": "FILE",
        "help": "the errored.tfstate of the one --gf-stack; else the one in the stack's folder of the checkout",
    },
    "--gf-update-baseline": {
        "action": "store_true",
        "help": "record them anew for each stack whose other clauses all hold (with --gf-baseline)",
    },
    "--gf-expect-interim": {
        "action": "store_true",
        "help": "with -m ha: what the contract waives is interim while the interim shape holds; red once it is fixed or due",
    },
    "--gf-since": {
        "default": "30m",
        "metavar": "30m",
        "help": "how far back -m rca reads logs and events: seconds (s), minutes (m) or hours (h)",
    },
    "--gf-confirm": {
        "metavar": "WORD",
        "help": "confirm a change that a target's word alone does not permit: delete-from-bazel-cache, for -m cache_delete",
    },
    "--gf-seed": {
        "metavar": "TEXT",
        "help": "choose samples of a bucket's objects by this; a run says its own (default: the hour, UTC)",
    },
    "--gf-sample": {"metavar": "N|PERCENT%", "help": "with -m audit: read so many objects only, chosen by --gf-seed"},
    "--gf-shard": {
        "metavar": "I/N",
        "help": f"with -m audit: every N-th shard from the I-th on (0 <= I < N; or {audits.INDEX}/N)",
    },
    "--gf-rate": {"metavar": "N/s|NMB/s", "help": "with -m audit: read so many objects or bytes a second at most"},
    "--gf-audit-state": {
        "metavar": "DIR",
        "help": "with -m audit: where it is noted how far the audit is; one that was killed goes on from there",
    },
    "--gf-fault": {"action": "append", "default": [], "metavar": "NAME[:ARG]", "help": "bend the lab (repeatable)"},
    "--gf-faults": {"action": "store_true", "help": "list the lab's faults and leave"},
    "--gf-reports": {"metavar": "DIR", "help": "where runs write (default: reports/ in the root folder)"},
    "--gf-strict": {"action": "store_true", "help": "exit 11 when anything selected is unproven"},
    "--gf-deadline": {
        "type": float,
        "default": DEADLINE,
        "metavar": "SECONDS",
        "help": "longest time for one exchange",
    },
    "--gf-plan": {
        "action": "store_true",
        "help": "print what a run would ask, change and lack; asks access reviews only",
    },
    "--gf-clean": {"action": "store_true", "help": "delete what killed runs left on the target, and leave"},
}
_SUITES = "folders that hold clauses; run when -m names one of their markers, by -k, or by --gf"


def add_options(parser: pytest.Parser) -> None:
    """Add our options and ini options to pytest's."""
    group = parser.getgroup("gf", "GloriousFlywheel's contract")
    for name, attributes in {**_OPTIONS, **trust.OPTION}.items():
        group.addoption(name, **attributes)
    parser.addini("gf_suites", type="paths", default=[], help=_SUITES)
    parser.addini("gf_target", default="", help="as --gf-target")


def place_suites(config: pytest.Config, args: list[str]) -> None:
    """Add the folders that hold clauses to the command line, where it asks for clauses and names no path.

    Called before conftests are loaded. Raises `pytest.UsageError` for a path option in its spaced form: pytest would
    already have taken the path for a folder of tests.
    """
    _refuse_spaced_paths(config)
    known = config.known_args_namespace
    if known.file_or_dir or hasattr(config, "workerinput"):
        return
    suites = [str(path) for path in config.getini("gf_suites")]
    found: list[str] = []
    if known.gf or (suites and _names_a_marker(known.markexpr)):
        found = suites or [str(HOUSE)]
    elif suites and known.keyword:
        found = [*(str(config.rootpath / path) for path in config.getini("testpaths")), *suites]
    args.extend(found)
    known.file_or_dir.extend(found)


def holds_clauses(config: pytest.Config) -> bool:
    """Return whether the paths of this run hold clauses: whether it is a contract run, with reports of its own."""
    suites = [*config.getini("gf_suites"), HOUSE]
    for arg in config.args:
        path = Path(os.path.abspath(config.invocation_params.dir / str(arg).split("::")[0]))
        if any(path == suite or suite in path.parents or path in suite.parents for suite in suites if suite.exists()):
            return True
    return False


def read(config: pytest.Config) -> Settings:
    """Return the run's settings. Raises `pytest.UsageError` with one line for anything that can't be meant."""
    option = config.option
    if not 0 < option.gf_deadline <= LONGEST_DEADLINE:
        raise pytest.UsageError(f"--gf-deadline={option.gf_deadline:g}: expected seconds between 0 and 3600")
    contract_file = Path(os.path.abspath(option.gf_contract)) if option.gf_contract else None
    try:
        contract = contracts.load(contract_file).narrow(buckets=option.gf_bucket, stacks=option.gf_stack)
        audit = _audit(config)
        shards = audit.shards if _names_the_audit(config) else ()
        contract = msgspec.structs.replace(contract, store_hashes=_store_hashes(config), shards=shards)
        target = _target(config)
    except (contracts.ContractError, targets.TargetError) as wrong:
        raise pytest.UsageError(str(wrong)) from None
    return Settings(
        contract=contract,
        contract_file=contract_file,
        target=target,
        vantage=target.vantage if target is not None else option.gf_vantage or "runner",
        faults=_faults(option.gf_fault, contract, target),
        reports=Path(os.path.abspath(option.gf_reports)) if option.gf_reports else config.rootpath / "reports",
        strict=option.gf_strict,
        deadline=option.gf_deadline,
        audit=audit,
        subject=subjects.chosen(option, target),
        expect_interim=option.gf_expect_interim,
        confirmed=_confirmed(config),
        since=_since(option.gf_since),
        errored=_errored(option.gf_errored, option.gf_stack),
        baseline=_baseline(option.gf_baseline),
        baseline_file=_to_record(option.gf_baseline, update=option.gf_update_baseline),
        seed=option.gf_seed or time.strftime("%Y-%m-%dT%H", time.gmtime()),
    )


def _baseline(name: str | None) -> dict[str, Known] | None:
    """Return the baseline in a file; an absent one knows no stack yet. Raises `pytest.UsageError`."""
    from pytest_gf.honey.formats import baseline

    if name is None:
        return None
    try:
        return baseline.read(Path(name).read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as wrong:
        raise pytest.UsageError(f"--gf-baseline={name}: can't be read: {wrong.strerror or wrong}") from None
    except baseline.Malformed as wrong:
        raise pytest.UsageError(f"--gf-baseline={name}: no baseline: {wrong}") from None


def _audit(config: pytest.Config) -> audits.Asked:
    """Return what the audit's options say. Raises `pytest.UsageError`."""
    try:
        return audits.read(
            *(getattr(config.option, f"gf_{name}") for name in ("shard", "sample", "rate", "audit_state"))
        )
    except ValueError as wrong:
        raise pytest.UsageError(str(wrong)) from None


def _names_the_audit(config: pytest.Config) -> bool:
    """Return whether this run is to have the audit's hundreds of rows: any other would only collect them."""
    texts = (config.option.markexpr, config.option.keyword, *(Path(str(arg)).name for arg in config.args))
    return bool(config.option.gf_shard or config.option.gf_sample or any("audit" in text for text in texts))


def _confirmed(config: pytest.Config) -> str | None:
    """Return what is confirmed. Raises `pytest.UsageError` for another word, and for a marker that needs one."""
    given: str | None = config.option.gf_confirm
    known = targets.CONFIRMED.values()
    if given is not None and given not in known:
        raise pytest.UsageError(f"--gf-confirm={given}: expected {' or '.join(known)}")
    for word, confirm in targets.CONFIRMED.items():
        marker = word.replace("-", "_")
        asked = re.search(rf"(?<!not )\b{marker}\b", config.option.markexpr)
        if asked and given != confirm and not config.option.gf_plan:
            raise pytest.UsageError(f"-m {marker}: --gf-confirm={confirm} says that it is meant ({word})")
    return given


def _since(given: str) -> int:
    found = re.fullmatch(r"([0-9]{1,6})([smh])", given)
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3_600}[found[2]] if found else 0
    if not 0 < seconds <= LONGEST_SINCE:
        raise pytest.UsageError(f"--gf-since={given}: expected a time such as 90s, 30m or 12h, a week at most")
    return seconds


def _errored(name: str | None, stacks: list[str]) -> Path | None:
    if name is None:
        return None
    if len(set(stacks)) != 1:
        raise pytest.UsageError(f"--gf-errored={name}: --gf-stack=NAME says of which one stack it is")
    file = Path(os.path.abspath(name))
    if not file.is_file():
        raise pytest.UsageError(f"--gf-errored={name}: no such file")
    return file


def _to_record(name: str | None, *, update: bool) -> Path | None:
    if update and name is None:
        raise pytest.UsageError("--gf-update-baseline: --gf-baseline=FILE says what to write")
    if not update or name is None:
        return None
    file = Path(os.path.abspath(name))
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise pytest.UsageError(f"--gf-baseline={name}: can't be written: is its folder there, and ours to write?")
    return file


def _refuse_spaced_paths(config: pytest.Config) -> None:
    given = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *map(str, config.invocation_params.args)]
    for option, value in itertools.pairwise(given):
        if option in _PATH_OPTIONS and Path(value).exists():
            raise pytest.UsageError(
                f"{option} {value}: write {option}={value} (pytest takes a path that stands alone for tests)"
            )


def _names_a_marker(expression: str) -> bool:
    markers = {marker.partition("(")[0] for marker in MARKERS} - {"real", "upholds"}
    return bool(markers & set(re.findall(r"\w+", expression)))


def _store_hashes(config: pytest.Config) -> tuple[str, ...]:
    """Return the store hashes of the command line, each once; a whole store path stands for its hash."""
    found: dict[str, None] = {}
    for given in config.option.gf_store_hash:
        lines = [given]
        if given.startswith("@"):
            path = config.invocation_params.dir / given[1:]
            try:
                lines = path.read_text("ascii").split() if path.stat().st_size <= LONGEST_LIST else [""]
            except (OSError, UnicodeDecodeError) as wrong:
                raise pytest.UsageError(f"--gf-store-hash={given}: can't be read: {wrong}") from None
        for line in lines:
            text = line.rpartition("/")[2].partition("-")[0]
            if not targets.is_store_hash(text):
                said = line[:60] if line is not given or not given.startswith("@") else "a list that is too long"
                raise pytest.UsageError(
                    f"--gf-store-hash={said}: expected 32 characters of Nix's base 32, as in /nix/store/HASH-name"
                )
            found[text] = None
    if len(found) > MOST_STORE_HASHES:
        raise pytest.UsageError(f"--gf-store-hash: {len(found)} paths; {MOST_STORE_HASHES} in one run at most")
    if not found and "nar" in re.findall(r"\w+", config.option.markexpr):
        raise pytest.UsageError("-m nar: --gf-store-hash=HASH names what is to be streamed (repeatable, or @FILE)")
    return tuple(found)


def _target(config: pytest.Config) -> Target | None:
    chosen: Any = config.option.gf_target or os.environ.get("GF_TARGET") or config.getini("gf_target") or LAB
    if chosen == LAB:
        return None
    path = Path(os.path.abspath(config.invocation_params.dir / chosen))
    if not path.is_file():
        raise targets.TargetError(
            f"target {chosen!r}: no such file; expected 'lab' or a TOML file of addresses (docs/targets.md)"
        )
    target = targets.load(path)
    return target.with_vantage(config.option.gf_vantage) if config.option.gf_vantage else target


def _faults(given: list[str], contract: Contract, target: Target | None) -> tuple[Bend, ...]:
    if not given:
        return ()
    if target is not None:
        raise pytest.UsageError(f"--gf-fault={given[0]}: only the lab can be bent, and the target is {target.name!r}")
    from pytest_gf.lab import faults

    try:
        return tuple(faults.parse(each, contract) for each in given)
    except ValueError as unknown:
        raise pytest.UsageError(f"--gf-fault: {unknown}") from None
