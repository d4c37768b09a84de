"""A boto3 S3 client that reads nothing but what it is given: no ~/.aws, no AWS_*, no hidden retry, no unbounded answer."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
import threading
import urllib.parse
import xml.etree.ElementTree as ET  # See _check_root.
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.errors import NotUnderstood, Unanswered
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.probes.bounds import check_xml

if TYPE_CHECKING:
    from pytest_gf.honey.target import S3Section

CONNECT = 5.0
"""Seconds for a TCP connection; shorter where the deadline is."""
CONNECTIONS = 32
MOST_ANSWER = 16 * 1024 * 1024
"""Bytes. A page of a listing has at most 1,000 keys of at most 1,024 bytes each."""

SAID = "x-gf-said"
"""The header by which a refusal's plain text reaches `probes.s3`."""

_ROOTS = {"ListBuckets": "ListAllMyBucketsResult", "ListObjectsV2": "ListBucketResult"}
_making = threading.Lock()


def make_client(section: S3Section, credentials: tuple[str, str] | None, deadline: float, via: str = "") -> Any:
    """Return a client for the section's endpoint; ``credentials`` None makes it anonymous. Exchanges end by ``deadline`` s.

    ``via`` (``127.0.0.1:PORT``) is where a route to the endpoint listens: requests go there as they are, Host and all.
    """
    with shielded():
        return _made(section, credentials, deadline, via)


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


def _made(section: S3Section, credentials: tuple[str, str] | None, deadline: float, via: str) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies

    access, secret = credentials or (None, None)
    verify: Any = str(section.ca_file) if section.ca_file is not None else True
    proxies: dict[str, str] | None = {} if via or is_loopback(section.endpoint) else None
    config = Config(
        signature_version=UNSIGNED if credentials is None else "s3v4",
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = boto_session().client(
        "s3",
        endpoint_url=section.endpoint,
        region_name=section.region,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=config,
        verify=verify,
    )
    session = URLLib3Session(
        verify=verify,
        proxies=get_environ_proxies(section.endpoint) if proxies is None else proxies,
        timeout=(min(CONNECT, deadline), deadline),  # type: ignore[arg-type]  # botocore's stubs forget the pair.
        max_pool_connections=CONNECTIONS,
    )
    client.meta.events.register("before-send.s3", functools.partial(_send, session, via))
    client.meta.events.register("before-call.s3", _stay)
    for operation in ("GetObject", "HeadObject"):
        client.meta.events.register(f"before-sign.s3.{operation}", _ask_for_checksums)
    return client


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


def _send(session: Any, via: str, request: Any, event_name: str, **_: Any) -> Any:
    """Send as botocore does, but read an answer that is no object's body only up to `MOST_ANSWER`."""
    from botocore.awsrequest import AWSResponse

    if via:  # The signature is over the endpoint's own Host, so that is what arrives.
        parts = urllib.parse.urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = parts._replace(netloc=via).geturl()
    request.headers.pop("Expect", None)  # botocore reads for ever where its answer, 100 Continue, is cut.
    streamed, request.stream_output = request.stream_output, True
    response = session.send(request)
    _check_head(request, response)
    if 300 <= response.status_code < 400 and response.status_code != 304:  # noqa: PLR2004  # RFC 9110, 15.4.
        to = redact(response.headers.get("Location", "nowhere"))[:300]
        raise NotUnderstood(
            f"{request.method} {redact(request.url)}",
            f"{response.status_code} redirect to {to}, not followed",
            "does the endpoint name the S3 server itself, or a proxy before it?",
        )
    if not streamed or response.status_code >= 300:  # noqa: PLR2004  # A refusal is read whole too: boundedly.
        bodiless = request.method == "HEAD" or response.status_code in {204, 304}  # RFC 9110, 8.6: it says a length.
        length = "" if bodiless else str(response.headers.get("Content-Length", ""))
        response = AWSResponse(response.url, response.status_code, response.headers, _Bounded(response.raw, length))
        content = response.content
        check_xml(content, f"S3 {event_name.rpartition('.')[2]}")
        _say(response, content)
        if response.status_code < 300:  # noqa: PLR2004  # RFC 9110, 15.3.
            _check_root(event_name.rpartition(".")[2], response.status_code, content)
    return response


def _check_head(request: Any, response: Any) -> None:
    """Refuse a head that was cut between two lines: http.client takes it for a whole one, with an empty body behind it."""
    said = response.headers
    defects = getattr(getattr(getattr(response.raw, "_original_response", None), "msg", None), "defects", ())
    bodiless = request.method == "HEAD" or response.status_code in {204, 304}
    if defects or (not bodiless and "Content-Length" not in said and "Transfer-Encoding" not in said):
        response.raw.close()
        came_back = f"{response.status_code} and a head that was cut: {defects or 'it says no length of its body'}"
        raise Unanswered("reading S3's answer", came_back, "is a proxy down? ask again")


def _say(response: Any, content: bytes) -> None:
    """Keep what a refusal says where it is no XML, as `SAID`: botocore would put its own words there."""
    response.headers.pop(SAID, None)
    if response.status_code >= 300 and content and not content.lstrip().startswith(b"<"):  # noqa: PLR2004  # RFC 9110, 15.
        response.headers[SAID] = redact(" ".join(content[:200].decode("ascii", "replace").split()))


class _Bounded:
    def __init__(self, raw: Any, length: str) -> None:
        self._raw = raw
        self._length = int(length) if length.isdecimal() else 0

    def stream(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._raw.stream():
            size += len(chunk)
            if size > MOST_ANSWER:
                self._raw.close()
                raise NotUnderstood(
                    "reading S3's answer", f"more than {MOST_ANSWER} bytes came", "is this an S3 server?"
                )
            yield chunk
        if size < self._length:
            self._raw.close()
            raise Unanswered("reading S3's answer", f"cut: {size} of {self._length} bytes came", "is a proxy down?")


def _check_root(operation: str, status: int, body: bytes) -> None:
    """Refuse a page that isn't S3's: botocore reads other well-formed XML as an empty listing, and broken XML as a 500."""
    expected = _ROOTS.get(operation)
    if expected is None:
        return
    try:
        root = ET.fromstring(body).tag.rpartition("}")[2]  # noqa: S314  # At most MOST_ANSWER; expat bounds entities.
    except ET.ParseError as wrong:
        root = f"what is no XML ({wrong})"
    if root != expected:
        start = redact(body[:60].decode(errors="replace"))
        came_back = f"{status} with {root} instead of {expected}, beginning {start!r}"
        raise NotUnderstood(
            f"S3 {operation}", came_back, "is this an S3 server? a proxy's page, or an answer cut short, looks so"
        )


def is_loopback(endpoint: str) -> bool:
    """Return whether the endpoint is this machine, which no proxy can reach."""
    host = urllib.parse.urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
