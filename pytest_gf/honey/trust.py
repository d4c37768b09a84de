"""A run must not take its own configuration from the checkout that it judges: nothing there is to be executed."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from pytest_gf.engine.house import BadInput, Early, Option

HOW = (
    "start it from a folder outside, with -c and the pyproject.toml of pytest_gf's own checkout (or --gf with the wheel); "
    "say --gf-trust-checkout where the checkout is your own"
)
OPTION = Option(
    "--gf-trust-checkout",
    {
        "action": "store_true",
        "help": "Judge a checkout from inside. Its pytest configuration and its conftest.py are loaded.",
    },
)


def refuse(early: Early) -> None:
    """Refuse a run whose rootdir, ini file, working folder or paths lie in the judged checkout. Raises `BadInput`.

    Called before any conftest is loaded. What pytest imports before that (``-p`` in addopts, the working folder under
    ``python -m``) no plugin can stop.
    """
    option = early.option
    if option.gf_fault and option.gf_repository not in {None, "lab"}:
        raise BadInput(f"--gf-fault={option.gf_fault[0]}: only the lab's model can be bent; say --gf-repository=lab")
    judged = _judged(early)
    if judged is None or option.gf_trust_checkout:
        return
    for what, path in early.sources.items():
        if Path(os.path.realpath(path)).is_relative_to(judged):
            raise BadInput(f"{what} {path} lies in {judged}, the checkout that this run judges: {HOW}")


def _judged(early: Early) -> Path | None:
    """Return the checkout that the command line or the target's file names; None for the lab's model, or none."""
    given = early.option.gf_repository
    if given is None:
        given = _of_target(early)
    return None if given is None or given == "lab" else Path(os.path.realpath(given))


def _of_target(early: Early) -> str | None:
    """Return the path in a target's file. One that can't be read is refused later, in words of its own."""
    if not early.target or early.target == "lab":
        return None
    file = Path(os.path.abspath(early.folder / early.target))
    if not file.is_file():  # A device may have no end.
        return None
    try:
        section = tomllib.loads(file.read_text(encoding="utf-8")).get("repository")
    except (OSError, ValueError, RecursionError):
        return None
    path = section.get("path") if isinstance(section, dict) else None
    return str(file.parent / Path(path).expanduser()) if isinstance(path, str) else None
