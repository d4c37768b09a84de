"""``python -m pytest_gf.reports merge RUN…``: the records and findings of several runs as one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_gf.engine.reports import merge
from pytest_gf.engine.visible import visible

BAD_INPUT = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Merge what the command line names, say in a line what became of it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pytest_gf.reports", description=__doc__)
    commands = parser.add_subparsers(required=True)
    merging = commands.add_parser("merge", help="join the records and findings of runs into one, with one exit code")
    merging.add_argument("--out", type=Path, default=Path("reports/merged"), help="where to (default: reports/merged)")
    merging.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run")
    options = parser.parse_args(arguments)
    try:
        code, line = merge.join(options.runs, options.out)
    except (merge.NoRecord, OSError) as wrong:
        sys.stderr.write(f"merge: {visible(str(wrong))}\n")
        return BAD_INPUT
    sys.stdout.write(f"{line}\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
