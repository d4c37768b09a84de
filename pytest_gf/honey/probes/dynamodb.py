"""DynamoDB's wire, by boto3: the item that locks a state, where a backend names a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import IdentityRejected, NotUnderstood, ProbeError, Unanswered, Unproven
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.probes.again import NotNow, settled
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.s3_client import boto_session, is_loopback, shielded

if TYPE_CHECKING:
    from pytest_gf.honey.target import DynamoDBSection

BUSY = {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "InternalServerError"}
REJECTED = {"UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"}


def lock_of(section: DynamoDBSection, credentials: tuple[str, str], lock_id: str, *, deadline: float) -> str | None:
    """Return what the item of this LockID says in Info; None where there is no such item.

    OpenTofu's s3 backend keeps a lock there: LockID is BUCKET/KEY. Raises Unproven for a table that is not there and for a
    right that lacks, Throttled, IdentityRejected, Unanswered, DeadlineExceeded, NotUnderstood.
    """
    tried = f"DynamoDB GetItem {section.table} {lock_id} at {section.endpoint}"
    client = _client(section, credentials, deadline)

    def ask(seconds: float) -> tuple[str, Any]:
        begun = time.monotonic()
        try:
            code, found = within(seconds, tried, lambda: _exchange(client, section.table, lock_id, tried))
        except ProbeError as broken:
            evidence.record("DynamoDB", "GetItem", seconds=time.monotonic() - begun, failed=broken.came_back)
            raise
        seen = {"code": code, "item": bool(found)}
        evidence.record("DynamoDB", "GetItem", seconds=time.monotonic() - begun, lock=lock_id, answer=seen)
        return code, found

    code, item = settled(
        tried, ask, seconds=deadline, not_now=lambda each: NotNow(each[0]) if each[0] in BUSY else None
    )
    if code in REJECTED:
        raise IdentityRejected(tried, code, "check the two variables that the target names for [dynamodb]")
    if code:
        raise Unproven(f"the lock can't be looked for: {tried} answered {code}", "grant dynamodb:GetItem on that table")
    if not item:
        return None
    info = item.get("Info", {}).get("S") if isinstance(item.get("Info"), dict) else None
    if not isinstance(info, str):
        raise NotUnderstood(tried, "an item without a text in Info", "who else writes into this table?")
    return info


def _client(section: DynamoDBSection, credentials: tuple[str, str], deadline: float) -> Any:
    from botocore.config import Config

    with shielded():
        return boto_session().client(
            "dynamodb",
            endpoint_url=section.endpoint,
            region_name=section.region,
            aws_access_key_id=credentials[0],
            aws_secret_access_key=credentials[1],
            verify=str(section.ca_file) if section.ca_file is not None else True,
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=deadline,
                read_timeout=deadline,
                proxies={} if is_loopback(section.endpoint) else None,
            ),
        )


def _exchange(client: Any, table: str, lock_id: str, tried: str) -> tuple[str, Any]:
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    try:
        found = client.get_item(TableName=table, Key={"LockID": {"S": lock_id}}, ConsistentRead=True)
    except exceptions.ClientError as refused:
        return str(refused.response.get("Error", {}).get("Code", "unknown")), None
    except (ResponseParserError, ValueError) as strange:
        raise NotUnderstood(tried, redact(str(strange))[:300], "does DynamoDB stand at this address?") from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as unanswered:
        raise Unanswered(
            tried, redact(str(unanswered))[:300], "is the address right, and reachable from here?"
        ) from None
    return "", found.get("Item")
