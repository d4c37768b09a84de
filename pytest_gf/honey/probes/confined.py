"""Decoding of large bodies in a child with a limit of memory, which is killed at the deadline; one at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pytest_gf.engine.errors import DeadlineExceeded, NotUnderstood

Value = TypeVar("Value")
LARGE = 1024 * 1024
"""Bytes. A smaller body is decoded in this process: it can't grow to much, and a child takes a tenth of a second."""
MEMORY = 1024 * 1024 * 1024
"""Bytes of address space that a child has: JSON of 16 MiB takes up to 50 times its size as Python's objects."""
_CHILD = Path(__file__).with_name("confined_child.py")
_PACKAGE = Path(__file__).parents[1]
_ONE = threading.Lock()


def confined(
    read: Callable[[bytes], Value],
    body: bytes,
    kind: type[Value],
    *,
    tried: str,
    seconds: float,
    raises: tuple[type[Exception], ...] = (),
    large: int = LARGE,
    memory: int = MEMORY,
) -> Value:
    """Return what ``read``, a function of a module, makes of a hostile body. A ``kind`` is what MessagePack can carry.

    Raises what ``read`` raises of ``raises``; NotUnderstood where the child needed more memory or broke; DeadlineExceeded.
    """
    if len(body) <= large:
        return read(body)
    ends = time.monotonic() + seconds
    if not _ONE.acquire(timeout=seconds):
        raise DeadlineExceeded(
            tried, f"other bodies were decoded for {seconds:.3g} s", "run again; fewer states at once"
        )
    try:
        said = _said(read, body, tried, max(0.0, ends - time.monotonic()), memory)
    finally:
        _ONE.release()
    word, value = said if isinstance(said, list) and len(said) == len(("word", "value")) else ("broken", None)
    if word == "value":
        return msgspec.convert(value, kind, strict=False)
    if word == "raised":
        _raise(value, raises, tried)
    raise NotUnderstood(
        tried,
        f"{len(body)} bytes came, and decoding them takes more than {memory // LARGE} MiB of memory",
        "who wrote this? nothing that is meant is so large",
    )


def _said(read: Callable[[bytes], Any], body: bytes, tried: str, seconds: float, memory: int) -> Any:
    command = [sys.executable, "-I", str(_CHILD), str(_PACKAGE), read.__module__, read.__qualname__, str(memory)]
    child = subprocess.Popen(  # noqa: S603  # This Python, and a file of this package.
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"LC_ALL": "C.UTF-8"}
    )
    try:
        said, _ = child.communicate(body, timeout=seconds)
        return msgspec.msgpack.decode(said)
    except subprocess.TimeoutExpired:
        raise DeadlineExceeded(
            tried, f"{len(body)} bytes were not decoded within {seconds:.3g} s", "is this machine overloaded?"
        ) from None
    except msgspec.DecodeError:
        return None  # It was killed, or had no memory left to say so.
    finally:
        child.kill()
        child.communicate()


def _raise(told: Any, raises: tuple[type[Exception], ...], tried: str) -> None:
    name, attributes, text = told
    for known in raises:
        if name == f"{known.__module__}.{known.__qualname__}":
            raise known(**attributes)
    raise NotUnderstood(tried, f"it can't be decoded: {name}: {text}", "look at it by hand")
