"""The process that decodes for `confined`: it has a limit of memory and no credential, and says in MessagePack what it read.

Run by its path, as ``python -I confined_child.py PACKAGE MODULE FUNCTION BYTES`` with the body on its standard input.
"""

from __future__ import annotations

import importlib
import resource
import sys
import types

import msgspec

MOST_ANSWER = 4 * 1024 * 1024
"""Bytes of a value: what was decoded is told in a few numbers and digests, never whole."""


def main() -> None:
    """Decode what comes, and say what became of it."""
    package, module, name, memory = sys.argv[1:5]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    door = types.ModuleType("pytest_gf")  # Its own __init__ would import pytest, which this needs not.
    door.__path__ = [package]
    sys.modules["pytest_gf"] = door
    read = getattr(importlib.import_module(module), name)
    answer: tuple[object, ...]
    try:
        answer = ("value", read(sys.stdin.buffer.read()))
        said = msgspec.msgpack.encode(answer)
    except (MemoryError, RecursionError) as broken:
        said = msgspec.msgpack.encode((type(broken).__name__, None))
    except Exception as raised:  # noqa: BLE001  # Told to the parent, which raises it again if it knows it.
        kind = f"{type(raised).__module__}.{type(raised).__qualname__}"
        said = msgspec.msgpack.encode(("raised", (kind, _simple(vars(raised)), str(raised)[:1_000])))
    if len(said) > MOST_ANSWER:
        said = msgspec.msgpack.encode(("MemoryError", None))
    sys.stdout.buffer.write(said)


def _simple(attributes: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in attributes.items() if isinstance(value, str | int | float | None)}


if __name__ == "__main__":
    main()
