"""The S3 wire, by boto3: one exchange a call, judged at once, with a total deadline and bounded bodies."""

from __future__ import annotations

import email.utils
import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.errors import IdentityRejected, NotUnderstood, Unanswered, Unproven
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.answers import Answer, Listing, Versions
from pytest_gf.honey.formats.checksums import CHECKSUMS
from pytest_gf.honey.probes.again import NotNow, later, retry_after, settled
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.exchange import Route, recorded
from pytest_gf.honey.probes.s3_client import SAID, s3_client, s3_transport

if TYPE_CHECKING:
    from pytest_gf.honey.target import S3Section

MOST_BODY = 16 * 1024 * 1024
"""Bytes. A state body is at most this long (formats.tfstate); a longer one is not read to its end."""

_KEYS = "check the two variables that the target names for [s3]"
REJECTED = {
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": _KEYS,
    "InvalidToken": _KEYS,
    "RequestTimeTooSkewed": "set this machine's clock: S3 compares it with its own",
    "AuthorizationHeaderMalformed": "check region of [s3] in the target file",
}
"""The codes that refuse an identity or its signature, with what to do next."""
LOOK_UPS = 4
"""How often a change is sent that nobody answered and that did not land."""
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded"})
BUSY = frozenset({"", "SlowDown", "ServiceUnavailable", "ServerNotInitialized", "Busy"}) | _THROTTLED
"""The codes of a 503 that is to be asked again; a HEAD's and a proxy's carry none."""
_BUSY_WORDS = ("not ready", "reduce your request rate")  # In the message of a 503 with another code.
_REACH = "is the pod up (rustfs.workload-ready)? is the address right, and reachable from here?"
NOT_FOUND, TOO_MANY = 404, 429


@dataclass(frozen=True)
class Objects:
    """One ListObjectsV2 answer: sizes in bytes and ETags (unquoted) by key."""

    answer: Answer
    sizes: Mapping[str, int] = field(default_factory=dict)
    etags: Mapping[str, str] = field(default_factory=dict)
    truncated: bool = False
    next_token: str = ""
    """Where the listing goes on: S3 may end any page early, an empty one too."""


@dataclass(frozen=True)
class Head:
    """One HeadObject or GetObject answer's metadata; ``length`` is Content-Length, ``checksums`` base64 by algorithm."""

    answer: Answer
    length: int | None = None
    etag: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)
    keyed: bool = False
    """Whether the object lies encrypted under a key of its own: its ETag is then no digest of its bytes."""
    date: float | None = None
    """The server's clock as it answered, in Unix seconds."""


@dataclass(frozen=True)
class Access:
    """How an S3 server is reached: its address, an identity's two halves, and a route to it where there is one."""

    section: S3Section
    credentials: tuple[str, str] = field(repr=False)
    route: Route | None = None


@dataclass(frozen=True)
class Body:
    """One GetObject answer with the bytes that arrived; ``cut`` says why they are not all."""

    head: Head
    data: bytes = field(default=b"", repr=False)
    cut: str = ""


