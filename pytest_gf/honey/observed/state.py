"""A stack's state object as S3 lists it and gives it, and what OpenTofu would make of that (docs/systems.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.formats.effect import ABSENT, FIND, NO_APPLY, NO_STATE, refused, stops
from pytest_gf.honey.observed.bucket import PRESERVE, S3_FAILS, TICKETS, losses, refusals
from pytest_gf.honey.observed.disk import MOUNT, OFFLINE

if TYPE_CHECKING:
    from pytest_gf.honey.formats.tfstate import Malformed, State

RIGHTS = "give the state's credential back its rights to list and read the state"
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class StateListing(Observed):
    """What ListObjectsV2 holds below a state's key; sizes in bytes, ETags unquoted.

    ``emptied`` says that the bucket holds no object at all: every stack's state is gone then, which is one thing.
    """

    stack: str
    bucket: str
    key: str
    answer: Answer
    sizes: Mapping[str, int]
    etags: Mapping[str, str]
    emptied: bool = False

    promises = "ListObjectsV2 of {self.bucket} holds {self.key}"

    @property
    def missing(self) -> Cause:
        """The cause of a state object that is not there."""
        return Cause("state-object-missing", self.bucket if self.emptied else self.stack)

    @property
    def seen(self) -> str:
        if not self.answer.ok:
            return f"ListObjectsV2 {self.answer}"
        if self.key not in self.sizes:
            return "ListObjectsV2 200 without the key"
        return f"ListObjectsV2 200 with {self.key}, {self.sizes[self.key]} bytes"

    def trouble(self) -> Trouble | None:
        """Return what OpenTofu makes of a listing without the key, where HEAD says the same."""
        if not self.answer.ok:
            return self._refused()
        if self.key in self.sizes:
            return None
        says = f"the bucket answers, and the state object is not in it. {ABSENT.words}"
        return Trouble(self.missing, says, ABSENT.next_step)

    def _refused(self) -> Trouble:
        refusal = _refusal(self, self.answer, "ListObjectsV2")
        if not self.answer.forbidden:
            return refusal
        goes_on = f"OpenTofu goes on by HEAD, and where that answers 404, {NO_STATE}"
        says = f"the state's own credential is accepted and may not list ({self.answer}): {goes_on}"
        return replace(refusal, says=says)


@dataclass(frozen=True)
class StateBody(Observed):
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
    emptied: bool = False
    """Whether its bucket holds no object at all."""

    promises = "HEAD and GET 200; length, ETag and checksum agree with the bytes; the bytes are a version 4 state or an encrypted one"

    @property
    def expected(self) -> int | None:
        """The expected length of the body: the one of GET (which may name none), else of HEAD, else of the listing."""
        said = (self.content_length, self.head_length, self.listed_size)
        return next((size for size in said if size is not None), None)

    @property
    def received(self) -> bool:
        """Whether a body arrived, all of it."""
        return self.answer.ok and self.length == self.expected

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

    def trouble(self) -> Trouble | None:
        """Return what OpenTofu makes of it: it asks HEAD, then GET; or how the answers and the bytes disagree."""
        if not self.received or not self.length:
            return self._not_there()
        disagreements = [*self._disagreements()]
        if not disagreements:
            return None
        step = f"{NO_APPLY}; compare with HEAD's answer and the versions"
        trouble = Trouble(Cause("state-body-damaged", self.stack), "; ".join(disagreements), step)
        if self.head.ok:
            return trouble
        absent = self._absent(self.head, "HEAD")
        if self.head.forbidden and len(disagreements) == 1:
            return replace(absent, says=trouble.says)
        return replace(trouble, next_step=absent.next_step)

    def _not_there(self) -> Trouble:
        if self.unreadable:
            why = (
                "the state object can't be read, and S3 is well otherwise: the object is damaged where RustFS keeps it"
            )
            look = "look at RustFS's log and the node's disk; find the last good body (versions, backup)"
            stopped = stops(why, f"{NO_APPLY}; overwrite nothing; {look}")
            return Trouble(Cause("object-unreadable", self.stack), stopped.words, stopped.next_step)
        if not self.head.ok and self.answer.code != "NoSuchBucket":
            return self._absent(self.head, "HEAD")
        if not self.answer.ok:
            return self._absent(self.answer, "GetObject")
        if self.received:
            return Trouble(Cause("state-is-none", self.stack), f"the body is empty. {NO_STATE}", FIND)
        why = f"the body was cut: {self.length} of {self.expected} bytes arrived"
        cut = stops(why, f"{NO_APPLY}; look at RustFS's log, then ask again")
        return Trouble(Cause("state-body-damaged", self.stack), cut.words, cut.next_step)

    def _absent(self, answer: Answer, operation: str) -> Trouble:
        if answer.status != 404 or answer.code == "NoSuchBucket":  # noqa: PLR2004  # RFC 9110, 15.5.5.
            return _refusal(self, answer, operation)
        says = f"{operation} answers {answer}. {NO_STATE}"
        if self.listed_size is not None and operation != "HEAD":
            says = f"the key is listed, and GET answers {answer}: a half-lost object. {NO_STATE}"
        cause = Cause("state-object-missing", self.bucket if self.emptied else self.stack)
        return Trouble(cause, says, ABSENT.next_step)

    def _disagreements(self) -> Iterator[str]:
        if not self.head.ok:
            yield f"GET reads the body, and {self._absent(self.head, 'HEAD').says}"
        elif self.head_length not in {None, self.length}:
            yield f"HEAD says {self.head_length} bytes, and {self.length} arrived"
        if self.head.ok and self.head_etag != self.etag:
            changed = "the object changed between the two, or one is wrong"
            yield f"HEAD's ETag is {self.head_etag}, and GET's is {self.etag}: {changed}"
        if self.listed_size not in {None, self.length}:
            yield f"the listing says {self.listed_size} bytes, and {self.length} arrived"
        is_md5 = _MD5.fullmatch(self.etag)
        if is_md5 and _MD5.fullmatch(self.listed_etag) and self.listed_etag != self.etag:
            yield f"the listing's ETag is {self.listed_etag}, and GET's is {self.etag}: one of both is another object's"
        if is_md5 and self.etag != self.md5 and not self.keyed:
            yield f"the ETag {self.etag} is not the md5 of the bytes that arrived: the body was altered behind it"
        if self.wrong_checksums:
            names = ", ".join(self.wrong_checksums)
            yield f"the checksum sent with the object is not that of the bytes that arrived ({names})"

    def _what(self) -> str:
        if self.malformed is not None:
            return f"; {self.malformed}"
        if self.state is None:
            return ""
        state = self.state
        if state.encrypted or state.managed is None:
            return f"; {state.effect.words}; serial {state.serial}, lineage {state.lineage or 'none'}"
        return (
            f"; version {state.version}, serial {state.serial}, lineage {state.lineage or 'none'}, {state.managed} managed"
            f" instances in {state.resources} resources{_marked(state)}; {state.effect.words}"
        )


@dataclass(frozen=True)
class StateShape(Observed):
    """A state's body that arrived to be read: whether OpenTofu goes on from it."""

    body: StateBody

    promises = "{self.body.promised}"
    sees = "{self.body.seen}"

    def trouble(self) -> Trouble | None:
        state, malformed = self.body.state, self.body.malformed
        if not self.body.length:
            return self.body.trouble()
        effect = state.effect if state is not None else refused(str(malformed or "nobody read the body"))
        if effect.good:
            return None
        says = f"this is no state that OpenTofu goes on from; {effect.words}"
        return Trouble(Cause("state-is-none", self.body.stack), says, effect.next_step)


