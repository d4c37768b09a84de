"""What older Pythons of 3.11 get wrong is not used there: Debian 12 has 3.11.2."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from typing import Any

import pytest

from pytest_gf.honey.formats import jsontext

REPEATED_GROUP = re.compile(rb"\)(?:[*+?]|\{\d*,?\d*\})\+")
"""A possessive repeat of a group: until 3.11.5 it may match too little (python/cpython#106052)."""
GOOD = (
    {"version": 4, "outputs": {}, "resources": [{"instances": [{"a": ['b"c', None, 1.5e3]}]}]},
    ["\\", [[], {}], [1]],
)


def on(version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module as that Python would have it."""
    monkeypatch.setattr(sys, "version_info", version)
    spec = importlib.util.spec_from_file_location("jsontext_of_another", jsontext.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(3, 11, 2), (3, 11, 5), (3, 14, 0)])
def test_good_json_is_good_json(version: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """On 3.11.2 the canary called four good states "not JSON": a false red."""
    module = on(version, monkeypatch)
    patterns = [*module._nested(), *module._shallow(), module._NAME, module._SPELLED, module._A_STRING]
    has_repeats = any(REPEATED_GROUP.search(pattern.pattern) for pattern in patterns)
    assert has_repeats == (version >= (3, 11, 5))
    for value in GOOD:
        for indent in (None, 2):
            module.Walk(json.dumps(value, indent=indent).encode())
        with pytest.raises(module.SyntaxWrong):
            module.Walk(json.dumps(value).encode()[:-1])
