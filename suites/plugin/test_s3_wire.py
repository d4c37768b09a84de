"""What S3's probe asks again, and what it judges at once: each exchange counted at a server that answers by a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, repeat

import pytest
from botocore.exceptions import ReadTimeoutError

from pytest_gf.engine.errors import DeadlineExceeded, IdentityRejected, NotUnderstood, Unanswered
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.probes.again import Throttled
from pytest_gf.honey.probes.s3 import S3, not_now
from pytest_gf.honey.target import S3Section

Given = tuple[int, dict[str, str], bytes]
Scripted = Callable[..., tuple[S3, list[str]]]
NAMES = b"<ListAllMyBucketsResult><Buckets><Bucket><Name>attic</Name></Bucket></Buckets></ListAllMyBucketsResult>"
WELL: Given = (200, {}, NAMES)


def error(status: int, code: str, **headers: str) -> Given:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, f"<Error><Code>{code}</Code><Message>said</Message></Error>".encode()


PLAIN: Given = (503, {"Content-Type": "text/plain"}, b"Service not ready: waiting for iam")
PAGE: Given = (503, {"Content-Type": "text/html"}, b"<html><body>503 Service Temporarily Unavailable</body></html>")


@pytest.fixture
def scripted(serve: Callable[..., str]) -> Scripted:
    """What gives a client of a server that answers these in turn, the last for ever; and the list of what it was asked."""

    def client(*answers: Given, deadline: float = 5.0) -> tuple[S3, list[str]]:
        asked: list[str] = []
        turns: Iterable[Given] = chain(answers, repeat(answers[-1]))
        script = iter(turns)

        def answer(method: str, path: str) -> Given:
            asked.append(f"{method} {path}")
            return next(script)

        return S3(S3Section(endpoint=serve(answer)), ("any", "any"), deadline=deadline), asked

    return client


@pytest.mark.parametrize(
    "refused", [error(503, "SlowDown"), error(503, "ServiceUnavailable"), error(429, "TooManyRequests"), PLAIN, PAGE]
)
def test_what_is_throttled_or_not_ready_is_asked_again(refused: Given, scripted: Scripted) -> None:
    s3, asked = scripted(refused, refused, WELL)
    assert s3.list_buckets().buckets == ("attic",)
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("refused", "says"),
    [(error(503, "SlowDown"), "503 SlowDown: said, "), (PLAIN, "503: Service not ready: waiting for iam, ")],
)
def test_what_stays_so_is_an_error(refused: Given, says: str, scripted: Scripted) -> None:
    s3, asked = scripted(refused, deadline=1.0)
    with pytest.raises(Throttled, match=says):
        s3.list_buckets()
    assert 2 <= len(asked) <= 8


def test_a_pause_longer_than_the_deadline_is_not_waited_for(scripted: Scripted) -> None:
    s3, asked = scripted(error(503, "SlowDown", Retry_After="3600"))
    with pytest.raises(Throttled):
        s3.list_buckets()
    assert len(asked) == 1


@pytest.mark.parametrize(
    "given",
    [
        error(403, "AccessDenied"),
        error(404, "NoSuchBucket"),
        error(500, "InternalError"),
        error(503, "InternalError"),
        (502, {}, b"<html>bad gateway</html>"),
        WELL,
        (200, {}, b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"),
    ],
)
def test_an_answer_is_judged_at_once(given: Given, scripted: Scripted) -> None:
    s3, asked = scripted(given)
    assert s3.list_buckets().answer.status == given[0]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("code", "region"),
    [
        ("AuthorizationHeaderMalformed", "eu-1"),
        ("IllegalLocationConstraintException", "eu-1"),
        ("PermanentRedirect", ""),
    ],
)
def test_no_second_request_goes_to_another_region(code: str, region: str, scripted: Scripted) -> None:
    body = f"<Error><Code>{code}</Code><Region>{region}</Region><Endpoint>elsewhere.example</Endpoint></Error>".encode()
    s3, asked = scripted((400, {"x-amz-bucket-region": "eu-1"}, body))
    if code == "AuthorizationHeaderMalformed":
        with pytest.raises(IdentityRejected) as raised:
            s3.list_objects("b")
        assert "region of [s3]" in raised.value.next_step
    else:
        assert s3.list_objects("b").answer.code == code
    assert len(asked) == 1


def test_a_clock_that_is_off_says_which_clock_to_set(scripted: Scripted) -> None:
    s3, _ = scripted(error(403, "RequestTimeTooSkewed"))
    with pytest.raises(IdentityRejected) as raised:
        s3.list_buckets()
    assert "set this machine's clock" in raised.value.next_step


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("length", ["", " "], ids=["absent", "cut"])
def test_a_head_without_the_length_of_its_body_is_no_answer(status: int, length: str, scripted: Scripted) -> None:
    s3, asked = scripted((status, {"Content-Length": length}, b""), error(404, "NoSuchKey"))
    assert s3.get_object("b", "k").head.answer == Answer(404, "NoSuchKey", "said")
    assert len(asked) == 2
    s3, _ = scripted((status, {"Content-Length": length}, b""))
    with pytest.raises(Unanswered, match="a head that was cut"):
        s3.get_object("b", "k")


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (Answer(503), True),
        (Answer(503, "SlowDown"), True),
        (Answer(429, "Whatever"), True),
        (Answer(503, "XMinioServerNotInitialized"), False),
        (Answer(500, "SlowDown"), False),
        (Answer(200), False),
    ],
)
def test_which_answers_ask_to_come_again(answer: Answer, again: bool) -> None:
    assert (not_now(answer) is not None) is again


def test_the_librarys_own_timeout_is_too_slow_as_ours_is(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    s3, _ = scripted((200, {}, b""))

    def stalls(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url=s3.endpoint)

    monkeypatch.setattr(s3._client, "list_buckets", stalls)
    with pytest.raises(DeadlineExceeded, match="no whole answer within"):
        s3.list_buckets()


def test_tls_that_fails_says_to_look_at_its_certificate(serve: Callable[..., str]) -> None:
    plain = serve(lambda *_: WELL)
    s3 = S3(S3Section(endpoint=plain.replace("http:", "https:")), ("any", "any"), deadline=60.0).anew()
    with pytest.raises(Unanswered) as raised:
        s3.list_buckets()
    assert "does ca_file of [s3] name who signed its certificate?" in raised.value.next_step


@pytest.mark.parametrize("page", [b"<html>a proxy</html>", NAMES, b""])
def test_what_is_no_list_of_versions_is_not_understood(page: bytes, scripted: Scripted) -> None:
    """An empty list would say that nothing is left of what was deleted."""
    s3, _ = scripted((200, {}, page))
    with pytest.raises(NotUnderstood, match="instead of ListVersionsResult"):
        s3.list_versions("b", "k")


def test_a_write_that_is_answered_by_what_is_no_xml_is_not_understood(scripted: Scripted) -> None:
    """The library makes a 500 of it, which nobody answered."""
    s3, _ = scripted((200, {}, b"welcome"))
    says = r"200 with what is no XML .* instead of nothing, beginning 'welcome'"
    with pytest.raises(NotUnderstood, match=says):
        s3.put_object("b", "k", b"x")
    with pytest.raises(NotUnderstood, match=says):
        s3.create_bucket("b")
