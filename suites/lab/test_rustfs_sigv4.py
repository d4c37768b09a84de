"""The lab's S3 without a server: signatures against botocore's signer, keys as folders, chunked bodies."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.lab.rustfs import checksums, chunked, keys, markup, sigv4
from pytest_gf.lab.rustfs.call import Call, Refusal

ACCESS, SECRET = "GFLABTEST", "a secret/with+signs"
KNOWN = {ACCESS: SECRET}
HOST = "127.0.0.1:9000"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
object_keys = st.lists(
    st.one_of(texts, st.sampled_from(["", ".", "..", "%", "%2E", "xl.meta", "%data-1"])), max_size=6
).map("/".join)
names = st.text("abcXYZ-09_.~ +&=/ü", min_size=1, max_size=8)
queries = st.dictionaries(names, texts, max_size=4)


def signed(method: str, key: str, query: dict[str, str], body: bytes = b"", secret: str = SECRET) -> Call:
    """Return a request to bucket b as botocore signs and sends it."""
    encoded = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    url = f"http://{HOST}/b/{quote(key, safe='/~')}" + (f"?{encoded}" if encoded else "")
    request = AWSRequest(method, url, data=body, headers={"X-Amz-Meta-Note": "  two   spaces "})
    S3SigV4Auth(Credentials(ACCESS, secret), "s3", "elsewhere-1").add_auth(request)
    headers = [(name.lower(), value) for name, value in request.headers.items()]
    return Call(method, urlsplit(url).path, urlsplit(url).query, (("host", HOST), *headers), body)


@given(key=object_keys, query=queries, body=st.binary(max_size=64))
def test_what_botocore_signs_is_accepted(key: str, query: dict[str, str], body: bytes) -> None:
    call = signed("PUT", key, query, body)
    accepted = sigv4.check(call, KNOWN)
    assert accepted is not None
    assert accepted.access_key == ACCESS
    sigv4.check_payload(call)
    assert call.resource == ("b", key)


@given(key=object_keys, query=queries, extra=st.sampled_from(["method", "path", "query", "header", "secret"]))
def test_what_was_altered_is_refused(key: str, query: dict[str, str], extra: str) -> None:
    call = signed("GET", key, query, secret="another" if extra == "secret" else SECRET)
    altered = Call(
        "HEAD" if extra == "method" else call.method,
        f"{call.path}x" if extra == "path" else call.path,
        f"{call.query}&list-type=2" if extra == "query" else call.query,
        tuple(
            (name, f"{value}x" if extra == "header" and name == "x-amz-meta-note" else value)
            for name, value in call.headers
        ),
    )
    with pytest.raises(Refusal) as raised:
        sigv4.check(altered, KNOWN)
    assert raised.value.code == "SignatureDoesNotMatch"


@given(key=object_keys, body=st.binary(max_size=64))
def test_an_altered_body_is_refused(key: str, body: bytes) -> None:
    call = signed("PUT", key, {}, body)
    with pytest.raises(Refusal) as raised:
        sigv4.check_payload(Call(call.method, call.path, call.query, call.headers, body + b"x"))
    assert (raised.value.status, raised.value.code) == (500, "InternalError")


@given(key=object_keys)
def test_a_presigned_url_holds_until_it_expires(key: str) -> None:
    request = AWSRequest("GET", f"http://{HOST}/b/{quote(key, safe='/~')}")
    S3SigV4QueryAuth(Credentials(ACCESS, SECRET), "s3", "us-east-1", expires=60).add_auth(request)
    parts = urlsplit(str(request.url))
    call = Call("GET", parts.path, parts.query, (("host", HOST),))
    assert sigv4.check(call, KNOWN) is not None
    with pytest.raises(Refusal, match="expired"):
        sigv4.check(call, KNOWN, now=time.time() + 62)
    with pytest.raises(Refusal, match="SignatureDoesNotMatch"):
        sigv4.check(Call("GET", parts.path, parts.query.replace("Expires=60", "Expires=61"), call.headers), KNOWN)


@given(header=st.text(max_size=60), query=st.text(max_size=60))
def test_a_malformed_signature_is_refused_and_breaks_nothing(header: str, query: str) -> None:
    for call in (
        Call("GET", "/b/k", "", (("host", HOST), ("authorization", f"AWS4-HMAC-SHA256 {header}"))),
        Call("GET", "/b/k", f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-{quote(query)}", (("host", HOST),)),
    ):
        with pytest.raises(Refusal):
            sigv4.check(call, KNOWN)


def test_who_is_unknown_or_nobody() -> None:
    assert sigv4.check(Call("GET", "/"), KNOWN) is None
    with pytest.raises(Refusal, match="InvalidAccessKeyId"):
        sigv4.check(signed("GET", "k", {}), {})
    with pytest.raises(Refusal, match="version 4"):
        sigv4.check(Call("GET", "/b/k", "AWSAccessKeyId=x&Signature=y&Expires=1"), KNOWN)


@given(key=object_keys)
def test_a_key_becomes_folders_and_comes_back(key: str) -> None:
    try:
        parts = keys.encode(key)
    except Refusal as refused:
        assert refused.code == "KeyTooLongError"  # A long key may be refused, and need not.
        return
    assert keys.decode(parts) == key
    assert len(PurePosixPath("/data", *parts).parts) == len(parts) + 2
    assert not {"", ".", "..", keys.META} & set(parts)
    assert not any("/" in part or "\0" in part or part.startswith(keys.DATA) for part in parts)


@given(one=object_keys, other=object_keys)
def test_two_keys_never_share_a_folder(one: str, other: str) -> None:
    assert (keys.encode(one) == keys.encode(other)) == (one == other)


def test_a_key_that_no_file_system_holds_is_refused() -> None:
    for key in ("x" * 256, "/".join("x" * 600)):
        with pytest.raises(Refusal, match="KeyTooLongError"):
            keys.encode(key)


def chunked_call(pieces: list[bytes], *, trailer: bytes = b"", length: int | None = None) -> tuple[Call, sigv4.Signed]:
    """Return a streaming upload, its chunks signed as the SDKs do."""
    kind = chunked.SIGNED_TRAILER if trailer else chunked.SIGNED
    seed = sigv4.Signed(ACCESS, "20260525T000000Z", "20260525/us-east-1/s3/aws4_request", "0" * 64, b"key")
    body, last, empty = b"", seed.signature, hashlib.sha256(b"").hexdigest()
    for piece in [*pieces, b""]:
        last = seed.chain("AWS4-HMAC-SHA256-PAYLOAD", last, empty, hashlib.sha256(piece).hexdigest())
        body += f"{len(piece):x};chunk-signature={last}\r\n".encode() + piece + (b"\r\n" if piece else b"")
    if trailer:
        signature = seed.chain("AWS4-HMAC-SHA256-TRAILER", last, hashlib.sha256(trailer + b"\n").hexdigest())
        body += trailer + b"\r\nx-amz-trailer-signature:" + signature.encode() + b"\r\n"
    said = str(sum(map(len, pieces)) if length is None else length)
    headers = (("x-amz-content-sha256", kind), ("x-amz-decoded-content-length", said))
    return Call("PUT", "/b/k", "", headers, body + b"\r\n"), seed


@given(pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=5))
def test_signed_chunks_come_apart(pieces: list[bytes]) -> None:
    payload = b"".join(pieces)
    sha = b"x-amz-checksum-sha256:" + base64.b64encode(hashlib.sha256(payload).digest())
    for trailer in (b"", sha):
        call, seed = chunked_call(pieces, trailer=trailer)
        decoded, trailers = chunked.payload_of(call, seed)
        assert decoded == payload
        assert [f"{name}:{value}".encode() for name, value in trailers.items()] == ([trailer] if trailer else [])


@given(pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=3), data=st.data())
def test_a_flipped_byte_in_signed_chunks_never_passes_unseen(pieces: list[bytes], data: st.DataObject) -> None:
    call, seed = chunked_call(pieces)
    at = data.draw(st.integers(0, len(call.body) - 1))
    flipped = call.body[:at] + bytes([call.body[at] ^ 1]) + call.body[at + 1 :]
    try:
        decoded, _ = chunked.payload_of(Call("PUT", "/b/k", "", call.headers, flipped), seed)
    except Refusal:
        return
    assert decoded == b"".join(pieces)


@given(body=st.binary(max_size=80))
def test_a_malformed_chunked_body_is_refused_or_empty(body: bytes) -> None:
    call = Call("PUT", "/b/k", "", (("x-amz-content-sha256", chunked.UNSIGNED_TRAILER),), body)
    try:
        payload, _ = chunked.payload_of(call, None)
    except Refusal:
        return
    assert len(payload) < len(body)


def test_a_chunked_body_of_another_length_is_refused() -> None:
    call, seed = chunked_call([b"abc"], length=4)
    with pytest.raises(Refusal, match="IncompleteBody"):
        chunked.payload_of(call, seed)


@given(payload=st.binary(max_size=40))
def test_a_wrong_checksum_is_refused(payload: bytes) -> None:
    right = base64.b64encode(hashlib.sha256(payload).digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(payload + b"x").digest()).decode()
    name = "x-amz-checksum-sha256"
    assert checksums.verified(Call("PUT", "/b/k", "", ((name, right),)), payload) == {"sha256": right}
    for header, value in (
        (name, wrong),
        ("content-md5", "AAAA"),
        ("x-amz-checksum-crc32", "AAAAAA="),
        ("x-amz-checksum-crc64nvme", "x"),
    ):
        with pytest.raises(Refusal):
            checksums.verified(Call("PUT", "/b/k", "", ((header, value),)), payload)


@given(body=st.binary(max_size=200))
def test_a_malformed_document_is_refused(body: bytes) -> None:
    for document in (
        body,
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><Delete><Object><Key>&b;</Key></Object></Delete>",
        b"<Delete/>",
    ):
        with pytest.raises(Refusal, match="MalformedXML"):
            markup.read_delete(document)
