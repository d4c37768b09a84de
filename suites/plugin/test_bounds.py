"""A document of too many parts is refused before it is decoded; what systems really answer is far from that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_gf.engine.errors import NotUnderstood
from pytest_gf.honey.probes import bounds, kube_answers
from pytest_gf.honey.probes.bounds import check_json, check_xml

LARGEST = 15 * 1024 * 1024
CONTENT = (
    "<Contents><Key>{}</Key><LastModified>2026-11-29T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag>"
    "<Size>1</Size><Owner><ID>o</ID><DisplayName>d</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>"
)


@pytest.mark.parametrize("part", [b"<a/>", b"<a></a>", b"<a x=''/>", b"<a>"])
def test_xml_of_too_many_parts(part: bytes) -> None:
    with pytest.raises(NotUnderstood, match="S3 ListBuckets: XML of "):
        check_xml(part * (LARGEST // len(part)), "S3 ListBuckets")


def test_attributes_count_too() -> None:
    with pytest.raises(NotUnderstood):
        check_xml(b"<a " + b'x1="" ' * 1_000_000 + b"/>", "t")


@pytest.mark.parametrize("part", [b"[],", b'{"a":{}},', b"0,", b"[" * 100])
def test_json_of_too_many_parts(part: bytes) -> None:
    with pytest.raises(NotUnderstood, match=r"Kubernetes list pods: JSON (of|nested) "):
        check_json(part * (LARGEST // len(part)), "Kubernetes list pods")


def test_a_whole_page_of_keys_and_ten_thousand_buckets() -> None:
    keys = "".join(CONTENT.format("k" * 1024) for _ in range(1000))
    check_xml(f"<ListBucketResult>{keys}</ListBucketResult>".encode(), "t")
    buckets = "<Bucket><Name>b</Name><CreationDate>2026-11-29T00:00:00.000Z</CreationDate></Bucket>" * 10_000
    check_xml(f"<Buckets>{buckets}</Buckets>".encode(), "t")


def test_a_page_of_pods_with_managed_fields() -> None:
    fields: dict[str, Any] = {f"f:field{number}": {"f:a": {}, "f:b": {}} for number in range(200)}
    pods = [{"metadata": {"managedFields": [{"fieldsV1": fields}]}, "spec": {"containers": [{}] * 5}}] * 500
    check_json(json.dumps({"items": pods}).encode(), "t")


def test_a_refusal_of_many_parts_is_shown_and_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    status = b'{"message": "no", "details": {"causes": [' + b"[]," * 5_000_000 + b"[]]}}"
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("decoded"))
    assert kube_answers.message_of(status).startswith('{"message": "no", "details"')
    monkeypatch.undo()
    assert kube_answers.message_of(b'{"message": "no"}') == "no"


def test_parts_are_counted_before_anything_goes_from_bracket_to_bracket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "depth_of", lambda _: pytest.fail("looked for how deep it is"))
    with pytest.raises(NotUnderstood, match="JSON of 1500000 objects and lists"):
        check_json(b"[]," * 1_500_000, "t")