class S3:
    """An S3 server, as one identity (or none: ``credentials=None``) sees it. Safe to share between threads.

    Every call takes at most ``deadline`` seconds and raises `Unanswered`, `DeadlineExceeded`, `NotUnderstood`, `Throttled` or
    `IdentityRejected`; any other refusal is an `Answer`. What is asked again is said in `again.settled`.
    """

    def __init__(
        self, section: S3Section, credentials: tuple[str, str] | None, *, deadline: float, route: Route | None = None
    ) -> None:
        self.endpoint, self.deadline = section.endpoint, deadline
        self._section, self._credentials, self._route = section, credentials, route
        self._patient = True
        self._transport = s3_transport(section, deadline, route)
        self._client = s3_client(self._transport, credentials)

    def anew(self) -> S3:
        """Return a client of the same server and identity with a connection of its own, which asks each thing once."""
        other = S3(self._section, self._credentials, deadline=self.deadline, route=self._route)
        other._patient = False
        return other

    def list_buckets(self) -> Listing:
        """Return the names that ListBuckets shows, in its order."""
        answer, parsed = self._call("ListBuckets", {})
        return Listing(tuple(str(bucket["Name"]) for bucket in parsed.get("Buckets", ())), answer)

    def head_bucket(self, bucket: str) -> Answer:
        """Return HeadBucket's answer, which carries no code."""
        return self._call("HeadBucket", {"Bucket": bucket})[0]

    def list_objects(
        self, bucket: str, *, prefix: str = "", most: int = 1000, after: str = "", token: str = ""
    ) -> Objects:
        """Return the first page of keys below ``prefix``, or the one after ``after`` or at an earlier page's ``token``."""
        asked = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": most} | ({"StartAfter": after} if after else {})
        asked |= {"ContinuationToken": token} if token else {}
        answer, parsed = self._call("ListObjectsV2", asked)
        entries = parsed.get("Contents", ())
        return Objects(
            answer,
            sizes={entry["Key"]: int(entry["Size"]) for entry in entries},
            etags={entry["Key"]: str(entry.get("ETag", "")).strip('"') for entry in entries},
            truncated=bool(parsed.get("IsTruncated")),
            next_token=str(parsed.get("NextContinuationToken", "")),
        )

    def list_versions(self, bucket: str, key: str) -> Versions:
        """Return the ids of every version and delete marker of exactly this key."""
        answer, parsed = self._call("ListObjectVersions", {"Bucket": bucket, "Prefix": key})
        versions = [*parsed.get("Versions", ()), *parsed.get("DeleteMarkers", ())]
        return Versions(answer, tuple(str(version["VersionId"]) for version in versions if version["Key"] == key))

    def head_object(self, bucket: str, key: str) -> Head:
        """Return the object's metadata."""
        asked = {"Bucket": bucket, "Key": key}
        answer, parsed = self._call("HeadObject", asked)
        if answer.ok and "ETag" not in parsed:  # A head that was cut between two lines looks so.
            answer, parsed = self._call("HeadObject", asked)
        return _head(answer, parsed)

    def get_object(self, bucket: str, key: str, *, most: int = MOST_BODY) -> Body:
        """Return the object's body: all that arrived, up to ``most`` bytes."""
        asked = {"Bucket": bucket, "Key": key}
        answer, parsed = self._call("GetObject", asked, most=most)
        return Body(_head(answer, parsed), parsed.get("Data", b""), parsed.get("Cut", ""))

    def create_bucket(self, bucket: str) -> Answer:
        """Create the bucket. Where nobody answered, look whether it is there before asking again."""
        return self._looked_up("CreateBucket", bucket, lambda head: head.ok)

    def put_object(self, bucket: str, key: str, body: bytes, *, only_new: bool = False) -> Answer:
        """Write the object.

        With ``only_new`` it is written only where there is none (If-None-Match: *); else the answer is 412 or 409. Such a write
        is not sent again where nobody answered, since 412 could then mean our own first one.
        """
        asked = {"Bucket": bucket, "Key": key, "Body": body} | ({"IfNoneMatch": "*"} if only_new else {})
        return self._call("PutObject", asked, again=not only_new)[0]

    def delete_object(self, bucket: str, key: str, *, version: str = "") -> Answer:
        """Delete the key, or one version of it. To delete an absent key succeeds (S3: 204)."""
        asked = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
        return self._call("DeleteObject", asked)[0]

    def delete_bucket(self, bucket: str) -> Answer:
        """Delete an empty bucket. Where nobody answered, look whether it is gone before asking again."""
        return self._looked_up("DeleteBucket", bucket, lambda head: head.status == NOT_FOUND)

    def _looked_up(self, operation: str, bucket: str, landed: Callable[[Answer], bool]) -> Answer:
        for left in reversed(range(LOOK_UPS)):
            try:
                return self._call(operation, {"Bucket": bucket}, again=False)[0]
            except Unanswered:
                if landed(self.head_bucket(bucket)):
                    return Answer(200)
                if not left:
                    raise
        raise AssertionError("unreachable: LOOK_UPS is at least 1")

    def _call(
        self, operation: str, asked: Mapping[str, Any], *, again: bool = True, most: int = MOST_BODY
    ) -> tuple[Answer, Mapping[str, Any]]:
        shown = {name: value for name, value in asked.items() if name in _SHOWN}
        tried = " ".join(
            [f"S3 {operation}", *(str(shown[name]) for name in ("Bucket", "Key", "Prefix") if shown.get(name))]
        )
        where, attempts = f"{tried} at {self.endpoint}", itertools.count(1)

        def ask(seconds: float) -> tuple[Answer, Mapping[str, Any]]:
            with recorded("s3", operation, request=shown, attempt=next(attempts)) as noted:
                outcome = within(seconds, where, lambda: self._exchange(operation, asked, where, most))
                noted["answer"] = _kept(*outcome)
            return outcome

        outcome = settled(
            where,
            ask,
            seconds=self.deadline,
            not_now=lambda outcome: not_now(outcome[0]) if self._patient else None,
            reads=again and self._patient,
        )
        if outcome[0].code in REJECTED:
            raise IdentityRejected(tried, f"{outcome[0]}: {outcome[0].message}", REJECTED[outcome[0].code])
        return outcome

    def _exchange(
        self, operation: str, asked: Mapping[str, Any], tried: str, most: int
    ) -> tuple[Answer, Mapping[str, Any]]:
        from botocore import xform_name
        from botocore.exceptions import ClientError

        with self._transport.exchange(tried, _CUT_HEAD if operation.startswith("Head") else _NO_S3, _REACH):
            try:
                parsed: dict[str, Any] = getattr(self._client, xform_name(operation))(**asked)
            except ClientError as refused:
                return _refusal(operation, refused.response), {}
            _check_members(operation, parsed)
            if operation == "GetObject":
                parsed["Data"], parsed["Cut"] = _read(parsed.pop("Body"), most)
                if parsed["Cut"] and self._route is not None and self._route.broken:
                    came_back = f"the route broke: {self._route.broken}"
                    raise Unanswered(tried, came_back, "ask again; see the cluster's nodes")
        metadata = parsed["ResponseMetadata"]
        return Answer(int(metadata["HTTPStatusCode"]), request_id=str(metadata.get("RequestId", ""))), parsed


