"""A boto3 client that reads nothing but what it is given: no ~/.aws, no AWS_*, no hidden retry, no unbounded answer."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import os
import threading
import urllib.parse
import xml.etree.ElementTree as ET  # See _check_root.
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.errors import NotUnderstood, ProbeError, Unanswered
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.endpoint import is_loopback
from pytest_gf.honey.probes.bounds import check_xml
from pytest_gf.honey.probes.deadline import too_slow
from pytest_gf.honey.probes.exchange import Route, said

if TYPE_CHECKING:
    from pytest_gf.honey.target import DynamoDBSection, S3Section

CONNECT = 5.0
"""Seconds for a TCP connection; shorter where the deadline is."""
CONNECTIONS = 32
MOST_ANSWER = 16 * 1024 * 1024
"""Bytes. A page of a listing has at most 1,000 keys of at most 1,024 bytes each."""

SAID = "x-gf-said"
"""The header by which a refusal's plain text reaches `probes.s3`."""

_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
}
_making = threading.Lock()
_received: contextvars.ContextVar[contextlib.ExitStack] = contextvars.ContextVar("gf_received")
"""What closes the bodies of this exchange's answers."""


@dataclass(frozen=True)
class Transport:
    """How requests go to a ``service`` (``S3``, ``DynamoDB``), whose section has its name in lower case.

    Exchanges end by ``deadline`` seconds. ``check`` takes an operation, a status and the bytes of an answer that is no
    object's body, and raises NotUnderstood. Through a ``route`` requests go as they are, Host and all.
    """

    service: str
    section: S3Section | DynamoDBSection
    deadline: float
    check: Callable[[str, int, bytes], None]
    route: Route | None = None

    def client(self, credentials: tuple[str, str] | None, **config: Any) -> Any:
        """Return boto3's client of the service, which sends in this way; without credentials it is anonymous."""
        from botocore.config import Config

        access, secret = credentials or (None, None)
        name, section = self.service.lower(), self.section
        with shielded():
            client = boto_session().client(
                name,
                endpoint_url=section.endpoint,
                region_name=section.region,
                aws_access_key_id=access,
                aws_secret_access_key=secret,
                config=Config(retries={"total_max_attempts": 1}, **config),
                verify=self._verify,
            )
        client.meta.events.register(f"before-send.{name}", functools.partial(_send, self._session(), self))
        return client

    @contextlib.contextmanager
    def exchange(self, tried: str, strange: tuple[type[ProbeError], str], reach: str) -> Iterator[None]:
        """Turn what botocore raises of an exchange into a ProbeError, and close its answer's body, read or not.

        ``strange`` is what an answer means that can't be read, ``reach`` what to look at where none came.
        """
        from botocore import exceptions
        from botocore.parsers import ResponseParserError
        from urllib3.exceptions import HTTPError

        with contextlib.ExitStack() as received:
            _received.set(received)
            try:
                yield
            except (ResponseParserError, ValueError, TypeError, AttributeError) as wrong:  # Of what it can't read.
                kind, step = strange
                raise kind(tried, said(wrong), step) from None
            except exceptions.ReadTimeoutError:  # The library's clock may be a moment ahead of `within`.
                raise too_slow(tried, self.deadline) from None
            except exceptions.SSLError as untrusted:
                trust = f"does it speak TLS there, and does ca_file of [{self.service.lower()}] name who signed its certificate?"
                raise Unanswered(tried, said(untrusted, self.route), f"{trust} --gf-plan looks at both") from None
            except (exceptions.HTTPClientError, exceptions.ConnectionError, HTTPError) as silent:
                raise Unanswered(tried, said(silent, self.route), reach) from None

    @property
    def _verify(self) -> Any:
        return self.section.ca_file if self.section.ca_file is not None else True

    def _session(self) -> Any:
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        direct = self.route is not None or is_loopback(self.section.endpoint)
        return URLLib3Session(
            verify=self._verify,
            proxies={} if direct else get_environ_proxies(self.section.endpoint),
            timeout=(min(CONNECT, self.deadline), self.deadline),  # type: ignore[arg-type]  # botocore's stubs forget the pair.
            max_pool_connections=CONNECTIONS,
        )


def s3_transport(section: S3Section, deadline: float, route: Route | None = None) -> Transport:
    """Return how requests go to an S3."""
    return Transport("S3", section, deadline, _check, route)