def _marked(state: State) -> str:
    marks = [f"{count} {name}" for name, count in (("deposed", state.deposed), ("tainted", state.tainted)) if count]
    return f" ({', '.join(marks)})" if marks else ""


def _refusal(seen: StateListing | StateBody, answer: Answer, operation: str) -> Trouble:
    """Return the trouble of an answer of S3 that is neither the object nor its absence."""
    bucket = seen.bucket
    if answer.code == "NoSuchBucket":
        why = f"S3 says NoSuchBucket for {bucket}: bucket-index loss or bucket gone; rustfs.list-buckets[{bucket}] tells which"
        cause, step, because = Cause("state-object-missing", seen.stack), f"{PRESERVE}; {TICKETS}", losses(bucket)
    elif answer.forbidden:
        why = f"the state's own credential is accepted and may not do this ({operation} {answer}; a file in the place of the bucket's folder answers so too)"
        cause, step, because = Cause("right-missing", bucket), f"{NO_APPLY}; {RIGHTS}", refusals(bucket)
    else:
        said = f": {answer.message}" if answer.message else ""
        why, step = f"{operation}: S3 answers {answer}{said}", f"{NO_APPLY}; look at RustFS's log, then ask again"
        cause, because = S3_FAILS, (OFFLINE, MOUNT)
    return Trouble(cause, stops(why, step).words, step, because)
