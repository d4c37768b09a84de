"""Nix's settings: a ``nix.conf``, what it includes, and the variables that tell Nix to read another file."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pytest_gf.honey.formats.linear import linear

MOST_INCLUDES = 50
_SETTING = linear(r"^\s*([\w-]+)\s*=\s*(.*)$")
_INCLUDE = linear(r"^\s*(!?include)\s+(\S.*?)\s*$")
_BY_VARIABLE = linear(
    r"(?m)(?:^|[^{\w$])(NIX_USER_CONF_FILES|NIX_CONF_DIR|XDG_CONFIG_HOME)[\"']?(?:=|:[ \t]|[ \t]+=)[ \t]*[\"']?([^\s\"';]+)"
)
_BELOW = {"NIX_CONF_DIR": "nix.conf", "XDG_CONFIG_HOME": "nix/nix.conf"}


@dataclass(frozen=True)
class Setting:
    """A line of a file that sets something: its path, its line (from 1), the name, and the words of the value."""

    path: str
    line: int
    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Absent:
    """A file that is included and was not read: it is not here, or stands behind too many others. ``line`` is that of the include."""

    path: str
    line: int
    included: str


def read(path: str, text: str, load: Callable[[str], str | None]) -> Iterator[Setting | Absent]:
    """Yield what a file sets, the files that it includes in their place, each file once."""
    yield from _read(path, text, load, {path})


def _read(path: str, text: str, load: Callable[[str], str | None], seen: set[str]) -> Iterator[Setting | Absent]:
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0]
        included = _INCLUDE.match(line)
        if included is not None:
            where = posixpath.normpath(posixpath.join(posixpath.dirname(path), included[2]))
            if where in seen:
                continue
            contents = load(where) if len(seen) <= MOST_INCLUDES else None
            seen.add(where)
            if contents is not None:
                yield from _read(where, contents, load, seen)
            else:
                yield Absent(path, number, included[2])
        elif (setting := _SETTING.match(line)) is not None:
            yield Setting(path, number, setting[1], tuple(setting[2].split()))


def files_by_variable(text: str) -> Iterator[tuple[int, str]]:
    """Yield the files that a text makes Nix read by a variable, each with its place in the text."""
    for match in _BY_VARIABLE.finditer(text):
        for word in match[2].split(":"):
            yield match.start(), posixpath.join(word, _BELOW[match[1]]) if match[1] in _BELOW else word


def is_substituters(name: str) -> bool:
    """Return whether a setting names caches that Nix takes from, or may be told to."""
    return name.removeprefix("extra-") in {
        "substituters",
        "trusted-substituters",
        "binary-caches",
        "trusted-binary-caches",
    }


def files(variables: Mapping[str, str]) -> list[str]:
    """Return the files that Nix reads on a machine, by its variables; ``~`` is the home folder."""
    system = posixpath.join(variables.get("NIX_CONF_DIR") or "/etc/nix", "nix.conf")
    user = variables.get("NIX_USER_CONF_FILES")
    if user:
        return [system, *filter(None, user.split(":"))]
    folders = [
        variables.get("XDG_CONFIG_HOME") or "~/.config",
        *(variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"),
    ]
    return [system, *(posixpath.join(folder, "nix", "nix.conf") for folder in folders if folder)]
