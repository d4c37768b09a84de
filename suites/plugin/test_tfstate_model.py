"""The reader of states beside a small model of OpenTofu's rules, which goes over a parsed document, not over bytes.

Kept plain, and slow: it knows the members that the property test draws, and no others.
"""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import tfstate

Pairs = list[tuple[str, Any]]
PROVIDER = 'provider["registry.opentofu.org/hashicorp/random"]'
LONG_S = "\N{LATIN SMALL LETTER LONG S}"
IDENTIFIER = r"[a-z_][a-z0-9_-]*"


class Refused(Exception):
    """OpenTofu refuses to read it."""


class Table(dict[str, list[Any]]):
    """An object: each member's values as they came, by its name in the fold that Go compares by."""


def modelled(body: bytes) -> str:
    """Return ``refused``, ``no-state`` or ``reads``."""
    try:
        document = json.loads(body, object_pairs_hook=list, parse_int=str)
        return "reads" if _managed(document) else "no-state"
    except (Refused, json.JSONDecodeError):
        return "refused"


def _table(pairs: Pairs) -> Table:
    table = Table()
    for name, value in pairs:
        table.setdefault(name.replace(LONG_S, "s").replace("\N{KELVIN SIGN}", "k").lower(), []).append(value)
    return table


def _is_object(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(member, tuple) for member in value) and value != []


def _last(table: Table, name: str, kind: type, default: Any) -> Any:
    """Return the last value that is not null; any of another type is refused."""
    values = [value for value in table.get(name, []) if value is not None]
    if any(not isinstance(value, kind) or isinstance(value, bool) for value in values):
        raise Refused(name)
    return values[-1] if values else default


def _text(table: Table, name: str) -> str:
    if any(re.fullmatch(r"-?[0-9]+", str(member)) for member in table.get(name, [])):
        raise Refused(name)  # A number: parse_int leaves its digits.
    return str(_last(table, name, str, ""))


def _managed(document: Any) -> int:
    if not _is_object(document):
        raise Refused("not an object")
    top = _table(document)
    version = top.get("version", [None])[-1]
    if version not in {"1", "4"} or any(
        member is not None and not re.fullmatch("[0-9]+", str(member)) for member in top["version"]
    ):
        raise Refused("version")
    _last(top, "serial", str, "0")
    if not all(
        re.fullmatch(r"[0-9]+", member) and int(member) < 2**64
        for member in top.get("serial", [])
        if member is not None
    ):
        raise Refused("serial")
    if version == "1":
        return 0  # It has modules, and no document here has.
    _text(top, "lineage")
    for value in top.get("resources", []):
        for member in value or []:
            _types(member)  # What a later array replaces is read, too.
    seen: set[tuple[object, ...]] = set()
    return sum(_resource(resource, seen) for resource in _array(top, "resources"))


def _array(table: Table, name: str) -> list[Any]:
    values = table.get(name, [])
    if not values or values[-1] is None:
        return []
    if _is_object(values[-1]) or not isinstance(values[-1], list):
        raise Refused(name)
    return list(values[-1])


def _types(value: Any) -> None:
    if value is not None and value != [] and not _is_object(value):
        raise Refused("resource")
    table = _table(value or [])
    for name in ("mode", "type", "name", "provider"):
        _text(table, name)
    for instance in _array(table, "instances"):
        if instance is not None and instance != [] and not _is_object(instance):
            raise Refused("instance")
        _text(_table(instance or []), "status")


def _resource(value: Any, seen: set[tuple[object, ...]]) -> int:
    table = _table(value or [])
    mode, kind, name, provider = (_text(table, key) for key in ("mode", "type", "name", "provider"))
    if mode not in {"managed", "data"}:
        raise Refused("mode")
    if provider and not re.fullmatch(
        rf'provider(?:\["[a-z.]+/[a-z]+/[a-z]+"\]|\.{IDENTIFIER})(?:\.{IDENTIFIER})?', provider
    ):
        raise Refused("provider")
    count = 0
    for element in _array(table, "instances"):
        instance = _table(element or [])
        if not provider or _text(instance, "status") not in {"", "tainted"}:
            raise Refused("status")
        address = (mode, kind, name, (instance.get("index_key") or [None])[-1])
        if address in seen:
            raise Refused("twice")
        seen.add(address)
        count += mode == "managed"
    return count


SCALARS = st.sampled_from([None, 0, 1, 4, -1, True, "", "managed", "data", "tainted", "provider.aws", PROVIDER, "x"])
INSTANCES = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["index_key", "Index_Key", "status", "STATUS", "x"]),
            st.sampled_from([None, "tainted", "", "k"]),
        ),
        max_size=3,
    ),
    max_size=3,
)
MEMBERS = st.lists(
    st.tuples(st.sampled_from(["mode", "MODE", "type", "name", "provider", "Provider", "x"]), SCALARS), max_size=5
)
TOPS = st.lists(
    st.tuples(st.sampled_from(["version", "VERSION", "serial", f"{LONG_S}erial", "lineage", "x"]), SCALARS), max_size=4
)


def written(pairs: list[tuple[str, Any]]) -> str:
    return (
        "{"
        + ",".join(
            f"{json.dumps(name)}:{value if isinstance(value, Raw) else json.dumps(value)}" for name, value in pairs
        )
        + "}"
    )


class Raw(str):
    """JSON already."""

    __slots__ = ()


@st.composite
def states(draw: Any) -> bytes:
    resources = []
    for _ in range(draw(st.integers(0, 3))):
        good = [
            ("mode", draw(st.sampled_from(["managed", "data"]))),
            ("type", "t"),
            ("name", draw(st.sampled_from("abc"))),
            ("provider", PROVIDER),
        ]
        instances = Raw("[" + ",".join(written(instance) for instance in draw(INSTANCES)) + "]")
        resources.append(
            written([*good, *draw(MEMBERS), (draw(st.sampled_from(["instances", "Instances", "x"])), instances)])
        )
    last = [] if draw(st.booleans()) else [("Resources", draw(st.sampled_from([None, Raw("[]")])))]
    made = Raw("[" + ",".join(resources) + "]")
    return written([("version", 4), ("serial", 1), *draw(TOPS), ("resources", made), *last]).encode()


@given(states())
def test_the_reader_and_a_small_model_agree(raw: bytes) -> None:
    try:
        came = tfstate.read(raw).effect.outcome
    except tfstate.Malformed:
        came = "refused"
    assert ("reads" if came in {"changes", "plan-fails"} else came) == modelled(raw)
