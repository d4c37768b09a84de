"""Pages of docs/ that are generated from what they describe."""

import sys
from collections.abc import Iterable
from pathlib import Path


def destination(page: str, kind: str = "FILE") -> Path:
    """Return the one argument of ``python -m pytest_gf.pages.PAGE``. Raises SystemExit for anything else."""
    given = sys.argv[1:]
    if len(given) != 1 or given[0].startswith("-"):
        raise SystemExit(f"usage: python -m pytest_gf.pages.{page} {kind}")
    return Path(given[0])


def code(names: Iterable[str], between: str = ", ") -> str:
    """Return these names as code in Markdown."""
    return between.join(f"`{name}`" for name in names)