_SHOWN = frozenset({"Bucket", "Key", "Prefix", "MaxKeys", "VersionId", "StartAfter", "IfNoneMatch"})
_NO_S3 = NotUnderstood, "is this an S3 server? a proxy's page answers so"
_CUT_HEAD = Unanswered, "is a proxy down? ask again"
"""Nothing but its head came of a HEAD, so that a cut in it looks strange."""


def _kept(answer: Answer, parsed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is kept of an answer: counts, identifiers and digests; bodies never."""
    seen: dict[str, Any] = {"status": answer.status, "code": answer.code, "message": answer.message}
    if answer.request_id:
        seen["request_id"] = answer.request_id
    if "Buckets" in parsed:
        seen["buckets"] = [bucket["Name"] for bucket in parsed["Buckets"]]
    if "Contents" in parsed:
        seen["keys"] = {entry["Key"]: entry["Size"] for entry in parsed["Contents"][:100]}
    if "ETag" in parsed:
        seen |= {"etag": parsed["ETag"], "length": parsed.get("ContentLength")}
    if "Data" in parsed:
        digest = hashlib.sha256(parsed["Data"]).hexdigest()
        seen |= {"received": len(parsed["Data"]), "sha256": digest, "cut": parsed["Cut"]}
    return seen


_MEMBERS = {
    "Buckets": ("Name",),
    "Contents": ("Key", "Size"),
    "Versions": ("Key", "VersionId"),
    "DeleteMarkers": ("Key", "VersionId"),
}


def _check_members(operation: str, parsed: Mapping[str, Any]) -> None:
    """Refuse a listing whose entries lack what each must have."""
    for name, needed in _MEMBERS.items():
        for entry in parsed.get(name, ()):
            missing = [member for member in needed if member not in entry]
            if missing:
                raise NotUnderstood(
                    f"S3 {operation}", f"an entry of {name} without {', '.join(missing)}", "is this an S3 server?"
                )


def _head(answer: Answer, parsed: Mapping[str, Any]) -> Head:
    length = parsed.get("ContentLength")
    return Head(
        answer,
        length=int(length) if length is not None else None,
        etag=str(parsed.get("ETag", "")).strip('"'),
        checksums={name: str(parsed[f"Checksum{name}"]) for name in CHECKSUMS if f"Checksum{name}" in parsed},
        keyed="kms" in str(parsed.get("ServerSideEncryption", "")) or "SSECustomerAlgorithm" in parsed,
        date=_date(parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")),
    )


def _date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _refusal(operation: str, response: Mapping[str, Any]) -> Answer:
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    status, headers = int(about.get("HTTPStatusCode", 0)), about.get("HTTPHeaders", {})
    code = str(error.get("Code", ""))
    # A HEAD has no body: botocore puts the status, or a guess made from it, where the code would be.
    headless = operation.startswith("Head") or code == str(status)
    message = redact(str(headers.get(SAID) or error.get("Message", "")))[:300]
    return Answer(
        status,
        "" if headless else redact(code)[:100],
        message,
        retry_after=retry_after(headers.get("retry-after")),
        request_id=str(about.get("RequestId", "")),
    )


def not_now(answer: Answer) -> NotNow | None:
    """Return whether an answer asks to come again: 429, or a 503 that says busy or not ready, or says nothing."""
    says_so = answer.code in BUSY or any(words in answer.message.lower() for words in _BUSY_WORDS)
    said = f"{answer}: {answer.message}" if answer.message else str(answer)
    # Where Retry-After is 0, our own pauses hold, so that a busy server is not hammered.
    return later(answer.status, said, answer.retry_after or None, says_so=says_so)


def _read(stream: Any, most: int) -> tuple[bytes, str]:
    """Return what arrives of a body, and why it is not all (or "")."""
    from botocore import exceptions
    from urllib3.exceptions import SSLError

    chunks: list[bytes] = []
    size = 0
    try:
        for chunk in stream.iter_chunks(64 * 1024):
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                raise Unproven(
                    f"the object has more than {most} bytes, and is read no further", "is the right object at this key?"
                )
    except (exceptions.IncompleteReadError, exceptions.ResponseStreamingError, SSLError) as cut:
        return b"".join(chunks), f"the body was cut: {redact(str(cut))[:200]}"
    except exceptions.ReadTimeoutError as stalled:
        return b"".join(chunks), f"the body stalled: {redact(str(stalled))[:200]}"
    return b"".join(chunks), ""
