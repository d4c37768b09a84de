"""Who may push to Attic, and what the run's own token says that it may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.formats import jwt

DAY = 86_400.0
NOBODY = 404
"""What Attic answers to who has a right on a cache that is not there."""
PROMISED = frozenset({"r", "w"})
"""What the contract gives to who publishes."""


@dataclass(frozen=True)
class Passed:
    """One surface's answer to somebody who asks for what needs the right to push: ``passed`` where it would let them."""

    surface: str
    status: int
    error: str
    passed: bool

    def __str__(self) -> str:
        return f"{self.surface} {self.status} {self.error}".strip()


@dataclass(frozen=True)
class WriteGate(Observed):
    """Whether Attic lets somebody push: ``who`` in words, ``operation`` as it was asked, ``may`` where it must let them. Statement S023."""

    gate: str
    who: str
    operation: str
    cache: str
    may: bool
    answers: tuple[Passed, ...]

    @property
    def promised(self) -> str:
        return f"Attic {'lets' if self.may else 'refuses'} {self.who} where the right to push is needed"

    @property
    def seen(self) -> str:
        return f"{self.operation} with {self.who}: {', '.join(map(str, self.answers))}"

    def trouble(self) -> Trouble | None:
        may = self.may
        wrong = [answer for answer in self.answers if answer.passed != may or (may and answer.status == NOBODY)]
        if not wrong:
            return None
        where = " and ".join(answer.surface for answer in wrong)
        if not self.may:
            says = f"the gate stands open on {where}: {self.who} may push to {self.cache}"
            step = "close it, then distrust what was pushed since: signatures are the cache's own"
            return Trouble(Cause("write-gate-open", "attic"), says, step, (Cause("anonymous-allowed", "attic"),))
        says = f"the gate is locked on {where}: {wrong[0].status} {wrong[0].error} for {self.who}"
        if wrong[0].status == NOBODY:
            says = f"the token is good, and there is no cache {self.cache} on {where}"
        step = "see attic.token-bounded, then issue a new token"
        return Trouble(Cause("write-gate-locked", "attic"), says, step, (Cause("token-ends"),))


@dataclass(frozen=True)
class HeldToken(Observed):
    """The token that this run holds, as it says itself: rights on the promised cache, on others, and its end. Statement S023.

    ``now`` is in seconds since 1970. Nothing of the token is shown: all words are made from the contract's cache and the rights.
    """

    cache: str
    caches: Mapping[str, frozenset[str]]
    expires: float | None
    now: float

    promises = "the run's token names the cache {self.cache} alone, may pull and push there, and ends, not within a day"

    @classmethod
    def of(cls, token: jwt.Token, cache: str, now: float) -> HeldToken:
        """Return what a token says, beside the promised cache."""
        return cls(cache, token.caches, token.expires, now)

    @property
    def seen(self) -> str:
        pushes = "yes" if "w" in self.caches.get(self.cache, frozenset()) else "no"
        others = f"every other cache: {'some' if self._others else 'no'}"
        return f"push to {self.cache}: {pushes}; {others}; {self._end}"

    @property
    def _others(self) -> list[str]:
        return [name for name, held in self.caches.items() if name != self.cache and held]

    @property
    def _end(self) -> str:
        if self.expires is None:
            return "never expires"
        count = f"{abs(self._left) / DAY:.0f}"
        days = f"{count} day{'' if count == '1' else 's'}"
        return f"expires in {days}" if self._left > 0 else f"expired {days} ago"

    @property
    def _left(self) -> float:
        return (self.expires or 0.0) - self.now

    def _wrong(self) -> list[str]:
        held = self.caches.get(self.cache, frozenset())
        more = ", ".join(jwt.RIGHTS[right] for right in jwt.RIGHTS if right in held - PROMISED)
        patterns = [name for name in self.caches if "*" in name]
        ends = self.expires is not None
        checks = (
            (bool(patterns), f"it has a pattern for the names of caches ({len(patterns)})"),
            (self.cache not in self.caches, f"it does not name the cache {self.cache}"),
            (bool(set(self._others) - set(patterns)), f"it has rights on other caches ({len(self._others)})"),
            (bool(more), f"it may do more on {self.cache} than pull and push: {more}"),
            (not ends, "it never expires"),
            (ends and self._left <= DAY, f"it {self._end}{self._date}"),
        )
        return [says for is_so, says in checks if is_so]

    @property
    def _date(self) -> str:
        return "" if self.expires is None else f", at {datetime.fromtimestamp(self.expires, UTC):%Y-%m-%dT%H:%MZ}"

    def trouble(self) -> Trouble | None:
        wrong = self._wrong()
        if not wrong:
            return None
        wanted = f"pull and push of {self.cache} alone, with an end"
        ends = len(wrong) == 1 and self.expires is not None and self._left <= DAY
        cause = Cause("token-ends" if ends else "token-too-strong")
        return Trouble(cause, f"the run's token: {'; '.join(wrong)}", f"issue another: {wanted}")
