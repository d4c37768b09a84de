"""DynamoDB's wire, by boto3: the item that locks a state, where a backend names a table."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import IdentityRejected, NotUnderstood, ProbeError, Unanswered, Unproven
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.probes.again import NotNow, settled
from pytest_gf.honey.probes.bounds import check_json
from pytest_gf.honey.probes.deadline import too_slow, within
from pytest_gf.honey.probes.s3_client import Transport, boto_session, shielded

if TYPE_CHECKING:
    from pytest_gf.honey.target import DynamoDBSection

BUSY = {
    *("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "InternalServerError"),
    *("ServiceUnavailable", "429", "503"),  # A proxy's page names no code: its status stands in place of one.
}
REJECTED = {"UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"}


def lock_of(section: DynamoDBSection, credentials: tuple[str, str], lock_id: str, *, deadline: float) -> str | None:
    """Return what the item of this LockID says in Info; None where there is no such item.

    OpenTofu's s3 backend keeps a lock there: LockID is BUCKET/KEY. Raises Unproven for a missing table and a missing right,
    Throttled, IdentityRejected, Unanswered, DeadlineExceeded, NotUnderstood.
    """
    tried = f"DynamoDB GetItem {section.table} {lock_id} at {section.endpoint}"
    client = _client(section, credentials, deadline)

    def ask(seconds: float) -> tuple[str, Any]:
        begun = time.monotonic()
        try:
            code, item = within(seconds, tried, lambda: _exchange(client, section.table, lock_id, tried, deadline))
        except ProbeError as broken:
            evidence.record("DynamoDB", "GetItem", seconds=time.monotonic() - begun, failed=broken.came_back)
            raise
        seen = {"code": code, "item": bool(item)}
        evidence.record("DynamoDB", "GetItem", seconds=time.monotonic() - begun, lock=lock_id, answer=seen)
        return code, item

    code, item = settled(
        tried, ask, seconds=deadline, not_now=lambda outcome: NotNow(outcome[0]) if outcome[0] in BUSY else None
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

    transport = Transport("DynamoDB", section.endpoint, section.ca_file, deadline, _check)
    with shielded():
        client = boto_session().client(
            "dynamodb",
            endpoint_url=section.endpoint,
            region_name=section.region,
            aws_access_key_id=credentials[0],
            aws_secret_access_key=credentials[1],
            verify=transport.verify,
            config=Config(retries={"total_max_attempts": 1}),
        )
    transport.carry(client, "before-send.dynamodb")
    return client


def _check(operation: str, status: int, body: bytes) -> None:
    """Refuse a success that is neither an item nor its absence. botocore reads any other page as "no such item"."""
    tried = f"DynamoDB {operation}"
    check_json(body, tried)
    if status >= 300:  # noqa: PLR2004  # RFC 9110, 15.3.
        return
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    item = document.get("Item", {}) if isinstance(document, dict) else None
    if not isinstance(item, dict) or not all(isinstance(value, dict) for value in item.values()):
        begins = redact(body[:60].decode(errors="replace"))
        came_back = f"{status} with what is no answer to GetItem, beginning {begins!r}"
        raise NotUnderstood(tried, came_back, "does DynamoDB stand at this address? a proxy's page looks so")


def _exchange(client: Any, table: str, lock_id: str, tried: str, deadline: float) -> tuple[str, Any]:
    from botocore import exceptions
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        response = client.get_item(TableName=table, Key={"LockID": {"S": lock_id}}, ConsistentRead=True)
    except exceptions.ClientError as refused:
        said = refused.response
        return str(said.get("Error", {}).get("Code") or said["ResponseMetadata"]["HTTPStatusCode"]), None
    except (ResponseParserError, ValueError, AttributeError, TypeError) as strange:  # Of JSON that is another's.
        raise NotUnderstood(tried, redact(str(strange))[:300], "does DynamoDB stand at this address?") from None
    except exceptions.ReadTimeoutError:  # The library's clock may be a moment ahead of `within`.
        raise too_slow(tried, deadline) from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError, HTTPError) as unanswered:
        raise Unanswered(
            tried, redact(str(unanswered))[:300], "is the address right, and reachable from here?"
        ) from None
    return "", response.get("Item")
