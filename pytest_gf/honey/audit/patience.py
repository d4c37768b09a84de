"""How an audit asks again for what was not given, by the rule of `pytest_gf.honey.probes.unreadable`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from pytest_gf.engine.errors import ProbeError, Unanswered
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.audit.refusals import Unread, check, not_given
from pytest_gf.honey.formats import pieces
from pytest_gf.honey.probes import unreadable
from pytest_gf.honey.probes.again import NotNow, settled
from pytest_gf.honey.probes.http_bulk import Cut
from pytest_gf.honey.probes.s3 import not_now
from pytest_gf.honey.probes.s3_bulk import Reader

Value = TypeVar("Value")
SMALL = 256 * 1024
"""Stored bytes of an object that is read beside one that is not given."""
KNOWN = 8
"""Objects that were read whole and are kept in mind for that."""
_PAGE = 50
_ASKED = 3


class Others:
    """Objects to be read beside one that is not given. Safe to share between threads."""

    def __init__(self) -> None:
        self._keys: deque[str] = deque(maxlen=KNOWN)  # Each call of it is one to the interpreter: it needs no lock.

    def saw(self, key: str, size: int) -> None:
        """Note an object that was read whole."""
        if size <= SMALL:
            self._keys.append(key)

    def asked(self, reader: Reader, key: str, below: str) -> str:
        """Return "" where S3 gives another object whole just now, else what came instead.

        Where none is known yet, some are looked for ``below``. Raises ProbeError where they can't be listed.
        """
        known = [other for other in self._keys.copy() if other != key][::-1]
        said = "there is no other object to compare with"
        for other in (known or list(_small(reader, key, below)))[:_ASKED]:
            said = _whole(reader, other)
            if not said:
                return ""
        return said


def _small(reader: Reader, key: str, below: str) -> Iterator[str]:
    objects = reader.list(below, most=_PAGE).objects
    yield from (name for name, _ in sorted(objects, key=lambda one: one[1]) if name != key and not name.endswith("/"))


def _whole(reader: Reader, key: str) -> str:
    try:
        answer, body = reader.get(key)
        for _ in pieces.each(body):
            pass
    except Unanswered as silent:
        return silent.came_back
    except Cut as cut:
        return str(cut)
    return "" if answer.ok else str(answer)


def given(key: str, reader: Reader, ask: Callable[[], tuple[Answer, Value]]) -> tuple[Answer, Value]:
    """Return what one question about a key is answered. Raises Unread, Unproven, Refused."""
    try:
        answer, value = ask()
    except Unanswered as silent:
        raise Unread(key, silent.came_back) from None
    check(answer, key)
    if not_given(answer):
        raise Unread(key, str(answer), refused=refusal(answer, reader))
    return answer, value


def steadily(key: str, reader: Reader, ask: Callable[[], tuple[Answer, Value]]) -> tuple[Answer, Value]:
    """Return what one question about a key is answered, asked again within the deadline. Raises as `given` does."""
    try:
        return given(key, reader, ask)
    except Unread:
        reader.anew()
    try:
        answer, value = settled(
            key, lambda _: ask(), seconds=reader.deadline, not_now=lambda got: failing(got[0], reader)
        )
    except ProbeError as failed:
        raise Unread(key, failed.came_back) from None
    check(answer, key)
    return answer, value


def failing(answer: Answer, reader: Reader) -> NotNow | None:
    """Return why an answer is none yet: S3 refuses to answer now, or fails."""
    return NotNow(str(answer), reader.retry_after) if not_given(answer) else None


def refusal(answer: Answer, reader: Reader) -> NotNow | None:
    """Return the refusal where S3 asks to come again: 429, or a 503 that says throttled or not ready."""
    return not_now(replace(answer, retry_after=reader.retry_after))


def read(
    key: str, below: str, reader: Reader, others: Others, judge: Callable[[], Value]
) -> Value | unreadable.Unreadable:
    """Return what an object is, as ``judge`` finds, or that it is unreadable. Raises NotRead, and what else ``judge`` raises.

    What is given at once costs nothing here. ``judge`` raises Unread for what is not given: the object, or what it names.
    """
    try:
        return judge()
    except Unread as first:
        unread = first

    def again() -> Value | Unread:
        nonlocal unread
        reader.anew()
        try:
            return judge()
        except Unread as failed:
            unread = failed
            return failed

    def head() -> str:
        answer, _ = reader.head(unread.key)
        refused = refusal(answer, reader)
        return refused.said if refused is not None else ""

    value = unreadable.read(
        f"S3 GetObject {key}",
        again,
        failed=lambda got: got.said if isinstance(got, Unread) else "",
        not_now=lambda got: got.refused if isinstance(got, Unread) else None,
        witnesses=unreadable.Witnesses(head, lambda: others.asked(reader, unread.key, below)),
        seconds=reader.deadline,
    )
    assert not isinstance(value, Unread)
    return value