def s3_client(transport: Transport, credentials: tuple[str, str] | None) -> Any:
    """Return boto3's client of an S3; ``credentials`` None makes it anonymous."""
    from botocore import UNSIGNED

    client = transport.client(
        credentials,
        signature_version=UNSIGNED if credentials is None else "s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client.meta.events.register("before-call.s3", _stay)
    for operation in ("GetObject", "HeadObject"):
        client.meta.events.register(f"before-sign.s3.{operation}", _ask_for_checksums)
    return client


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Let nothing but what a target names count for a client that is made here: no ~/.aws, no metadata, no AWS_* that is set."""
    with _making:  # boto3's default session and the environment are the process's.
        held = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
        os.environ |= {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        try:
            yield
        finally:
            del os.environ["AWS_CONFIG_FILE"], os.environ["AWS_SHARED_CREDENTIALS_FILE"]
            os.environ |= held | {"AWS_EC2_METADATA_DISABLED": "true"}


def _stay(params: Any, **_: Any) -> None:
    """Tell botocore that the request was redirected already: it would send another to the region that a refusal names."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _ask_for_checksums(request: Any, **_: Any) -> None:
    """Ask S3 for the checksums that it keeps, as a header: asked as a parameter, botocore would refuse a body that differs.

    A body that is not what its checksum says is a finding, which a clause judges.
    """
    request.headers["x-amz-checksum-mode"] = "ENABLED"


@functools.cache
def boto_session() -> Any:
    """Return the one boto3 session: reading S3's service model costs more than all the rest of making a client."""
    import boto3

    return boto3.session.Session()


def _send(session: Any, transport: Transport, request: Any, event_name: str, **_: Any) -> Any:
    """Send as botocore does, but read an answer that is no object's body only up to `MOST_ANSWER`."""
    from botocore.awsrequest import AWSResponse

    if transport.route is not None:  # The signature is over the endpoint's own Host, so that is what arrives.
        parts = urllib.parse.urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = parts._replace(netloc=transport.route.address).geturl()
    request.headers.pop("Expect", None)  # botocore reads for ever where its answer, 100 Continue, is cut.
    streamed, request.stream_output = request.stream_output, True
    response = session.send(request)
    _received.get().callback(response.raw.close)
    _check_head(request, response, transport.service)
    if 300 <= response.status_code < 400 and response.status_code != 304:  # noqa: PLR2004  # RFC 9110, 15.4.
        to = redact(response.headers.get("Location", "nowhere"))[:300]
        raise NotUnderstood(
            f"{request.method} {redact(request.url)}",
            f"{response.status_code} redirect to {to}, not followed",
            f"does the endpoint name the {transport.service} server itself, or a proxy before it?",
        )
    if not streamed or response.status_code >= 300:  # noqa: PLR2004  # A refusal is read whole too: boundedly.
        length = "" if _is_bodiless(request, response) else str(response.headers.get("Content-Length", ""))
        body = SimpleNamespace(stream=functools.partial(_bounded, response.raw, length, transport.service))
        response = AWSResponse(response.url, response.status_code, response.headers, body)
        content = response.content
        transport.check(event_name.rpartition(".")[2], response.status_code, content)
        _say(response, content)
    return response


def _is_bodiless(request: Any, response: Any) -> bool:
    """Tell whether an answer has no body, whatever length it says (RFC 9110, 8.6)."""
    return request.method == "HEAD" or response.status_code in {204, 304}


def _check_head(request: Any, response: Any, service: str) -> None:
    """Refuse a head that was cut: http.client takes it for a whole one, with an empty body behind it."""
    said = response.headers
    defects = getattr(getattr(getattr(response.raw, "_original_response", None), "msg", None), "defects", ())
    length, coding = said.get("Content-Length"), said.get("Transfer-Encoding", "")
    is_length = str(length).strip().isdecimal() if length is not None else coding.lower() == "chunked"
    has_length = is_length or (length is None and _is_bodiless(request, response))
    if defects or not has_length:
        came_back = f"{response.status_code} and a head that was cut: {defects or 'it says no length of its body'}"
        raise Unanswered(f"reading {service}'s answer", came_back, "is a proxy down? ask again")


def _say(response: Any, content: bytes) -> None:
    """Keep what a refusal says where it is no XML, as `SAID`: botocore would put its own words there."""
    response.headers.pop(SAID, None)
    if response.status_code >= 300 and content and not content.lstrip().startswith(b"<"):  # noqa: PLR2004  # RFC 9110, 15.
        response.headers[SAID] = redact(" ".join(content[:200].decode("ascii", "replace").split()))


def _bounded(raw: Any, length: str, service: str) -> Iterator[bytes]:
    """Yield an answer's body. Raises NotUnderstood for one that is too long, Unanswered for one that was cut."""
    tried, size = f"reading {service}'s answer", 0
    for chunk in raw.stream():
        size += len(chunk)
        if size > MOST_ANSWER:
            raise NotUnderstood(tried, f"more than {MOST_ANSWER} bytes came", f"is this {service}'s address?")
        yield chunk
    if length.isdecimal() and size < int(length):
        raise Unanswered(tried, f"cut: {size} of {length} bytes came", "is a proxy down?")


def _check(operation: str, status: int, body: bytes) -> None:
    """Refuse a page that isn't S3's: botocore reads other well-formed XML as an empty listing, and broken XML as a 500."""
    check_xml(body, f"S3 {operation}")
    expected = _ROOTS.get(operation)
    if status >= 300 or (expected is None and not body.strip()):  # noqa: PLR2004  # RFC 9110, 15.3.
        return
    try:
        root = ET.fromstring(body).tag.rpartition("}")[2]  # noqa: S314  # At most MOST_ANSWER; expat bounds entities.
        if expected is None:
            return
    except ET.ParseError as wrong:
        root = f"what is no XML ({wrong})"
    if root != expected:
        start = redact(body[:60].decode(errors="replace"))
        came_back = f"{status} with {root} instead of {expected or 'nothing'}, beginning {start!r}"
        raise NotUnderstood(
            f"S3 {operation}", came_back, "is this an S3 server? a proxy's page, or an answer cut short, looks so"
        )
