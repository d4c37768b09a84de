"""How a step's script reaches a shell: which shell, and what GitHub fills in before it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from pytest_gf.honey.formats import shell, wrappers
from pytest_gf.honey.formats.bash import Unread
from pytest_gf.honey.formats.commands import Word
from pytest_gf.honey.formats.expression import texts
from pytest_gf.honey.formats.expression_values import UNKNOWN
from pytest_gf.honey.formats.templates import GITHUB, Rendered, rendered
from pytest_gf.honey.observed.repository.scene import View

SHELLS = frozenset({"bash", "sh", "dash", "ash"})
MOST_VARIANTS = 8
"""Texts that one script may become; where there were more, the expressions with several values stay unknown."""
_SCRIPT = "{0}"
_DEEPEST = 5


def is_shell(text: str) -> bool:
    """Return whether a step's ``shell:`` hands the script to bash or sh, whatever stands before them."""
    if not text.strip() or text.strip() in SHELLS:
        return True
    return _leads(text.replace(_SCRIPT, "GF_SCRIPT"), 0)


def _leads(text: str, depth: int) -> bool:
    try:
        commands = shell.read(text).commands
    except Unread:
        return False
    return depth < _DEEPEST and any(_runs(command.words, depth) for command in commands)


def _runs(words: tuple[Word, ...], depth: int) -> bool:
    inner = wrappers.inner(words)
    if inner is None:
        return False
    if inner.file is not None:
        return inner.file.text == "GF_SCRIPT" and wrappers.program(words[0]) in SHELLS
    return any(_runs(group, depth) for group in inner.words) or any(
        _leads(script.text, depth + 1) for script in inner.scripts
    )


def variants(text: str, view: View) -> Iterator[Rendered]:
    """Yield the texts that a script may become: each expression filled in with what is known of it."""
    values: dict[str, list[str | None]] = {}

    def take(inner: str) -> str | None:
        possible = texts(f"${{{{{inner}}}}}", view)
        known = sorted(value for value in possible if isinstance(value, str)) if UNKNOWN not in possible else []
        values[inner] = list(known) if len(known) == len(possible) and known else [None]
        return None

    whole = rendered(text, (GITHUB,), take)
    count = 1
    for options in values.values():
        count *= len(options)
    if count > MOST_VARIANTS:
        values = {name: options if len(options) == 1 else [None] for name, options in values.items()}
    if not any(options != [None] for options in values.values()):
        yield whole
        return
    for chosen in product(*values.values()):
        filled = dict(zip(values, chosen, strict=True))
        yield rendered(text, (GITHUB,), filled.get)
