"""Reading a contract: TOML that may extend another, checked, with one clear line for what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from pytest_gf.engine.contract import Disclaimer, Reminder, Statement, Together, Waiver
from pytest_gf.engine.house import BadInput
from pytest_gf.engine.target import meant_key, parse_toml
from pytest_gf.honey.contract.model import (
    HA,
    Artifact,
    Attic,
    Bazel,
    Bucket,
    Cluster,
    Contract,
    InventoryRules,
    Limit,
    Scratch,
    Stack,
    StateRules,
    Workload,
)
from pytest_gf.honey.contract.repository import Repository, refused

HERE = Path(__file__).parent
DEFAULT = HERE / "gloriousflywheel.toml"
STATEMENTS = HERE / "statements.toml"
REPOSITORY = HERE / "repository.toml"
"""A part of `DEFAULT`, in a file of its own."""
CREDENTIALS = frozenset({"access_key", "secret_key", "token", "sse_customer_key"})
"""Settings of OpenTofu's backend whose values nobody may read here."""
DEEPEST = 8
"""How many files may extend one another."""


class ContractError(BadInput):
    """A contract that can't be used: one line with the file, the key and what was expected."""


class _Disclaimer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    statements: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    scratch: Scratch
    buckets: dict[str, Bucket]
    stacks: dict[str, Stack]
    cluster: Cluster | None = None
    rustfs: Workload | None = None
    attic: Attic | None = None
    artifacts: dict[str, Artifact] = {}
    bazel: Bazel | None = None
    state: StateRules = StateRules()
    ha: HA | None = None
    inventory: InventoryRules | None = None
    waivers: tuple[Waiver, ...] = ()
    together: tuple[Together, ...] = ()
    reminders: tuple[Reminder, ...] = ()
    commands: dict[str, str] = {}
    limits: dict[str, Limit] = {}
    repository: Repository = Repository()
    tickets: dict[str, str] = {}
    does_not_prove: tuple[_Disclaimer, ...] = ()
    statements: str = ""


def load(path: Path | None = None) -> Contract:
    """Return the contract in ``path``, or GloriousFlywheel's own. Raises ContractError."""
    file = path or DEFAULT
    try:
        read = msgspec.convert(_merged(file, ()), _File)
    except msgspec.ValidationError as wrong:
        raise ContractError(f"{file}: {wrong}{meant_key(wrong, _File)}") from None
    named = (file.parent / read.statements) if read.statements else STATEMENTS
    sections = parse_toml(named, ContractError).get("section", {})
    contract = Contract(
        **{
            name: getattr(read, name)
            for name in _File.__struct_fields__
            if name not in {"does_not_prove", "statements"}
        },
        does_not_prove=tuple(Disclaimer(given.text, tuple(given.statements.split())) for given in read.does_not_prove),
        statements=_statements(named, sections),
        sections={name: str(table.get("title", name)) for name, table in sections.items()},
    )
    _check(contract, file)
    return contract


def _merged(path: Path, extending: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in extending or len(extending) > DEEPEST:
        raise ContractError(f"{path}: extends itself, through {extending[-1]}")
    tables = parse_toml(path, ContractError)
    base = tables.pop("extends", None)
    if base is None:
        return _over(parse_toml(REPOSITORY, ContractError), tables) if path == DEFAULT else tables
    if not isinstance(base, str):
        raise ContractError(f"{path}: key 'extends': expected the name of a contract or a file")
    below = DEFAULT if base == DEFAULT.stem else path.parent / base
    return _over(_merged(below, (*extending, path.resolve())), tables)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables of ``above`` laid over those of ``below``; an entry that is false takes the one below away."""
    merged = dict(below)
    for key, value in above.items():
        if value is False:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _over(merged[key], value)
        else:
            merged[key] = value
    return merged


def _statements(path: Path, sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Statement]:
    statements: dict[str, Statement] = {}
    for section, table in sections.items():
        for name, entry in table.items():
            if isinstance(entry, Mapping):
                try:
                    statements[name] = Statement(
                        id=name, how=str(entry["how"]), text=str(entry["text"]), section=section
                    )
                except KeyError as missing:
                    raise ContractError(f"{path}: statement {name}: expected the key {missing}") from None
    return statements


def _check(contract: Contract, path: Path) -> None:
    if wrong := refused(contract.repository):
        raise ContractError(f"{path}: key {wrong}")
    _check_statements(contract, path)
    _check_state(contract, path)
    for key, instant in _instants(contract):
        if instant.tzinfo is None:
            raise ContractError(f"{path}: key {key!r}: expected an instant with its zone, as 2027-01-31T12:00:00Z")


def _check_statements(contract: Contract, path: Path) -> None:
    named = {f"stacks.{name}.proves": stack.proves for name, stack in contract.stacks.items()}
    named |= {f"limits.{name}.proves": limit.proves for name, limit in contract.limits.items()}
    named |= {f"together[{index}].statements": given.statements for index, given in enumerate(contract.together)}
    named |= {f"reminders[{index}].statements": given.statements for index, given in enumerate(contract.reminders)}
    for index, disclaimer in enumerate(contract.does_not_prove):
        named[f"does_not_prove[{index}].statements"] = " ".join(disclaimer.statements)
    for key, statements in named.items():
        for statement in statements.replace("~", "").split():
            if statement not in contract.statements:
                raise ContractError(f"{path}: key {key!r}: unknown statement {statement}")


def _check_state(contract: Contract, path: Path) -> None:
    prefix = contract.state.proof_prefix
    if (
        not prefix.endswith("/")
        or prefix.startswith(("/", "env:/"))
        or any(stack.key.startswith(prefix) for stack in contract.stacks.values())
    ):
        raise ContractError(
            f"{path}: key 'state.proof_prefix': expected a folder with a slash at its end, outside of every state and of env:/"
        )
    for setting in CREDENTIALS & contract.repository.stacks.variables.keys():
        raise ContractError(
            f"{path}: key 'repository.stacks.variables.{setting}': it is a credential, and no value of one is read"
        )
    for name, stack in contract.stacks.items():
        if stack.bucket not in contract.buckets:
            known = ", ".join(contract.buckets)
            raise ContractError(
                f"{path}: key 'stacks.{name}.bucket': {stack.bucket!r} is no bucket of this contract ({known})"
            )


def _instants(contract: Contract) -> Iterator[tuple[str, datetime]]:
    """Yield what the contract dates, each with its key."""
    for index, waiver in enumerate(contract.waivers):
        yield f"waivers[{index}].review", waiver.review
    for name, piece in contract.ha.evidence.items() if contract.ha is not None else ():
        if piece.recorded is not None:
            yield f"ha.evidence.{name}.recorded", piece.recorded
