"""The backend that OpenTofu would use for a stack: which of several ways counts, what is compared, and what is never shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import hcl
from pytest_gf.honey.observed.repository import Findings, backends

FOLDER = "tofu/stacks/attic"
RECORD = f"{FOLDER}/.terraform/terraform.tfstate"
KEY = "attic/terraform.tfstate"
HERE = "http://s3.example:9000"
THERE = "http://other.example:9000"
PROMISE = backends.Promise("attic", "tofu-state", KEY, (HERE,))
BLOCK = f'terraform {{\n  backend "s3" {{\n    bucket = "tofu-state"\n    key    = "{KEY}"\n    use_lockfile = true\n  }}\n}}\n'
GIVEN = f'region = "main"\nendpoints = {{ s3 = "{HERE}" }}\n'
GOOD: dict[str, Any] = {"bucket": "tofu-state", "key": KEY, "endpoints": {"s3": HERE}, "use_lockfile": True}


def recorded(**changed: Any) -> str:
    return json.dumps({"version": 3, "backend": {"type": "s3", "config": GOOD | changed, "hash": 1}}, indent=2)


def seen(sources: dict[str, str], variables: dict[str, str] | None = None, **place: Any) -> backends.Effective:
    files = {f"{FOLDER}/{name}" if "/" not in name else name: text for name, text in sources.items()}
    patterns = (f"{FOLDER}/*.hcl",)
    return backends.effective(files, backends.BackendPlace(FOLDER, patterns, variables or {}, **place))


def rules(findings: Findings) -> list[str]:
    return [f"{finding.rule}:{finding.line}{'?' if finding.undecided else ''}" for finding in sorted(findings.found)]


@pytest.mark.parametrize(
    ("sources", "variables", "expected"),
    [
        ({RECORD: recorded()}, {}, []),
        ({RECORD: recorded(endpoints={"s3": THERE})}, {}, ["other-endpoint:9"]),
        ({RECORD: recorded(endpoints=None, endpoint=HERE)}, {}, []),
        ({RECORD: recorded(endpoints=None, endpoint=THERE)}, {}, ["other-endpoint:10"]),
        ({RECORD: recorded(endpoints={"s3": "http://S3.example:9000/"})}, {}, []),
        ({RECORD: recorded(endpoints={"s3": "s3.example:9000"})}, {}, ["other-endpoint:9"]),  # OpenTofu adds https://.
        ({RECORD: recorded(endpoints=None)}, {}, ["no-endpoint:8?"]),
        ({RECORD: recorded(endpoints=None)}, {"AWS_ENDPOINT_URL_S3": HERE}, []),
        ({RECORD: recorded(endpoints=None)}, {"AWS_S3_ENDPOINT": THERE}, ["other-endpoint:1"]),
        ({RECORD: recorded()}, {"AWS_ENDPOINT_URL_S3": THERE}, []),
        ({RECORD: recorded(bucket="x")}, {}, ["materialized-elsewhere:6"]),
        ({RECORD: recorded(key="b/terraform.tfstate", kms_key_id=None)}, {}, ["materialized-elsewhere:7"]),
        ({RECORD: recorded()}, {"TF_WORKSPACE": "dev"}, ["other-workspace:1"]),
        ({RECORD: recorded()}, {"TF_WORKSPACE": "default"}, []),
        ({RECORD: recorded(), f"{FOLDER}/.terraform/environment": "dev\n"}, {}, ["other-workspace:1"]),
        ({RECORD: recorded(), f"{FOLDER}/.terraform/environment": "dev"}, {"TF_WORKSPACE": "default"}, []),
        ({f"{FOLDER}/d/terraform.tfstate": recorded(bucket="x")}, {"TF_DATA_DIR": "d"}, ["materialized-elsewhere:6"]),
        ({RECORD: recorded(bucket="x"), "b.hcl": GIVEN, "a.tf": BLOCK}, {"TF_DATA_DIR": "d"}, []),
        ({RECORD: recorded()}, {"TF_DATA_DIR": "/elsewhere"}, ["data-elsewhere:1?"]),
        ({RECORD: "{}"}, {}, ["unreadable-record:1?"]),
        ({RECORD: '{"backend": {"type": "http", "config": {}}}'}, {}, ["record-not-s3:1"]),
        ({"a.tf": BLOCK, "b.hcl": GIVEN}, {}, []),
        ({"a.tf": BLOCK, "b.hcl": f'{GIVEN}key = "b/terraform.tfstate"\n'}, {}, ["materialized-elsewhere:3"]),
        ({"a.tf": BLOCK.replace(KEY, "b"), "b.hcl": f'{GIVEN}key = "{KEY}"\n'}, {}, []),
        ({"a.tf": BLOCK.replace(KEY, "b"), "b.hcl": GIVEN}, {}, ["materialized-elsewhere:4"]),
        ({"a.tf": BLOCK, "b.hcl": f'# key\naccess_key = "k"\n{GIVEN}key = "c"\n'}, {}, ["materialized-elsewhere:5"]),
        ({"a.tf": BLOCK, "b.hcl": f'endpoints = {{ s3 = "{THERE}" }}\n'}, {}, ["other-endpoint:1"]),
        ({"a.tf": BLOCK, "b.hcl": "endpoints = { s3 = var.s3 }\n"}, {}, ["not-literal:1?"]),
        ({"a.tf": BLOCK, "b.hcl": 'region = "main"\n'}, {}, ["no-endpoint:2?"]),
        (
            {"a.tf": BLOCK, "b.hcl": 'region = "main"\n', RECORD: recorded()},
            {},
            [],
        ),  # Init settled what it leaves open.
        ({"a.tf": BLOCK, "b.hcl": 'key = "dev"\n', RECORD: recorded()}, {}, []),  # The file of another environment.
        ({"a.tf": BLOCK, "b.hcl": "{"}, {}, ["unreadable-backend-config:1?"]),
        ({"a.tf": BLOCK}, {}, []),
        ({"a.tf": BLOCK}, {"TF_WORKSPACE": "dev"}, ["other-workspace:1", "no-endpoint:2?"]),
    ],
)
def test_what_opentofu_would_use_is_compared(
    sources: dict[str, str], variables: dict[str, str], expected: list[str]
) -> None:
    assert rules(backends.materialized(seen(sources, variables), PROMISE)) == expected


def test_a_file_that_a_variable_names_stands_in_the_place_of_the_patterns() -> None:
    sources = {"a.tf": BLOCK, "b.hcl": f'endpoints = {{ s3 = "{THERE}" }}\n'}
    named = {"elsewhere/attic-live.hcl": GIVEN}
    assert rules(backends.materialized(seen(sources, named=named), PROMISE)) == []


def test_single_variables_count_where_the_contract_names_them() -> None:
    single = {"endpoint": "TOFU_BACKEND_S3_ENDPOINT", "key": "TOFU_BACKEND_S3_KEY"}
    variables = {"TOFU_BACKEND_S3_ENDPOINT": THERE}
    assert rules(backends.materialized(seen({"a.tf": BLOCK}, variables), PROMISE)) == []
    findings = backends.materialized(seen({"a.tf": BLOCK}, variables, single=single), PROMISE)
    assert rules(findings) == ["other-endpoint:1"]
    good = {"TOFU_BACKEND_S3_ENDPOINT": HERE, "TOFU_BACKEND_S3_KEY": KEY}
    assert rules(backends.materialized(seen({"a.tf": BLOCK}, good, single=single), PROMISE)) == []


def test_without_a_target_another_endpoint_is_undecided() -> None:
    unknown = backends.Promise("attic", "tofu-state", KEY, (HERE,), is_known=False)
    findings = backends.materialized(seen({RECORD: recorded(endpoints={"s3": THERE})}), unknown)
    assert rules(findings) == ["other-endpoint:9?"]


def test_where_a_forward_of_this_machine_may_lead_is_undecided() -> None:
    forward = backends.Promise("attic", "tofu-state", KEY, ("http://127.0.0.1:9000",), perhaps=(HERE,))
    assert rules(backends.materialized(seen({RECORD: recorded()}), forward)) == ["other-endpoint:9?"]
    elsewhere = seen({RECORD: recorded(endpoints={"s3": THERE})})
    assert rules(backends.materialized(elsewhere, forward)) == ["other-endpoint:9"]


def test_no_credential_of_a_record_is_ever_shown() -> None:
    secret = {"secret_key": "sEcReT", "token": "sEcReT", "endpoints": {"s3": "http://user:sEcReT@other.example:9000"}}
    findings = backends.materialized(seen({RECORD: recorded(**secret)}), PROMISE)
    assert rules(findings) == ["other-endpoint:9"]
    assert "sEcReT" not in f"{findings.diagnosis}{findings.seen}"
    assert "skip" not in findings.seen
    assert "lock lockfile" in findings.seen


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({RECORD: recorded()}, []),
        ({RECORD: recorded(use_lockfile=None)}, ["no-lock:11"]),
        ({RECORD: recorded(use_lockfile=False)}, ["no-lock:11"]),
        ({RECORD: recorded(use_lockfile=None, dynamodb_table="t")}, ["lock-in-dynamodb:11?"]),
        ({RECORD: recorded(dynamodb_table="t")}, ["lock-in-dynamodb:11?"]),
        ({RECORD: recorded(dynamodb_table="")}, []),
        ({RECORD: recorded(use_lockfile=None), "a.tf": BLOCK}, ["no-lock:11"]),  # The record is what counts.
        ({RECORD: '{"backend": {"type": "http", "config": {}}}', "a.tf": BLOCK}, ["record-not-s3:1?"]),
        ({"a.tf": BLOCK}, []),
        ({"a.tf": BLOCK.replace("use_lockfile = true", "")}, ["no-lock:2?"]),
        ({"a.tf": BLOCK.replace("true", "false")}, ["no-lock:5"]),
        ({"a.tf": BLOCK.replace("true", "var.lock")}, ["lock-not-literal:5?"]),
        ({"a.tf": BLOCK.replace("true", '"true"')}, []),
        ({"a.tf": BLOCK.replace("use_lockfile = true", ""), "b.hcl": GIVEN}, ["no-lock:2"]),
        ({"a.tf": BLOCK.replace("use_lockfile = true", ""), "b.hcl": "use_lockfile = true\n"}, []),
        ({"a.tf": BLOCK, "b.hcl": "use_lockfile = false\n"}, ["no-lock:1"]),
        ({"b.hcl": GIVEN}, ["no-lock:1?"]),
        ({"a.tf": BLOCK.replace("s3", "http"), "b.hcl": GIVEN}, ["no-lock:1?"]),
    ],
)
def test_a_state_without_a_lock_is_found(sources: dict[str, str], expected: list[str]) -> None:
    effective = seen(sources)
    declared = backends.block({f"{FOLDER}/a.tf": sources["a.tf"]}, FOLDER) if "a.tf" in sources else None
    assert rules(backends.locking(effective, declared, "attic")) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*GOOD, "backend", "type", "config", "endpoint", "workspace_key_prefix", "dynamodb_table"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_record_breaks_the_reader(value: object) -> None:
    for text in (json.dumps(value), json.dumps({"backend": {"type": "s3", "config": value}})):
        effective = seen({RECORD: text}, {"TF_WORKSPACE": "dev"})
        backends.materialized(effective, PROMISE)
        backends.locking(effective, None, "attic")


def test_the_line_of_a_setting_is_its_own() -> None:
    text = '# key = 1\naccess_key = "k"\nx = { key = "y" }\n'
    assert hcl.line_of(text, "key") == 3
    assert hcl.line_of(text, "access_key") == 2
    assert hcl.line_of(text, "bucket") == 1
