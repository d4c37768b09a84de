"""What a table of locks may answer: only DynamoDB's own document says that there is no lock."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from pytest_gf.engine.errors import NotUnderstood, ProbeError, Unanswered, Unproven
from pytest_gf.honey.probes import dynamodb, s3_client
from pytest_gf.honey.probes.again import Throttled
from pytest_gf.honey.target import DynamoDBSection

Given = tuple[int, dict[str, str], bytes]
ITEM = json.dumps({"Item": {"LockID": {"S": "b/k"}, "Info": {"S": "held"}}}).encode()


@pytest.fixture
def ask(serve: Callable[..., str]) -> Callable[..., str | None]:
    """What asks for a lock where the answers come one after another, the last one again and again."""

    def asked(*answers: Given, deadline: float = 60.0) -> str | None:
        left = list(answers)
        endpoint = serve(lambda *_: left.pop(0) if len(left) > 1 else left[0])
        return dynamodb.lock_of(DynamoDBSection(endpoint, "locks"), ("any", "any"), "b/k", deadline=deadline)

    return asked


def test_a_lock_and_none(ask: Callable[..., str | None]) -> None:
    assert ask((200, {}, ITEM)) == "held"
    assert ask((200, {}, b"{}")) is None


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ((200, {}, b"<html>log in</html>"), NotUnderstood),
        ((200, {}, b""), NotUnderstood),
        ((200, {}, b"[]"), NotUnderstood),
        ((200, {}, b'{"Item": 3}'), NotUnderstood),
        ((200, {}, b"[" * 100_000), NotUnderstood),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), NotUnderstood),
        ((200, {"Content-Length": "9999"}, b"{}"), Unanswered),
    ],
)
def test_what_is_no_answer_of_a_table_does_not_say_that_no_lock_is_held(
    given: Given, kind: type[ProbeError], ask: Callable[..., str | None]
) -> None:
    with pytest.raises(kind):
        ask(given)


@pytest.mark.parametrize("body", [b'{"__type": ""}', b"{}", b"<html>", b""])
def test_a_refusal_without_a_code_is_no_free_lock(body: bytes, ask: Callable[..., str | None]) -> None:
    with pytest.raises(Unproven, match="can't be looked for"):
        ask((400, {}, body))


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status: int, ask: Callable[..., str | None]) -> None:
    assert ask((status, {}, b""), (200, {}, b"{}")) is None
    with pytest.raises(Throttled):
        ask((status, {}, b""), deadline=2.0)


def test_an_answer_that_is_too_long_is_not_read_to_its_end(
    ask: Callable[..., str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "MOST_ANSWER", len(ITEM) - 1)
    with pytest.raises(NotUnderstood, match="more than"):
        ask((200, {}, ITEM))


def test_a_connection_that_is_reset_in_the_middle_of_an_answer_is_asked_again(
    ask: Callable[..., str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [ProtocolError("Connection broken", ConnectionResetError(104, "Connection reset by peer"))]
    once = s3_client.Transport.client

    def made(*given: Any) -> Any:
        client = once(*given)
        asked = client.get_item

        def get_item(**given: Any) -> Any:
            if broken:
                raise broken.pop()
            return asked(**given)

        monkeypatch.setattr(client, "get_item", get_item)
        return client

    monkeypatch.setattr(s3_client.Transport, "client", made)
    assert ask((200, {}, ITEM)) == "held"
    assert not broken
