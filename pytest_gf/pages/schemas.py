"""JSON Schemas of target and contract files, for editors (taplo), and of a run's record: `python -m pytest_gf.pages.schemas docs`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from pytest_gf.engine.reports.form import Form
from pytest_gf.engine.target import TopLevel
from pytest_gf.honey import HOUSE
from pytest_gf.honey.contract.load import _File
from pytest_gf.pages import destination

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ROOT = "#/$defs/"


def target() -> Schema:
    """Return the schema of a target file: the words at its top, and a table for each section."""
    (top, *tables), parts = msgspec.json.schema_components([TopLevel, *(section.type for section in HOUSE.sections)])
    whole = parts.pop(top["$ref"].removeprefix(_ROOT))
    whole["properties"]["vantage"]["enum"] = list(HOUSE.vantages)
    whole["properties"]["allow"]["items"]["enum"] = list(HOUSE.allows)
    names = [section.name for section in HOUSE.sections]
    whole["properties"]["expects"]["items"]["enum"] = names
    whole["properties"] |= dict(zip(names, tables, strict=True))
    return {"$schema": DRAFT, **whole, "title": "A target of pytest-gf", "$defs": parts}


def contract() -> Schema:
    """Return the schema of a contract file. Nothing is required, since it may extend another; false takes an entry away."""
    (top,), parts = msgspec.json.schema_components([_File])
    whole = parts.pop(top["$ref"].removeprefix(_ROOT))
    for part in _tables([whole, *parts.values()]):
        part.pop("required", None)
        if isinstance(part.get("additionalProperties"), dict):
            part["additionalProperties"] = {"anyOf": [part["additionalProperties"], {"const": False}]}
    whole["properties"] = {
        name: value if name == "name" else {"anyOf": [value, {"const": False}]}
        for name, value in whole["properties"].items()
    }
    whole["properties"]["extends"] = {"type": "string", "description": "gloriousflywheel, or a file beside this one"}
    return {"$schema": DRAFT, **whole, "title": "A contract of pytest-gf", "$defs": parts}


def record() -> Schema:
    """Return the schema of a run's record.json."""
    (top,), parts = msgspec.json.schema_components([Form])
    whole = parts.pop(top["$ref"].removeprefix(_ROOT))
    return {"$schema": DRAFT, **whole, "title": "A record of pytest-gf", "$defs": parts}


def _tables(schema: object) -> Iterator[Schema]:
    """Yield each schema of an object, wherever it stands."""
    if isinstance(schema, dict) and schema.get("type") == "object":
        yield schema
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _tables(part)


SCHEMAS: Mapping[str, Callable[[], Schema]] = {
    "target.schema.json": target,
    "contract.schema.json": contract,
    "record.schema.json": record,
}

if __name__ == "__main__":
    folder = destination("schemas", "FOLDER")
    for name, schema in SCHEMAS.items():
        (folder / name).write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")
