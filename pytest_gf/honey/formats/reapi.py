"""The messages and methods of the Remote Execution API v2 that a cache speaks, in a descriptor pool of their own.

Sources: build.bazel.remote.execution.v2 (remote-apis), google.bytestream, google.rpc.Status, grpc.health.v1. Enums are
int32 here, which is the same on the wire. Other stubs in the process don't clash: nothing is in the default pool.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

V2 = "build.bazel.remote.execution.v2"
SHA256 = 1
"""DigestFunction.SHA256."""
IDENTITY, ZSTD = 0, 1
"""Compressor.Value."""
SERVING = 1
"""HealthCheckResponse.ServingStatus."""
MOST_BATCH = 4 * 1024 * 1024
"""Bytes of one message: gRPC's own limit, which a server that names none has too."""

# A message and its fields: number, name, type; `+` repeats. A type with a capital letter is a message.
_SCHEMA = """
google.rpc.Status: 1 code int32, 2 message string
grpc.health.v1.HealthCheckRequest: 1 service string
grpc.health.v1.HealthCheckResponse: 1 status int32
google.bytestream.ReadRequest: 1 resource_name string, 2 read_offset int64, 3 read_limit int64
google.bytestream.ReadResponse: 10 data bytes
google.bytestream.WriteRequest: 1 resource_name string, 2 write_offset int64, 3 finish_write bool, 10 data bytes
google.bytestream.WriteResponse: 1 committed_size int64
google.bytestream.QueryWriteStatusRequest: 1 resource_name string
google.bytestream.QueryWriteStatusResponse: 1 committed_size int64, 2 complete bool
build.bazel.semver.SemVer: 1 major int32, 2 minor int32, 3 patch int32, 4 prerelease string
v2.Digest: 1 hash string, 2 size_bytes int64
v2.GetCapabilitiesRequest: 1 instance_name string
v2.ServerCapabilities: 1 cache_capabilities v2.CacheCapabilities, 2 execution_capabilities v2.ExecutionCapabilities, \
4 low_api_version build.bazel.semver.SemVer, 5 high_api_version build.bazel.semver.SemVer
v2.CacheCapabilities: 1 digest_functions +int32, 2 action_cache_update_capabilities v2.ActionCacheUpdateCapabilities, \
4 max_batch_total_size_bytes int64, 5 symlink_absolute_path_strategy int32, 6 supported_compressors +int32, \
7 supported_batch_update_compressors +int32
v2.ActionCacheUpdateCapabilities: 1 update_enabled bool
v2.ExecutionCapabilities: 1 digest_function int32, 2 exec_enabled bool
v2.FindMissingBlobsRequest: 1 instance_name string, 2 blob_digests +v2.Digest, 3 digest_function int32
v2.FindMissingBlobsResponse: 2 missing_blob_digests +v2.Digest
v2.BatchUpdateBlobsRequest: 1 instance_name string, 2 requests +v2.Upload, 5 digest_function int32
v2.Upload: 1 digest v2.Digest, 2 data bytes, 3 compressor int32
v2.BatchUpdateBlobsResponse: 1 responses +v2.Uploaded
v2.Uploaded: 1 digest v2.Digest, 2 status google.rpc.Status
v2.BatchReadBlobsRequest: 1 instance_name string, 2 digests +v2.Digest, 3 acceptable_compressors +int32, 4 digest_function int32
v2.BatchReadBlobsResponse: 1 responses +v2.Downloaded
v2.Downloaded: 1 digest v2.Digest, 2 data bytes, 3 status google.rpc.Status, 4 compressor int32
v2.GetActionResultRequest: 1 instance_name string, 2 action_digest v2.Digest, 3 inline_stdout bool, 4 inline_stderr bool, \
5 inline_output_files +string, 6 digest_function int32
v2.UpdateActionResultRequest: 1 instance_name string, 2 action_digest v2.Digest, 3 action_result v2.ActionResult, 5 digest_function int32
v2.ActionResult: 2 output_files +v2.OutputFile, 3 output_directories +v2.OutputDirectory, 4 exit_code int32, 5 stdout_raw bytes, \
6 stdout_digest v2.Digest, 7 stderr_raw bytes, 8 stderr_digest v2.Digest
v2.OutputFile: 1 path string, 2 digest v2.Digest, 4 is_executable bool, 5 contents bytes
v2.OutputDirectory: 1 path string, 3 tree_digest v2.Digest, 4 is_topologically_sorted bool, 5 root_directory_digest v2.Digest
v2.Tree: 1 root v2.Directory, 2 children +v2.Directory
v2.Directory: 1 files +v2.FileNode, 2 directories +v2.DirectoryNode
v2.FileNode: 1 name string, 2 digest v2.Digest
v2.DirectoryNode: 1 name string, 2 digest v2.Digest
v2.ExecuteRequest: 1 instance_name string, 6 action_digest v2.Digest
"""
# A method and its messages; `write` where the client streams, `read` where the server does.
_METHODS = """
v2.Capabilities/GetCapabilities v2.GetCapabilitiesRequest v2.ServerCapabilities
v2.ContentAddressableStorage/FindMissingBlobs v2.FindMissingBlobsRequest v2.FindMissingBlobsResponse
v2.ContentAddressableStorage/BatchUpdateBlobs v2.BatchUpdateBlobsRequest v2.BatchUpdateBlobsResponse
v2.ContentAddressableStorage/BatchReadBlobs v2.BatchReadBlobsRequest v2.BatchReadBlobsResponse
v2.ActionCache/GetActionResult v2.GetActionResultRequest v2.ActionResult
v2.ActionCache/UpdateActionResult v2.UpdateActionResultRequest v2.ActionResult
v2.Execution/Execute v2.ExecuteRequest google.rpc.Status read
google.bytestream.ByteStream/Read google.bytestream.ReadRequest google.bytestream.ReadResponse read
google.bytestream.ByteStream/Write google.bytestream.WriteRequest google.bytestream.WriteResponse write
google.bytestream.ByteStream/QueryWriteStatus google.bytestream.QueryWriteStatusRequest google.bytestream.QueryWriteStatusResponse
grpc.health.v1.Health/Check grpc.health.v1.HealthCheckRequest grpc.health.v1.HealthCheckResponse
"""
_TYPES = {"int32": 5, "int64": 3, "bool": 8, "string": 9, "bytes": 12}
"""FieldDescriptorProto.Type."""
_MESSAGE, _OPTIONAL, _REPEATED = 11, 1, 3
_FIELD = re.compile(r"(\d+) (\w+) (\+?)([\w.]+)")


