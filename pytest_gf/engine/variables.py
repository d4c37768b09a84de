"""The variables that a target names: which section names each, which hold secrets, and which names are refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

LEAST_SECRET = 8
"""The fewest characters of a password, key or token. Striking out a shorter one would strike out plain words too."""
_SHOWN = ("access_key_env", "username_env")
"""Keys whose variables hold a name that may be shown. The variables of all other ``…_env`` keys hold secrets."""
_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_KEY_ID = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}")
"""An access key id is spelt as a variable's name is."""


class Wrong(ValueError):
    """What is wrong with a target: a line without the file's name."""


@dataclass(frozen=True)
class Variable:
    """One variable that a section of a target names."""

    section: str
    key: str
    name: str

    @property
    def is_shown(self) -> bool:
        """Whether its value is a name, and no secret."""
        return self.key.rpartition(".")[2] in _SHOWN


def named(sections: Mapping[str, Any], expects: Collection[str]) -> list[Variable]:
    """Return the variables that these sections name (None: the target has no such section).

    Raises Wrong for an expected section that is absent, and for a text that can't be a variable's name. That text is not shown.
    """
    for section in expects:
        if section not in sections:
            known = ", ".join(sections)
            raise Wrong(f"key 'expects': unknown section {section!r}; expected some of {known}")
        if sections[section] is None:
            raise Wrong(f"key 'expects': the target expects [{section}], and has no such section")
    variables = [
        Variable(section, key, value)
        for section, table in sections.items()
        if table is not None
        for key, value in _keys(table)
        if key.endswith("_env")
    ]
    for variable in variables:
        if not _NAME.fullmatch(variable.name) or _KEY_ID.fullmatch(variable.name):
            raise Wrong(
                f"key '{variable.section}.{variable.key}': expected the name of a variable (capitals, digits, _);"
                " what stands there is not shown, since it may be the credential itself"
            )
    return variables


def _keys(table: object, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys of a table that hold texts, those of a table below it as ``BELOW.KEY``."""
    for key, value in msgspec.structs.asdict(table).items() if isinstance(table, msgspec.Struct) else ():
        if isinstance(value, str):
            yield f"{above}{key}", value
        yield from _keys(value, f"{above}{key}.")


def check_lengths(values: Mapping[str, str], variables: Collection[Variable]) -> None:
    """Raise Wrong for a secret that is too short to be struck out; an empty one is unset."""
    for variable in variables:
        value = values.get(variable.name, "")
        if not variable.is_shown and 0 < len(value) < LEAST_SECRET:
            raise Wrong(
                f"variable {variable.name}: expected a secret of at least {LEAST_SECRET} characters, and it has {len(value)}"
            )
