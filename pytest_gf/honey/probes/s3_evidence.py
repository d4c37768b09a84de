"""What is kept of an exchange with S3: counts, identifiers and digests; bodies never."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pytest_gf.engine import evidence
from pytest_gf.honey.answers import Answer


def keep(
    operation: str,
    request: Mapping[str, Any],
    attempt: int,
    seconds: float,
    *,
    answer: Answer | None = None,
    parsed: Mapping[str, Any] | None = None,
    failed: str = "",
) -> None:
    """Note one attempt at an operation: its request, and its answer or why there is none."""
    seen: dict[str, Any] = (
        {"failed": failed}
        if answer is None
        else {"status": answer.status, "code": answer.code, "message": answer.message}
    )
    if answer is not None and answer.request_id:
        seen["request_id"] = answer.request_id
    parsed = parsed or {}
    if "Buckets" in parsed:
        seen["buckets"] = [bucket["Name"] for bucket in parsed["Buckets"]]
    if "Contents" in parsed:
        seen["keys"] = {entry["Key"]: entry["Size"] for entry in parsed["Contents"][:100]}
    if "ETag" in parsed:
        seen |= {"etag": parsed["ETag"], "length": parsed.get("ContentLength")}
    if "Data" in parsed:
        seen |= {
            "received": len(parsed["Data"]),
            "sha256": hashlib.sha256(parsed["Data"]).hexdigest(),
            "cut": parsed["Cut"],
        }
    evidence.record("s3", operation, seconds=seconds, request=dict(request), attempt=attempt, answer=seen)
