"""Encrypted states: what of the envelope OpenTofu must be able to read, before any key is tried."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from pytest_gf.honey.formats import tfstate

ENCRYPTED = {
    "serial": 3,
    "lineage": str(uuid.uuid4()),
    "meta": {"key_provider.pbkdf2.k": "e30="},
    "encrypted_data": "A" * 40,
    "encryption_version": "v0",
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"serial": None},
        {"serial": -5},
        {"lineage": "none"},
        {"meta": {}},
    ],
)
def test_encrypted(change: dict[str, Any]) -> None:
    state = tfstate.read(json.dumps(ENCRYPTED | change).encode())
    assert (state.encrypted, state.problems, state.resources, state.managed) == (True, (), None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"encrypted_data": ""},
        {"encrypted_data": "eA=="},
        {"encrypted_data": "A" * 41},
        {"encrypted_data": []},
        {"meta": 1},
        {"meta": {"k": "e"}},
        {"encryption_version": 0},
        {"encryption_version": "v1"},
        {"encryption_version": ""},
        {"serial": 1.5},
        {"serial": 2**63},
        {"lineage": 1},
        {"resources": []},
    ],
)
def test_an_encrypted_body_of_wrong_parts(change: dict[str, Any]) -> None:
    assert tfstate.read(json.dumps(ENCRYPTED | change).encode()).effect.outcome == "refused"
