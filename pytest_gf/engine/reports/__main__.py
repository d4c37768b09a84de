"""``python -m pytest_gf.reports``: merge the records of runs, tell two runs apart, show the grid of a history."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_gf.engine.reports import grid, history, merge
from pytest_gf.engine.visible import visible

BAD_INPUT = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line names, say what came of it, and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code, text = options.do(options)
    except (merge.NoRecord, OSError) as wrong:
        sys.stderr.write(f"{options.command}: {visible(str(wrong))}\n")
        return BAD_INPUT
    sys.stdout.write(f"{text}\n")
    return int(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pytest_gf.reports", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    merging = commands.add_parser("merge", help="join the records and findings of runs into one, with one exit code")
    merging.set_defaults(do=lambda options: merge.join(options.runs, options.out))
    merging.add_argument("--out", type=Path, default=Path("reports/merged"), help="where to (default: reports/merged)")
    merging.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run")
    telling_apart = commands.add_parser("diff", help="say what is new, what was mended and what stays between two runs")
    telling_apart.set_defaults(do=lambda options: (0, grid.diff(options.before, options.after)))
    for name in ("before", "after"):
        telling_apart.add_argument(name, type=Path, metavar=name.upper(), help="the folder of a run, or its record")
    showing = commands.add_parser("history", help="print rows and the last runs as a grid")
    showing.set_defaults(do=lambda options: (0, grid.grids(options.folder, options.runs)))
    showing.add_argument("folder", type=Path, metavar="DIR", help="the folder of --gf-history")
    showing.add_argument("--runs", type=int, default=history.SHOWN, metavar="N", help="how many (default: %(default)s)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
