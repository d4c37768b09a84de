"""A stack's state object as S3 lists it and gives it, and what OpenTofu would make of that (facts/opentofu.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gf.honey.answers import Answer
from pytest_gf.honey.observed.bucket import PRESERVE, TICKETS

if TYPE_CHECKING:
    from pytest_gf.honey.formats.tfstate import Malformed, State

NO_APPLY = "start no plan or apply on this stack"
NO_STATE = "OpenTofu would take it for no state: plan to create everything, exit without an error, and overwrite the live state"
RESTORE = f"{NO_APPLY}; keep this body; find the last good one (versions, backup, an errored.tfstate) and compare serial and lineage"
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class StateListing:
    """What ListObjectsV2 holds below a state's key; sizes in bytes, ETags unquoted."""

    stack: str
    bucket: str
    key: str
    answer: Answer
    sizes: Mapping[str, int]
    etags: Mapping[str, str]

    @property
    def holds_key(self) -> bool:
        return self.answer.ok and self.key in self.sizes

    @property
    def promised(self) -> str:
        return f"ListObjectsV2 of {self.bucket} holds {self.key}"

    @property
    def seen(self) -> str:
        if not self.answer.ok:
            return f"ListObjectsV2 {self.answer}"
        return (
            f"ListObjectsV2 200 with {self.key}, {self.sizes[self.key]} bytes"
            if self.holds_key
            else "ListObjectsV2 200 without the key"
        )

    @property
    def diagnosis(self) -> str:
        if self.holds_key:
            return ""
        return (
            _refused(self.answer, self.bucket) or f"the bucket answers, and the state object is not in it. {NO_STATE}"
        )

    @property
    def next_step(self) -> str:
        if self.holds_key:
            return ""
        return _after(self.answer) or f"{NO_APPLY}; look for the object's versions and for the last run that wrote it"


