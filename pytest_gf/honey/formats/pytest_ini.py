"""What pytest's ini file in a folder says, as pytest chooses it: pytest.ini, pyproject.toml, tox.ini, setup.cfg."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping

FILES = (("pytest.ini", "pytest"), (".pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))
PYPROJECT = "pyproject.toml"


def options(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the options of the first file that has any, by their names; lists are joined by spaces.

    ``texts``: the files of the folder by name. A file that can't be read says nothing: pytest itself would refuse it.
    """
    for name, section in (*FILES[:2], (PYPROJECT, ""), *FILES[2:]):
        if name in texts:
            given = _toml(texts[name]) if name == PYPROJECT else _ini(texts[name], section)
            if given is not None:
                return given
    return {}


def _toml(text: str) -> dict[str, str] | None:
    try:
        tool = tomllib.loads(text).get("tool", {}).get("pytest", {})
        given = tool.get("ini_options", tool)
        if not given:
            return None
        return {
            str(name): " ".join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in given.items()
        }
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return None


def _ini(text: str, section: str) -> dict[str, str] | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return dict(parser[section]) if parser.has_section(section) else None
