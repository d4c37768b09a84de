"""Targets: the system under test, as a TOML file of sections, the names of credentials, and what a run may change."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.house import BadInput
from pytest_gf.engine.suggestion import suggestion

if TYPE_CHECKING:
    from pytest_gf.engine.house import House, Section

Kind = TypeVar("Kind")
LEAST_SECRET = 8
"""The fewest characters of a password, key or token. Striking out a shorter one would strike out plain words too."""
_SHOWN = ("access_key_env", "username_env")
"""Keys whose variables hold a name that may be shown. The variables of all other ``…_env`` keys hold secrets."""
_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_KEY_ID = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}")
"""An access key id is spelt as a variable's name is."""
_UNKNOWN_KEY = re.compile("Object contains unknown field `([^`]*)`")
"""What msgspec says of a key of the table itself; of one further in it says where."""


class TargetError(BadInput):
    """A target that can't be used: one line with the file, the key and what was expected."""


class Unset(Unproven):
    """A variable that the target names is not set, or empty."""

    def __init__(self, name: str) -> None:
        super().__init__(f"variable {name} is not set", "set it in the environment of this run")


@dataclass(frozen=True)
class Variable:
    """One variable that a section of a target names, with its value ("" where it is not set)."""

    section: str
    key: str
    name: str
    value: str

    @property
    def is_shown(self) -> bool:
        """Whether its value is a name, and no secret."""
        return self.key.rpartition(".")[2] in _SHOWN


@dataclass(frozen=True)
class Target:
    """The system under test. Its credentials are never shown. ``sections`` are its checked tables, by name."""

    name: str
    vantage: str
    allow: frozenset[str] = frozenset()
    sections: Mapping[str, Any] = field(default_factory=dict)
    read_only: str = ""
    _vantages: tuple[str, ...] = ()
    _expects: tuple[str, ...] = ()
    _variables: tuple[Variable, ...] = field(default=(), repr=False)

    def section(self, kind: type[Kind]) -> Kind | None:
        """Return the section of this type, None where the target has none."""
        return next((section for section in self.sections.values() if isinstance(section, kind)), None)

    def permits(self, word: str) -> bool:
        """Return whether a run may change this. Never in the read-only vantage."""
        return self.vantage != self.read_only and word in self.allow

    def credential(self, name: str) -> str:
        """Return the value of a variable that the target names. Raises Unset, or ProbeError where it is expected."""
        named = [variable for variable in self._variables if variable.name == name]
        for variable in named:
            if variable.value:
                return variable.value
            if variable.section in self._expects:
                raise ProbeError(
                    f"reading the credentials of [{variable.section}]",
                    f"variable {name} is not set, and the target expects {variable.section!r}",
                    "set it in the environment of this run",
                )
        raise Unset(name)

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be shown."""
        return tuple(variable.value for variable in self._variables if variable.value and not variable.is_shown)

    def with_vantage(self, vantage: str) -> Self:
        """Return the target as seen from another vantage. Raises TargetError for an unknown one."""
        if vantage not in self._vantages:
            raise TargetError(f"unknown vantage {vantage!r}; expected one of {', '.join(self._vantages)}")
        return replace(self, vantage=vantage)


def parse_toml(path: Path, error: type[ValueError]) -> dict[str, Any]:
    """Return the tables of a TOML file. Raises ``error`` with one line for a missing, unreadable or malformed one."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as missing:
        raise error(f"{path}: {missing.strerror or missing}") from None
    except UnicodeDecodeError:
        raise error(f"{path}: not UTF-8; expected a TOML file") from None
    except tomllib.TOMLDecodeError as malformed:
        raise error(f"{path}: malformed TOML: {malformed}") from None
    except RecursionError:
        raise error(f"{path}: malformed TOML: nested too deeply") from None


def meant_key(wrong: msgspec.ValidationError, table: type, *others: str) -> str:
    """Return how the line about a table's unknown key ends: what was meant; "" for any other line."""
    unknown = _UNKNOWN_KEY.fullmatch(str(wrong))
    known = (field.encode_name for field in msgspec.structs.fields(table)) if unknown is not None else ()
    return suggestion(unknown[1].lower(), (*known, *others)) if unknown is not None else ""