@dataclass(frozen=True)
class StateBody:
    """HEAD and GET of a state object, what arrived, and what it is. Lengths in bytes; digests in hex.

    ``state`` is what a strict reader made of the body, ``malformed`` why it could not; neither where no body arrived.
    """

    stack: str
    bucket: str
    key: str
    answer: Answer
    listed_size: int | None
    length: int
    content_length: int | None
    etag: str
    md5: str
    sha256: str
    wrong_checksums: tuple[str, ...]
    head: Answer
    head_length: int | None
    head_etag: str
    state: State | None = None
    malformed: Malformed | None = None
    listed_etag: str = ""
    unreadable: str = ""
    """What its reads came to, where six of them failed while HEAD of it and reads of others were answered."""
    keyed: bool = False
    """Whether it lies encrypted under a key of its own: the ETag is then no md5."""

    @property
    def expected(self) -> int | None:
        """How long the body is to be: as GET says, which need not (chunked), or else HEAD or the listing."""
        said = (self.content_length, self.head_length, self.listed_size)
        return next((each for each in said if each is not None), None)

    @property
    def received(self) -> bool:
        """Whether a body arrived, all of it."""
        return self.answer.ok and self.length == self.expected

    @property
    def whole(self) -> bool:
        return self.received and self.length > 0 and not self._disagreements()

    @property
    def shaped(self) -> bool:
        return self.state is not None and not self.state.problems

    @property
    def promised(self) -> str:
        return "HEAD and GET 200; length, ETag and checksum agree with the bytes; the bytes are a version 4 state or an encrypted one"

    @property
    def seen(self) -> str:
        if not self.answer.ok:
            return f"HEAD {self.head}; GET {self.unreadable or self.answer}"
        what = self._what()
        length = f", {self.head_length} bytes" if self.head.ok else ""
        return (
            f"HEAD {self.head}{length}; GET {self.answer}, {self.length} of {self.expected} bytes, "
            f"listed with {self.listed_size}; ETag {self.etag or 'none'}, md5 {self.md5}{what}"
        )

    @property
    def diagnosis(self) -> str:
        if not self.answer.ok:
            return self._unreadable()
        if not self.received:
            return f"the body was cut: {self.length} of {self.expected} bytes arrived"
        if self.length == 0:
            return f"the body is empty. {NO_STATE}"
        if self.malformed is not None:
            return f"{self.malformed}: this is no state; {_effect(self.malformed.kind)}"
        if self.state is not None and self.state.problems:
            return f"not the shape of a state: {'; '.join(self.state.problems)}. {NO_STATE}"
        return "; ".join(self._disagreements())

    @property
    def next_step(self) -> str:
        if not self.diagnosis:
            return ""
        if self.unreadable:
            return f"{NO_APPLY}; overwrite nothing; look at RustFS's log and the node's disk; find the last good body (versions, backup)"
        if not self.answer.ok or not self.received:
            return _after(self.answer) or f"{NO_APPLY}; look at RustFS's log, then ask again"
        return f"{NO_APPLY}; compare with HEAD's answer and the versions" if self.shaped else RESTORE

    def _unreadable(self) -> str:
        if self.unreadable:
            said = (
                "the state object can't be read, and S3 is well otherwise: the object is damaged where RustFS keeps it"
            )
            return f"{said}; OpenTofu's plan and apply fail on it"
        if self.listed_size is not None and self.answer.status == 404:  # noqa: PLR2004  # RFC 9110, 15.5.5.
            return f"the key is listed, and GET answers {self.answer}: a half-lost object. {NO_STATE}"
        return _refused(self.answer, self.bucket) or f"the state object can't be read: {self.answer}. {NO_STATE}"

    def _disagreements(self) -> list[str]:
        found: list[str] = []
        if not self.head.ok:
            found.append(f"GET reads the body, and HEAD answers {self.head}. {NO_STATE}")
        elif self.head_length not in {None, self.length}:
            found.append(f"HEAD says {self.head_length} bytes, and {self.length} arrived")
        if self.head.ok and self.head_etag != self.etag:
            found.append(
                f"HEAD's ETag is {self.head_etag}, and GET's is {self.etag}: the object changed between the two, or one is wrong"
            )
        if self.listed_size is not None and self.listed_size != self.length:
            found.append(f"the listing says {self.listed_size} bytes, and {self.length} arrived")
        both = _MD5.fullmatch(self.listed_etag) and _MD5.fullmatch(self.etag)
        if both and self.listed_etag != self.etag:
            found.append(
                f"the listing's ETag is {self.listed_etag}, and GET's is {self.etag}: one of both is another object's"
            )
        if _MD5.fullmatch(self.etag) and self.etag != self.md5 and not self.keyed:
            found.append(
                f"the ETag {self.etag} is not the md5 of the bytes that arrived: the body was altered behind it"
            )
        if self.wrong_checksums:
            names = ", ".join(self.wrong_checksums)
            found.append(f"the checksum sent with the object is not that of the bytes that arrived ({names})")
        return found

    def _what(self) -> str:
        if self.malformed is not None:
            return f"; {self.malformed}"
        if self.state is None:
            return ""
        if self.state.encrypted:
            return f"; encrypted, contents not proved; serial {self.state.serial}, lineage {self.state.lineage}"
        return f"; version {self.state.version}, serial {self.state.serial}, lineage {self.state.lineage}, {self.state.resources} resources"


def _refused(answer: Answer, bucket: str) -> str:
    if answer.code == "NoSuchBucket":
        return f"S3 says NoSuchBucket for {bucket}: bucket-index loss or bucket gone; rustfs.list-buckets[{bucket}] tells which"
    if answer.forbidden:
        return f"the state's own credential is accepted and may not do this ({answer}; a file in the place of the bucket's folder answers so too). {NO_STATE}"
    return "" if answer.ok else f"S3 answers {answer}: {answer.message}" if answer.status >= 500 else ""  # noqa: PLR2004  # RFC 9110, 15.6.


def _after(answer: Answer) -> str:
    if answer.code == "NoSuchBucket":
        return f"{PRESERVE}; {TICKETS}"
    if answer.forbidden:
        return f"{NO_APPLY}; give the state's credential back its rights to list and read the state"
    return ""


def _effect(kind: str) -> str:
    return "OpenTofu would refuse to read it" if kind != "empty" else NO_STATE
