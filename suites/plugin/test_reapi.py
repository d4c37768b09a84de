"""The REAPI schema against the official one that BuildStream ships, field by field, in one process with it."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_gf.honey.formats import reapi

NESTED = {
    "Upload": "BatchUpdateBlobsRequest.Request",
    "Uploaded": "BatchUpdateBlobsResponse.Response",
    "Downloaded": "BatchReadBlobsResponse.Response",
}
"""Ours by what they are called inside of the official messages."""
ENUM, INT32 = 14, 5
HEALTH = {"grpc.health.v1.HealthCheckRequest", "grpc.health.v1.HealthCheckResponse"}
"""BuildStream ships no health service, so that nothing official is here to compare these with."""


@pytest.fixture(scope="module")
def official() -> dict[str, Any]:
    """Every official message's descriptor by its full name."""
    from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2
    from buildstream._protos.google.bytestream import bytestream_pb2

    descriptors: dict[str, Any] = {}

    def walk(descriptor: Any) -> None:
        descriptors[descriptor.full_name] = descriptor
        for nested in descriptor.nested_types:
            walk(nested)

    files = [remote_execution_pb2.DESCRIPTOR, bytestream_pb2.DESCRIPTOR, *remote_execution_pb2.DESCRIPTOR.dependencies]
    for file in files:
        for message in file.message_types_by_name.values():
            walk(message)
    return descriptors


@pytest.mark.parametrize(
    "name",
    sorted(
        {message for method in reapi.METHODS.values() for message in (method.request, method.response)} - HEALTH
        | {"v2.Digest"}
    ),
)
def test_every_field_is_the_official_one(name: str, official: dict[str, Any]) -> None:
    seen: set[str] = set()

    def compare(ours: Any) -> None:
        package, _, short = ours.full_name.rpartition(".")
        theirs = official[f"{package}.{NESTED.get(short, short)}"]
        seen.add(ours.full_name)
        for field in ours.fields:
            other = theirs.fields_by_number[field.number]
            kind = INT32 if other.type == ENUM else other.type
            assert (field.name, field.type) == (other.name, kind), ours.full_name
            assert field.is_repeated == other.is_repeated
            if field.message_type is not None and field.message_type.full_name not in seen:
                compare(field.message_type)

    compare(reapi.message(name).DESCRIPTOR)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (reapi.resource("ab", 3), "blobs/ab/3"),
        (reapi.resource("ab", 3, compressor=reapi.ZSTD), "compressed-blobs/zstd/ab/3"),
        (reapi.resource("ab", 3, upload="u"), "uploads/u/blobs/ab/3"),
    ],
)
def test_resource_names(made: str, name: str) -> None:
    assert made == name
