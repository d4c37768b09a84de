"""DynamoDB's wire, by boto3: the item that locks a state, where a backend names a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.errors import IdentityRejected, NotUnderstood, Unproven
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.probes.again import NotNow
from pytest_gf.honey.probes.bounds import check_json
from pytest_gf.honey.probes.exchange import judged_answer
from pytest_gf.honey.probes.s3_client import Transport

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
    transport = Transport("DynamoDB", section, deadline, _check)
    client = transport.client(credentials)
    code, item = judged_answer(
        "DynamoDB",
        "GetItem",
        tried,
        lambda _: _exchange(transport, client, section.table, lock_id, tried),
        seconds=deadline,
        shown=lambda outcome: {"answer": {"code": outcome[0], "item": bool(outcome[1])}},
        not_now=lambda outcome: NotNow(outcome[0]) if outcome[0] in BUSY else None,
        lock=lock_id,
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


def _exchange(transport: Transport, client: Any, table: str, lock_id: str, tried: str) -> tuple[str, Any]:
    from botocore.exceptions import ClientError

    strange = NotUnderstood, "does DynamoDB stand at this address?"
    with transport.exchange(tried, strange, "is the address right, and reachable from here?"):
        try:
            given = client.get_item(TableName=table, Key={"LockID": {"S": lock_id}}, ConsistentRead=True)
        except ClientError as refused:
            answer = refused.response
            return str(answer.get("Error", {}).get("Code") or answer["ResponseMetadata"]["HTTPStatusCode"]), None
    return "", given.get("Item")
