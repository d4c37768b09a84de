"""``python -m pytest_gf new-clause SYSTEM.ID``: writes the stubs of a new clause into a checkout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pytest_gf import stubs

BAD_INPUT = 4
USAGE = "python -m pytest_gf"


def main(given: list[str]) -> int:
    """Write the stubs of a new clause in the current folder, and say what comes next. Return the exit code."""
    parser = argparse.ArgumentParser(prog=USAGE, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new-clause", help="write the stubs of a clause, its fact, its value and its fault")
    new.add_argument("id", metavar="SYSTEM.ID", help="the clause's id, such as rustfs.node-version")
    new.add_argument("--proves", default=stubs.UNKNOWN, metavar="S000", help="the statement that it proves")
    new.add_argument("--marker", default="canary", help="the selection that it belongs to (default: canary)")
    options = parser.parse_args(given)
    try:
        lines = stubs.write(Path.cwd(), stubs.Wanted(options.id, options.proves, options.marker))
    except stubs.Refused as wrong:
        sys.stderr.write(f"ERROR: {wrong}\n")
        return BAD_INPUT
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
