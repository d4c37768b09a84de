"""Which S3 operation a request asks for: method, level and subresource, as the S3 API reference tells them apart."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_gf.lab.rustfs.call import Call, Refusal

HEALTH = "Health"
UNKNOWN = "Unknown"

_SERVICE = {"GET": "ListBuckets"}
_BUCKET = {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket", "GET": "ListObjects"}
_OBJECT = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_BUCKET_SUBRESOURCES: Mapping[tuple[str, str], str] = {
    ("GET", "location"): "GetBucketLocation",
    ("GET", "versioning"): "GetBucketVersioning",
    ("PUT", "versioning"): "PutBucketVersioning",
    ("GET", "versions"): "ListObjectVersions",
    ("POST", "delete"): "DeleteObjects",
}
_OBJECT_SUBRESOURCES: Mapping[tuple[str, str], str] = {
    ("POST", "uploads"): "CreateMultipartUpload",
    ("PUT", "uploadId"): "UploadPart",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}
_SUBRESOURCES = frozenset(
    (
        "accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering",
        "inventory", "legal-hold", "lifecycle", "location", "logging", "metrics", "notification",
        "object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "replication",
        "requestPayment", "restore", "retention", "select", "tagging", "torrent", "uploadId", "uploads",
        "versioning", "versions", "website",
    )
)  # fmt: skip


def operation(call: Call) -> str:
    """Return the operation's name in the S3 API; ``Health`` for a health path, ``Unknown`` for one that S3 does not have."""
    if call.path.startswith(("/health", "/minio/health/")) or call.path == "/metrics":
        return HEALTH
    try:
        bucket, key = call.resource
    except Refusal:
        return UNKNOWN
    if not bucket:
        return _SERVICE.get(call.method, UNKNOWN)
    plain, subresources = (_OBJECT, _OBJECT_SUBRESOURCES) if key else (_BUCKET, _BUCKET_SUBRESOURCES)
    subresource_names = [name for name in call.params if name in _SUBRESOURCES]
    if subresource_names:
        return subresources.get((call.method, subresource_names[0]), f"{call.method} {subresource_names[0]}")
    if call.header("x-amz-copy-source"):
        return "CopyObject"
    plain_name = plain.get(call.method, UNKNOWN)
    return "ListObjectsV2" if plain_name == "ListObjects" and call.params.get("list-type") == "2" else plain_name