@dataclass(frozen=True)
class Method:
    """One method: its path as gRPC names it, its messages, and which side streams."""

    path: str
    request: str
    response: str
    client_streams: bool
    server_streams: bool


def _full(name: str) -> str:
    return re.sub(r"^v2\b", V2, name)


METHODS: Mapping[str, Method] = {
    path.rpartition("/")[2]: Method(f"/{_full(path)}", request, response, "write" in streams, "read" in streams)
    for path, request, response, *streams in map(str.split, _METHODS.strip().splitlines())
}
"""The methods by their last name."""


def message(name: str) -> Any:
    """Return the class of a message, as in `Method.request`. Raises KeyError for an unknown one."""
    return _classes()[name]


def resource(digest: str, size: int, *, compressor: int = IDENTITY, upload: str = "") -> str:
    """Return ByteStream's name of a blob; ``upload`` is the UUID of a write. Source: remote-apis, ContentAddressableStorage."""
    blobs = "blobs" if compressor == IDENTITY else "compressed-blobs/zstd"
    return f"{f'uploads/{upload}/' if upload else ''}{blobs}/{digest}/{size}"


@functools.cache
def _classes() -> Mapping[str, Any]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    tables = dict(line.split(": ", 1) for line in _SCHEMA.strip().splitlines())
    packages = {name.rpartition(".")[0] for name in tables}
    pool = descriptor_pool.DescriptorPool()
    # What others hold comes first: v2 refers to all of them, and none of them to another.
    for package in sorted(packages, key=lambda name: name == "v2"):
        file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=_full(package), syntax="proto3")
        file.dependency.extend(f"{other}.proto" for other in sorted(packages - {"v2"}) if package == "v2")
        for name, fields in tables.items():
            if name.rpartition(".")[0] == package:
                _describe(file.message_type.add(name=name.rpartition(".")[2]), fields)
        pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(_full(name))) for name in tables}


def _describe(made: Any, fields: str) -> None:
    for number, name, repeated, kind in _FIELD.findall(fields):
        made.field.add(
            number=int(number),
            name=name,
            label=_REPEATED if repeated else _OPTIONAL,
            type=_TYPES.get(kind, _MESSAGE),
            type_name=None if kind in _TYPES else f".{_full(kind)}",
        )
