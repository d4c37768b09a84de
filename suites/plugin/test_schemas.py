"""The JSON Schemas in docs/ are what the generator makes, take what we read, and refuse what we refuse."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_gf.pages import schemas

ROOT = Path(__file__).parents[2]
TARGETS = [*(ROOT / "fixtures" / "targets").glob("*.toml"), *(ROOT / "deploy").rglob("*.toml")]
CONTRACT = ROOT / "pytest_gf" / "honey" / "contract"


def plain(document: Any) -> Any:
    """Return a document as JSON has it: lists, and dates as text, which is how an editor of TOML gives them to a schema."""
    return json.loads(json.dumps(document, default=str))


@pytest.mark.parametrize("name", schemas.SCHEMAS)
def test_they_are_current_and_schemas(name: str) -> None:
    kept = json.loads((ROOT / "docs" / name).read_text())
    assert kept == plain(schemas.SCHEMAS[name]()), "run: python -m pytest_gf.pages.schemas docs"
    jsonschema.Draft202012Validator.check_schema(kept)


def errors(name: str, document: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(plain(schemas.SCHEMAS[name]()))
    return [error.message for error in validator.iter_errors(plain(document))]


def test_the_sample_record_fits_and_another_form_does_not() -> None:
    record = json.loads((ROOT / "reports" / "sample" / "record.json").read_text())
    assert errors("record.schema.json", record) == []
    assert errors("record.schema.json", record | {"news": 1}) != []
    (incident, *_) = record["incidents"]
    for name in incident:
        lacks = {key: value for key, value in incident.items() if key != name}
        assert errors("record.schema.json", record | {"incidents": [lacks]}) != [], name
    assert errors("record.schema.json", record | {"incidents": [incident | {"severity": "bad"}]}) != []


@pytest.mark.parametrize("path", TARGETS, ids=lambda path: path.stem)
def test_our_targets_fit(path: Path) -> None:
    assert errors("target.schema.json", tomllib.loads(path.read_text())) == []


@pytest.mark.parametrize(
    "more",
    [
        {"vantage": "moon"},
        {"allow": ["everything"]},
        {"s4": {}},
        {"s3": {"endpoint": 9000}},
        {"s3": {}},
        {"s3": {"endpoint": "http://x", "acess_key_env": "A"}},
    ],
    ids=str,
)
def test_what_a_target_may_not_say_is_refused(more: dict[str, Any]) -> None:
    good = {"name": "honey", "vantage": "runner"}
    assert errors("target.schema.json", good) == []
    assert errors("target.schema.json", good | more) != []


def test_contracts_fit_and_a_fork_may_take_entries_away() -> None:
    for name in ("gloriousflywheel.toml", "repository.toml"):
        assert errors("contract.schema.json", tomllib.loads((CONTRACT / name).read_text())) == []
    fork = {"extends": "gloriousflywheel", "name": "fork", "stacks": {"attic": False}, "ha": False}
    assert errors("contract.schema.json", fork) == []
    assert errors("contract.schema.json", fork | {"bukets": {}}) != []
    assert errors("contract.schema.json", fork | {"stacks": 3}) != []
