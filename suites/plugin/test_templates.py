"""What observed values promise and see as text with attributes in braces: each attribute is there."""

from __future__ import annotations

import importlib
import pkgutil
import string

import pytest

from pytest_gf.engine.trouble import Observed
from pytest_gf.honey import observed

for module in pkgutil.walk_packages(observed.__path__, f"{observed.__name__}."):
    importlib.import_module(module.name)

VALUES = [value for value in Observed.__subclasses__() if value.__module__.startswith(observed.__name__)]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_a_value_has_what_its_texts_name(value: type[Observed]) -> None:
    for word in ("promises", "sees"):
        for _, name, _, conversion in string.Formatter().parse(getattr(value, word, "")):
            if name is not None:
                of, first = name.split(".")[:2]
                assert of == "self"
                assert first in value.__dataclass_fields__ or hasattr(value, first)  # type: ignore[attr-defined]
                assert conversion is None or conversion == ""


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_a_value_says_what_it_promises_and_sees(value: type[Observed]) -> None:
    assert hasattr(value, "promises") or value.promised is not Observed.promised
    assert hasattr(value, "sees") or value.seen is not Observed.seen
