"""Addresses in a state, parsed as OpenTofu's reader parses them (internal/addrs, HCL traversals); what is no address is refused.

Only whether an address is one, and its canonical form, matter here: no address is ever shown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from pytest_gf.honey.formats.gojson import TypeWrong

Key = str | int | None
REGISTRY = "registry.opentofu.org"
CHECKABLE = {"resource": "", "output": "output", "check": "check", "var": "var"}
"""What OpenTofu keeps check results of, and the word that such an address has; results of another kind are left out."""

_TOKEN = re.compile(
    r"""(?P<space>[ \t]+|\r?\n|(?:\#|//)[^\n]*\n?|/\*.*?\*/)"""
    r"""|(?P<dot>\.)|(?P<open>\[)|(?P<close>\])"""
    r"""|(?P<number>[0-9](?:[0-9.]|[eE][+-]?[0-9])*)"""
    r"""|"(?P<text>(?:[^"\\\r\n]|\\.)*)\""""
    r"""|(?P<name>[^\x00-\x20.\[\]"\#/*]+)""",
    re.DOTALL,
)
_ESCAPE = re.compile(
    r"""\\(?:([nrt"\\])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))|(\$\$\{|%%\{)|(\$\{|%\{)""", re.DOTALL
)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_PART = re.compile(r"[^\W_](?:-?[^\W_])*")
_HOST = re.compile(rf"{_PART.pattern}(?:\.{_PART.pattern})*(?::([0-9]+))?")
_LONGEST_EXPONENT = 30
_SEGMENTS = r"v?([0-9]+(?:\.[0-9]+)*)"
_PRE = r"(?:-[0-9]+[0-9A-Za-z~-]*(?:\.[0-9A-Za-z~-]+)*|-?[A-Za-z~-]+[0-9A-Za-z~-]*(?:\.[0-9A-Za-z~-]+)*)?"
_VERSION = re.compile(rf"{_SEGMENTS}{_PRE}(?:\+[0-9A-Za-z~-]+(?:\.[0-9A-Za-z~-]+)*)?")
"""What hashicorp/go-version takes."""


class Step(NamedTuple):
    """A name, or an index in brackets."""

    name: str
    at: str | Decimal | None = None


class Module(NamedTuple):
    """A call of a module."""

    name: str
    key: Key


def traversal(text: str) -> list[Step]:
    """Return the steps of an address. Raises TypeWrong."""
    tokens = _tokens(text.removeprefix("\ufeff"))
    if not tokens or tokens[0][0] != "name":
        raise TypeWrong("an address begins with no name")
    steps = [Step(tokens[0][1])]
    at = 1
    while at < len(tokens):
        kinds = [kind for kind, _ in tokens[at : at + 3]]
        if kinds[:2] == ["dot", "name"]:
            steps.append(Step(tokens[at + 1][1]))
            at += 2
        elif kinds == ["open", "number", "close"]:
            steps.append(Step("", _number(tokens[at + 1][1])))
            at += 3
        elif kinds == ["open", "text", "close"]:
            steps.append(Step("", _quoted(tokens[at + 1][1])))
            at += 3
        else:
            raise TypeWrong("an address has something between its names")
    return steps


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise TypeWrong("an address has a character that none has")
        kind, value = token.lastgroup, token[token.lastgroup]
        if kind == "name" and not is_name(value):
            raise TypeWrong("an address has a character that no name has")
        if kind != "space":
            tokens.append((kind, value))
        at = token.end()
    return tokens


def is_name(text: str) -> bool:
    """Return whether HCL takes a text for an identifier."""
    return text[:1] != "-" and text.replace("-", "_").isidentifier()


def is_version(text: str) -> bool:
    """Return whether a version's text is one for OpenTofu."""
    version = _VERSION.fullmatch(text)
    return version is not None and all(int(part[-20:]) < 2**63 for part in version[1].split("."))


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise TypeWrong("an address has an index that is no number") from None


def _quoted(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        letter, short, long, _, doubled, template = match.groups()
        if letter:
            return _PLAIN[letter]
        if doubled:
            return doubled[1:]
        code = int(short or long or "110000", 16)
        if template or code >= 0x110000:  # noqa: PLR2004  # The end of Unicode.
            raise TypeWrong("an address has a key that is no plain text")
        return "\N{REPLACEMENT CHARACTER}" if 0xD800 <= code < 0xE000 else chr(code)  # noqa: PLR2004  # Surrogates.

    return unicodedata.normalize("NFC", _ESCAPE.sub(plain, text))


def _key(index: str | Decimal | None) -> Key:
    if not isinstance(index, Decimal):
        return index
    if index.adjusted() > _LONGEST_EXPONENT or index != index.to_integral_value() or not -(2**63) <= index < 2**63:
        raise TypeWrong("an address has an index that is no whole number")
    return int(index)


def _split(steps: Sequence[Step]) -> tuple[list[Module], list[Step]]:
    """Return the modules at the beginning of an address, and what follows."""
    rest, modules = list(steps), list[Module]()
    while rest:
        if rest[0].at is not None:
            raise TypeWrong("an address has an index where a name should be")
        if rest[0].name != "module":
            break
        if len(rest) == 1 or rest[1].at is not None:
            raise TypeWrong("an address names no module after 'module'")
        name, rest = rest[1].name, rest[2:]
        key = None
        if rest and rest[0].at is not None:
            key, rest = _key(rest[0].at), rest[1:]
        modules.append(Module(name, key))
    return modules, rest


def module(text: str) -> tuple[Module, ...]:
    """Return the address of a module instance. Raises TypeWrong."""
    modules, rest = _split(traversal(text))
    if rest:
        raise TypeWrong("a module's address is followed by something else")
    return tuple(modules)


def resource(text: str) -> None:
    """Refuse what is no address of a resource, as dependencies have it. Raises TypeWrong."""
    if _resource(_split(traversal(text))[1]) is not None:
        raise TypeWrong("a dependency is no resource, it is an instance")


def _resource(rest: list[Step]) -> Key:
    """Return the key of a resource instance's address below its module."""
    if rest and rest[0].name in {"data", "ephemeral"}:
        rest = rest[1:]
    if len(rest) < 2 or rest[0].at is not None or rest[1].at is not None:  # noqa: PLR2004  # Type and name.
        raise TypeWrong("a resource's address has no type and name")
    if len(rest) == 2:  # noqa: PLR2004  # As above.
        return None
    if len(rest) > 3 or rest[2].at is None:  # noqa: PLR2004  # And a key.
        raise TypeWrong("a resource's address is followed by something else")
    return _key(rest[2].at)


def checkable(kind: str, text: str, *, config: bool) -> None:
    """Refuse what is no address of a checkable object; one of the configuration has no keys. Raises TypeWrong."""
    modules, rest = _split(traversal(text))
    word, key = CHECKABLE[kind], None
    if not word:
        key = _resource(rest)
    elif len(rest) != 2 or rest[0].name != word or rest[1].at is not None:  # noqa: PLR2004  # The word and a name.
        raise TypeWrong(f"an address of check results is no {word}'s")
    if config and (key is not None or any(call.key is not None for call in modules)):
        raise TypeWrong("an address of check results has a key")


def provider(text: str, *, instance: bool = False) -> tuple[object, ...]:
    """Return a provider configuration's address; in an instance's a key may follow. Raises TypeWrong."""
    modules, rest = _split(traversal(text))
    if any(call.key is not None for call in modules):
        raise TypeWrong("a provider's address lies in a module with a key")
    if not 2 <= len(rest) <= 4 or rest[0].name != "provider" or not isinstance(rest[1].at, str):  # noqa: PLR2004  # Its parts.
        raise TypeWrong("a provider's address is not valid")
    name = _source(rest[1].at)
    if any(step.at is not None for step in rest[2:3]):
        raise TypeWrong("a provider's address has no alias before its key")
    for step in rest[3:]:
        if not instance or step.at is None:
            raise TypeWrong("a provider's address is followed by something else")
        _key(step.at)
    return (*modules, name, *rest[2:3])


def legacy_provider(text: str) -> tuple[object, ...]:
    """Return a provider's address as Terraform 0.12 wrote it. Raises TypeWrong."""
    modules, rest = _split(traversal(text))
    named = len(rest) in {2, 3} and rest[0].name == "provider" and all(step.at is None for step in rest)
    if not named or any(call.key is not None for call in modules):
        raise TypeWrong("a provider's address is not valid")
    return (*modules, *rest)


def _source(text: str) -> str:
    """Return a provider's source in full."""
    parts = text.split("/")
    if len(parts) > 3 or "" in parts:  # noqa: PLR2004  # Host, namespace, name.
        raise TypeWrong("a provider's source is not valid")
    name, namespace, host = [*reversed(parts), *(["hashicorp", REGISTRY][len(parts) - 1 :])]
    legacy = namespace == "-" and host == REGISTRY
    at = _HOST.fullmatch(host)
    named = _PART.fullmatch(name) and (legacy or _PART.fullmatch(namespace))
    if not named or at is None or int(at[1] or 0) > 65535:  # noqa: PLR2004  # The last port.
        raise TypeWrong("a provider's source has characters that none has")
    if (len(parts) > 1 and name.lower().startswith(("terraform-", "opentofu-"))) or any(
        label.lower().startswith("xn--") for label in host.split(".")
    ):
        raise TypeWrong("a provider's source has a prefix that none may have")
    return f"{host}/{namespace}/{name}".lower()
