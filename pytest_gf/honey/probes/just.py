"""``just info`` of a checkout: the one program of it that a run may start, and only where the user said so."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from pytest_gf.engine.errors import DeadlineExceeded, ProbeError, Unproven
from pytest_gf.engine.evidence import record

LONGEST = 100_000
"""Bytes of its output that are looked at."""
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
"""The variables that it gets: none of the contract's, and no credential."""


def info(checkout: Path, *, deadline: float) -> str:
    """Return what ``just info`` says where BAZEL_REMOTE_CACHE is empty. Raises Unproven without just, else ProbeError."""
    program = shutil.which("just")
    if program is None:
        raise Unproven("the program just is not on PATH", "install it, for --gf-run-just")
    variables = {name: os.environ[name] for name in KEPT if name in os.environ} | {"BAZEL_REMOTE_CACHE": ""}
    begun = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603  # The user said --gf-run-just; the arguments are ours.
            [program, "--color=never", "info"],
            cwd=checkout,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=deadline,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DeadlineExceeded(
            "just info", f"still running after {deadline:g} s", "run it by hand in the checkout"
        ) from None
    text = done.stdout[:LONGEST].decode("utf-8", "replace")
    record("just", "info", seconds=time.monotonic() - begun, code=done.returncode, output=text)
    if done.returncode != 0:
        last = (text.strip().splitlines() or ["nothing"])[-1]
        raise ProbeError("just info", f"exit {done.returncode}: {last}", "run it by hand in the checkout")
    return text
