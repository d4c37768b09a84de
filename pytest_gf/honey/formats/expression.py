"""GitHub's expressions over sets of possible values: what can't be known stays UNKNOWN, and is never guessed.

Syntax and comparison as https://docs.github.com/actions/reference/evaluate-expressions-in-workflows-and-actions has them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import Enum
from itertools import product
from typing import TypeAlias

from pytest_gf.honey.formats import expression_values as values
from pytest_gf.honey.formats.expression_values import UNKNOWN, Named, Number, Set, Value

LONGEST = 4_000
"""Characters."""
DEEPEST = 40
_OPENING, _CLOSING = "${{", "}}"
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?))|'(?P<text>(?:[^']|'')*)'"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|(?P<sign>&&|\|\||==|!=|<=|>=|[!<>()\[\].,*]))"
)
_ALWAYS = frozenset({True})
_BOTH = frozenset({True, False})
_STATUS: dict[str, frozenset[Value]] = {"always": _ALWAYS, "success": _ALWAYS, "failure": _BOTH, "cancelled": _BOTH}
"""A job may fail and may be cancelled: both come in life, so both are possible, not unknown."""
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">="))
"""The signs between two values, those that bind least first."""
_LOGIC = {"||": values.either, "&&": values.both}

Lookup: TypeAlias = Callable[[str], Set]
"""From ``github.ref``, in lower case, to what it may be."""


class Truth(Enum):
    """What a condition may come to."""

    NEVER = "never"
    POSSIBLE = "possible"
    UNDECIDED = "undecided"


class NoExpression(ValueError):
    """A text that GitHub would refuse as an expression."""


def condition(text: str, lookup: Lookup) -> Truth:
    """Return whether ``if: text`` may be true. A text that is no expression is undecided."""
    bare = text.strip()
    whole = bare.startswith(_OPENING) and bare.find(_CLOSING) == len(bare) - len(_CLOSING)
    if not whole and _OPENING in text:
        return Truth.POSSIBLE  # GitHub formats it to a text, and a text that is not empty is true.
    return truth(_evaluated(bare[len(_OPENING) : -len(_CLOSING)] if whole else text, lookup))


def truth(possible: Set) -> Truth:
    """Return what a set of values comes to where a truth is asked for."""
    if any(value is not UNKNOWN and values.truthy(value) for value in possible):
        return Truth.POSSIBLE
    return Truth.UNDECIDED if UNKNOWN in possible else Truth.NEVER


def texts(text: str, lookup: Lookup) -> Set:
    """Return what a text with ``${{ }}`` in it may become: texts, and UNKNOWN."""
    parts: list[Set] = []
    end = 0
    while (start := text.find(_OPENING, end)) >= 0 and (stop := text.find(_CLOSING, start)) >= 0:
        parts += [frozenset({text[end:start]}), _evaluated(text[start + len(_OPENING) : stop], lookup)]
        end = stop + len(_CLOSING)
        if len(parts) > values.MOST:
            return frozenset({UNKNOWN})
    parts.append(frozenset({text[end:]}))
    if not 0 < math.prod(map(len, parts)) <= values.MOST:
        return frozenset({UNKNOWN})
    return values.bounded(_together([word for word in words if word != ""]) for words in product(*parts))


def _together(words: list[Value]) -> Value:
    """Return words as one text. One that is only named stays that alone; within another text nobody knows it."""
    if len(words) == 1 and isinstance(words[0], Named):
        return words[0]
    if any(word is UNKNOWN or isinstance(word, Named) for word in words):
        return UNKNOWN
    return "".join(values.shown(word) for word in words)


def _evaluated(text: str, lookup: Lookup) -> Set:
    try:
        return _Parser(text, lookup).whole()
    except NoExpression:
        return frozenset({UNKNOWN})


def _tokens(text: str) -> list[tuple[str, str]]:
    """Return kinds and texts; the last one's kind is "end"."""
    if len(text) > LONGEST:
        raise NoExpression("too long")
    tokens: list[tuple[str, str]] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise NoExpression(f"not understood: {text[at : at + 20]!r}")
        kind = str(match.lastgroup)
        tokens.append((kind, match[kind]))
        at = match.end()
    return [*tokens, ("end", "")]


class _Parser:
    """Reads and evaluates at once: nothing that it calls has an effect. Raises NoExpression."""

    def __init__(self, text: str, lookup: Lookup) -> None:
        self.tokens = _tokens(text)
        self.lookup = lookup
        self.at = 0
        self.depth = 0

    def whole(self) -> Set:
        result = self._nested()
        self._take("end", "something follows the expression")
        return result

    def _sign(self, *signs: str) -> str:
        """Take one of these signs, or nothing ("")."""
        kind, text = self.tokens[self.at]
        if kind != "sign" or text not in signs:
            return ""
        self.at += 1
        return text

    def _must(self, sign: str) -> None:
        if not self._sign(sign):
            raise NoExpression(f"{sign} is missing")

    def _take(self, kinds: str, otherwise: str) -> tuple[str, str]:
        """Take a token of one of these kinds."""
        token = self.tokens[self.at]
        if token[0] not in kinds.split("|"):
            raise NoExpression(otherwise)
        self.at += 1
        return token

    def _nested(self) -> Set:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NoExpression("nested too deeply")
        value = self._operation(0)
        self.depth -= 1
        return value

    def _operation(self, level: int) -> Set:
        if level == len(_LEVELS):
            return self._negated()
        left = self._operation(level + 1)
        while sign := self._sign(*_LEVELS[level]):
            right = self._operation(level + 1)
            left = _LOGIC[sign](left, right) if sign in _LOGIC else values.compare(sign, left, right)
        return left

    def _negated(self) -> Set:
        count = 0
        while self._sign("!"):
            count += 1
        value = self._value()
        for _ in range(count):
            value = values.negated(value)
        return value

    def _value(self) -> Set:
        if self._sign("("):
            value = self._nested()
            self._must(")")
            return self._below(value)
        kind, text = self._take("text|number|name", "a value is missing")
        if kind == "text":
            return frozenset({text.replace("''", "'")})
        if kind == "number":
            return frozenset({Number(float(int(text, 0) if "x" in text else text))})
        return self._named(text.lower())

    def _named(self, name: str) -> Set:
        if name in _CONSTANTS:
            return frozenset({_CONSTANTS[name]})
        if self._sign("("):
            return self._below(self._called(name))
        path, known = name, True
        while sign := self._sign(".", "["):
            step = self._step(sign)
            known = known and step is not None
            path = f"{path}.{step}"
        return self.lookup(path) if known else frozenset({UNKNOWN})

    def _step(self, sign: str) -> str | None:
        """Take what follows a dot or a bracket; None where only a run would know it."""
        if sign == ".":
            if self._sign("*"):
                return None
            return self._take("name", "a name is missing after the dot")[1].lower()
        if self._sign("*"):
            self._must("]")
            return None
        index = self._nested()
        self._must("]")
        only = next(iter(index)) if len(index) == 1 else None
        return only.lower() if isinstance(only, str) else None

    def _below(self, value: Set) -> Set:
        """Return what stands below a value that is no context: nobody here knows it."""
        while sign := self._sign(".", "["):
            self._step(sign)
            value = frozenset({UNKNOWN})
        return value

    def _called(self, name: str) -> Set:
        given: list[Set] = []
        while not self._sign(")"):
            if given:
                self._must(",")
            given.append(self._nested())
        return _STATUS[name] if name in _STATUS else values.call(name, given)
