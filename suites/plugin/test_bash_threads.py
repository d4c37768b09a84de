"""Scripts are parsed in the threads of many facts at once."""

from __future__ import annotations

import subprocess
import sys

MANY = """
from concurrent.futures import ThreadPoolExecutor
from pytest_gf.honey.formats import bash
script = "".join(f"x{at}=$(echo {at} | tr 1 2) || exit 1\\n" for at in range(2_000))
with ThreadPoolExecutor(8) as pool:
    trees = list(pool.map(lambda _: str(bash.Tree(script).root), range(40)))
assert len({bash.Tree(script).root.child_count for _ in trees}) == 1 and len(trees) == 40
"""


def test_scripts_are_parsed_side_by_side() -> None:
    """Two threads in one parser of tree-sitter end the process, so this is one of its own."""
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
