"""A run must not take its own configuration from the checkout that it judges: nothing there is to be executed."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

HOW = (
    "start it from a folder outside, with -c and the pyproject.toml of pytest_gf's own checkout (or --gf with the wheel); "
    "say --gf-trust-checkout where the checkout is your own"
)
OPTION: Mapping[str, Mapping[str, Any]] = {
    "--gf-trust-checkout": {
        "action": "store_true",
        "help": "judge a checkout from inside: its pytest configuration and conftest.py are loaded",
    },
}


def refuse(config: pytest.Config) -> None:
    """Refuse a run whose rootdir, ini file, working folder or paths lie in the judged checkout. Raises `pytest.UsageError`.

    Called before any conftest is loaded. What pytest imports before that (``-p`` in addopts, the working folder under
    ``python -m``) no plugin can stop.
    """
    known = config.known_args_namespace
    if known.gf_fault and known.gf_repository not in {None, "lab"}:
        raise pytest.UsageError(
            f"--gf-fault={known.gf_fault[0]}: only the lab's model can be bent; say --gf-repository=lab"
        )
    judged = _judged(config, known)
    if judged is None or known.gf_trust_checkout or hasattr(config, "workerinput"):
        return
    for what, path in _sources(config, known):
        if Path(os.path.realpath(path)).is_relative_to(judged):
            raise pytest.UsageError(f"{what} {path} lies in {judged}, the checkout that this run judges: {HOW}")


def _judged(config: pytest.Config, known: Any) -> Path | None:
    """Return the checkout that the command line or the target's file names; None for the lab's model, or none."""
    given = known.gf_repository
    if given is None:
        given = _of_target(config, known)
    return None if given is None or given == "lab" else Path(os.path.realpath(given))


def _of_target(config: pytest.Config, known: Any) -> str | None:
    """Return the path in a target's file. One that can't be read is refused later, in words of its own."""
    name = known.gf_target or os.environ.get("GF_TARGET") or config.getini("gf_target")
    if not name or name == "lab":
        return None
    file = Path(os.path.abspath(config.invocation_params.dir / str(name)))
    try:
        section = tomllib.loads(file.read_text(encoding="utf-8")).get("repository")
    except (OSError, ValueError, RecursionError):
        return None
    path = section.get("path") if isinstance(section, dict) else None
    return str(file.parent / Path(path).expanduser()) if isinstance(path, str) else None


def _sources(config: pytest.Config, known: Any) -> Iterator[tuple[str, Path]]:
    yield "the rootdir", config.rootpath
    if config.inipath is not None:
        yield "the ini file", config.inipath
    yield "the working folder", config.invocation_params.dir
    for each in known.file_or_dir:
        yield "the path", Path(os.path.abspath(config.invocation_params.dir / str(each).split("::")[0]))
