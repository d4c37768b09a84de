"""Signature Version 4, in header or presigned query. Clock skew and region are not checked, as in RustFS."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from calendar import timegm
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from pytest_gf.lab.rustfs.call import Call, Refusal

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
LONGEST_LIFE = 604_800
"""Seconds that a presigned URL may live."""

_CREDENTIAL = re.compile(r"([^/]{1,128})/(\d{8})/([^/]{0,64})/s3/aws4_request")
_DATE = re.compile(r"\d{8}T\d{6}Z")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Signed:
    """An accepted signature: what the signatures of its body's chunks build on."""

    access_key: str
    date: str
    scope: str
    signature: str
    signing_key: bytes = field(repr=False)

    def chain(self, algorithm: str, *parts: str) -> str:
        """Return the signature of a chunk or trailer: ``parts`` are the previous signature and the hashes."""
        return _sign(self.signing_key, "\n".join((algorithm, self.date, self.scope, *parts)))


@dataclass(frozen=True)
class _Claim:
    access_key: str
    day: str
    region: str
    date: str
    signed_headers: Sequence[str]
    signature: str
    payload: str
    presigned: bool

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/s3/aws4_request"


def check(call: Call, identities: Mapping[str, str], now: float | None = None) -> Signed | None:
    """Return who signed, or None for an anonymous call. ``identities``: access key → secret key; ``now``: Unix seconds.

    Raises Refusal: InvalidAccessKeyId, SignatureDoesNotMatch, AccessDenied (expired), AuthorizationHeaderMalformed.
    """
    claim = _claim(call, time.time() if now is None else now)
    if claim is None:
        return None
    secret = identities.get(claim.access_key)
    if secret is None:
        raise Refusal(403, "InvalidAccessKeyId", "The Access Key Id you provided does not exist in our records.")
    if "host" not in claim.signed_headers:
        raise Refusal(403, "SignatureDoesNotMatch", "The header host is not signed.")
    key = signing_key(secret, claim.day, claim.region)
    request = canonical_request(call, claim.signed_headers, claim.payload, presigned=claim.presigned)
    digest = hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest()
    wanted = _sign(key, f"{ALGORITHM}\n{claim.date}\n{claim.scope}\n{digest}")
    if not hmac.compare_digest(wanted.encode(), claim.signature.encode("utf-8", "surrogateescape")):
        raise Refusal(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )
    return Signed(claim.access_key, claim.date, claim.scope, wanted, key)


def canonical_request(call: Call, signed_headers: Sequence[str], payload: str, *, presigned: bool = False) -> str:
    """Return the canonical request: each part decoded once and encoded once, the path not normalised (S3's rule)."""
    pairs = sorted(
        (_once(name), _once(value))
        for name, _, value in (pair.partition("=") for pair in call.query.split("&") if pair)
        if not (presigned and name == "X-Amz-Signature")
    )
    headers = "".join(f"{name}:{' '.join(call.header(name).split())}\n" for name in signed_headers)
    query = "&".join(f"{name}={value}" for name, value in pairs)
    return "\n".join((call.method, _once(call.path, "/"), query, headers, ";".join(signed_headers), payload))


def signing_key(secret: str, day: str, region: str) -> bytes:
    """Return the key derived for one day (``yyyymmdd``) and region."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def check_payload(call: Call) -> None:
    """Raise Refusal where the body is not the one that was signed."""
    said = call.header("x-amz-content-sha256")
    if _HASH.fullmatch(said) and hashlib.sha256(call.body).hexdigest() != said:
        raise Refusal(
            500,  # As measured: RustFS tells it as a failure of its own.
            "InternalError",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )


def _claim(call: Call, now: float) -> _Claim | None:
    if "X-Amz-Algorithm" in call.params:
        return _claim_in_query(call, now)
    if "AWSAccessKeyId" in call.params or call.header("authorization").startswith("AWS "):
        raise Refusal(
            403,
            "AccessDenied",
            "Signature Version 2 is not accepted; sign with version 4 (boto3: signature_version='s3v4').",
        )
    header = call.header("authorization")
    return _claim_in_header(call, header) if header else None


def _claim_in_header(call: Call, header: str) -> _Claim:
    algorithm, _, rest = header.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    credential = _CREDENTIAL.fullmatch(fields.get("Credential", ""))
    date = call.header("x-amz-date")
    if algorithm != ALGORITHM or credential is None or not _DATE.fullmatch(date):
        raise Refusal(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
    payload = call.header("x-amz-content-sha256") or hashlib.sha256(call.body).hexdigest()
    headers = fields.get("SignedHeaders", "").split(";")
    access_key, day, region = credential.groups()
    return _Claim(access_key, day, region, date, headers, fields.get("Signature", ""), payload, presigned=False)


def _claim_in_query(call: Call, now: float) -> _Claim:
    said = call.params
    credential = _CREDENTIAL.fullmatch(said.get("X-Amz-Credential", ""))
    date, life = said.get("X-Amz-Date", ""), said.get("X-Amz-Expires", "")
    lasting = int(life) if life.isascii() and life.isdigit() and len(life) <= len(str(LONGEST_LIFE)) else 0
    if said["X-Amz-Algorithm"] != ALGORITHM or credential is None or not 1 <= lasting <= LONGEST_LIFE:
        raise Refusal(400, "AuthorizationQueryParametersError", "The query parameters of the signature are malformed.")
    try:
        born = timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise Refusal(
            400, "AuthorizationQueryParametersError", "X-Amz-Date must be in the form yyyymmddThhmmssZ."
        ) from None
    if born + lasting < now:
        raise Refusal(403, "AccessDenied", "Request has expired.")
    payload = call.header("x-amz-content-sha256") or UNSIGNED
    headers = said.get("X-Amz-SignedHeaders", "").split(";")
    access_key, day, region = credential.groups()
    return _Claim(access_key, day, region, date, headers, said.get("X-Amz-Signature", ""), payload, presigned=True)


def _once(encoded: str, safe: str = "") -> str:
    return quote(unquote_to_bytes(encoded), safe=f"{safe}-_.~")


def _sign(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