def load(house: House, path: Path, environment: Mapping[str, str] | None = None) -> Target:
    """Return the target in a TOML file, with its credentials from ``environment`` (default: this process's).

    Only the variables that the file names are read. Raises TargetError.
    """
    tables = parse_toml(path, TargetError)
    top = _top(house, path, tables)
    sections: dict[str, Any] = {}
    for section in house.sections:
        if section.name in tables:
            sections[section.name] = _section(section, tables[section.name], path, sections)
    _check_expected(path, [section.name for section in house.sections], sections, top.expects)
    variables = tuple(_variables(path, sections, os.environ if environment is None else environment))
    make = house.target or Target
    allow = frozenset(top.allow)
    return make(top.name, top.vantage, allow, sections, house.read_only, house.vantages, top.expects, variables)


class TopLevel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in a target file above its tables."""

    name: str
    vantage: str
    allow: tuple[str, ...] = ()
    expects: tuple[str, ...] = ()


def _check_expected(path: Path, known: Collection[str], present: Collection[str], expects: Collection[str]) -> None:
    for section in expects:
        if section not in known:
            raise TargetError(
                f"{path}: key 'expects': unknown section {section!r}; expected some of {', '.join(known)}"
            )
        if section not in present:
            raise TargetError(f"{path}: key 'expects': the target expects [{section}], and has no such section")


def _variables(path: Path, sections: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[Variable]:
    """Yield the variables that these sections name. Raises TargetError.

    A text that can't be a variable's name is refused, and not shown. So is a secret that is too short to be struck out.
    """
    for section, table in sections.items():
        for key, name in _texts(table):
            if not key.endswith("_env"):
                continue
            if not _NAME.fullmatch(name) or _KEY_ID.fullmatch(name):
                raise TargetError(
                    f"{path}: key '{section}.{key}': expected the name of a variable (capitals, digits, _);"
                    " what stands there is not shown, since it may be the credential itself"
                )
            variable = Variable(section, key, name, environment.get(name, ""))
            if not variable.is_shown and 0 < len(variable.value) < LEAST_SECRET:
                least = f"expected a secret of at least {LEAST_SECRET} characters, and it has {len(variable.value)}"
                raise TargetError(f"{path}: variable {name}: {least}")
            yield variable


def _texts(table: object, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys of a table that hold texts, those of a table below it as ``BELOW.KEY``."""
    for key, value in msgspec.structs.asdict(table).items() if isinstance(table, msgspec.Struct) else ():
        if isinstance(value, str):
            yield f"{above}{key}", value
        yield from _texts(value, f"{above}{key}.")


def _top(house: House, path: Path, tables: Mapping[str, Any]) -> TopLevel:
    named = [section.name for section in house.sections]
    try:
        top = msgspec.convert({name: value for name, value in tables.items() if name not in named}, TopLevel)
    except msgspec.ValidationError as wrong:
        raise TargetError(f"{path}: {wrong}{meant_key(wrong, TopLevel, *named)}") from None
    if top.vantage not in house.vantages:
        raise TargetError(
            f"{path}: Invalid enum value {top.vantage!r} - at `$.vantage`: expected one of {', '.join(house.vantages)}"
        )
    for word in top.allow:
        if word not in house.allows:
            raise TargetError(f"{path}: key 'allow': unknown word {word!r}; expected some of {', '.join(house.allows)}")
    return top


def _section(section: Section, table: Any, path: Path, read: Mapping[str, Any]) -> Any:
    try:
        return section.check(msgspec.convert(table, section.type), path, read)
    except msgspec.ValidationError as wrong:
        said = str(wrong).replace("`$.", f"`$.{section.name}.", 1)
        where = "" if "`$." in said else f" - at `$.{section.name}`"
        raise TargetError(f"{path}: {said}{where}{meant_key(wrong, section.type)}") from None
