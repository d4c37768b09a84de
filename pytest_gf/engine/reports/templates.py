"""Pages and texts are templates of Jinja. Each block of one stands in a line of its own, and a name that is not there is an error."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

_BREAK = "\0"
"""Stands for a line break of a value in a text."""


@functools.cache
def template(path: Path, *filters: Callable[..., Any], **options: Any) -> jinja2.Template:
    """Return the template in a file, with these filters by their names. ``options`` are those of `jinja2.Environment`."""
    import jinja2

    loader = jinja2.FileSystemLoader(path.parent)
    environment = jinja2.Environment(  # noqa: S701  # Markdown is no HTML; the page of HTML asks for it.
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, **options
    )
    environment.filters.update({function.__name__: function for function in filters})
    return environment.get_template(path.name)


def lines_of(path: Path, *filters: Callable[..., Any], **values: Any) -> list[str]:
    """Return the lines of a text whose template is in a file. What stands in one line there is one, whatever its values hold."""
    text = template(path, *filters, finalize=_joined).render(**values)
    return [line.replace(_BREAK, "\n") for line in text.removesuffix("\n").split("\n")]


def _joined(value: object) -> object:
    return value.replace("\n", _BREAK) if isinstance(value, str) else value
