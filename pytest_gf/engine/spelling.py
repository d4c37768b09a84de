"""Where a secret stands in a text, however it is spelt: texts are compared after escapes, spaces and quotes are gone."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FRAGMENT = 8
"""Characters. A secret that somebody's truncation cut in two is struck out where at least about this much is left."""
ROUNDS = 4
"""How often escapes are decoded: percent in HTML in JSON takes three. Repeated ones (``%2525``) are decoded at once."""
_LEAST = 6
"""A secret with fewer characters left after that is looked for as it is spelt."""

_ESCAPE = re.compile(
    rb"%(?:25)*(?P<percent>[0-9A-Fa-f]{2})"
    rb"|&(?:amp;)*(?P<entity>#[0-9]{1,8};?|#[xX][0-9A-Fa-f]{1,8};?|[A-Za-z][A-Za-z0-9]{1,31};?)"
    rb"|\\\\*(?:x(?P<byte>[0-9A-Fa-f]{2})|u\{(?P<braced>[0-9A-Fa-f]{1,6})\}"
    rb"|u(?P<short>[0-9A-Fa-f]{4})|U(?P<long>[0-9A-Fa-f]{8})|(?P<octal>[0-3][0-7]{2})|(?P<letter>[abefnrtv])|(?P<any>.))",
    re.DOTALL,
)
_DROPPED = b" \t\r\n\v\f\0\a\b\x1b\"'`\\"
"""What may stand between the characters of a secret: white space, quotes, what is left of escapes."""
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_AS_BASE64 = bytes.maketrans(b"-_", b"+/")
_NO_HEX = bytes(byte for byte in range(256) if byte not in b"0123456789abcdef")
_NO_BASE64 = bytes(byte for byte in range(256) if byte not in _BASE64 + b"-_" + b"=")
_HEX_PREFIX = re.compile(rb"0[" + re.escape(_DROPPED) + rb"]*x")
_View = tuple[bytes, bytes, tuple[bytes, ...], int]
_HIGHEST = 0x10FFFF


@dataclass(frozen=True)
class Needles:
    """What is looked for: ``raw`` in the text as it is, the others in what is left of it."""

    raw: tuple[bytes, ...] = ()
    plain: tuple[bytes, ...] = ()
    base64: tuple[bytes, ...] = ()
    hex: tuple[bytes, ...] = ()
    fragments: tuple[bytes, ...] = ()
    """All parts of ``plain`` that have `FRAGMENT` characters."""
    probes: tuple[bytes, ...] = ()
    """Some of them, so chosen that a part of `FRAGMENT` and a few more characters holds one of them."""

    @staticmethod
    def of(secrets: Iterable[str]) -> Needles:
        """Return what these secrets are found by."""
        raw: set[bytes] = set()
        plain: set[bytes] = set()
        encoded: set[bytes] = set()
        hexed: set[bytes] = set()
        for secret in secrets:
            data = _bytes(secret)
            bare = {_bare(_decoded(_bytes(form))) for form in _texts(secret)}
            raw |= {data} | (_spellings(secret) if min(map(len, bare)) < _LEAST else set())
            plain |= {form for form in bare if len(form) >= _LEAST}
            encoded |= set(_base64_cores(data))
            hexed.add(data.hex().encode())
        fragments = {part for form in plain for part in _parts(form, 1)}
        probes = {part for form in plain for part in _parts(form, 4)}
        return Needles(*map(tuple, (raw, plain, encoded, hexed, fragments, probes)))


def strike(text: str, needles: Needles, mark: str) -> str:
    """Return the text with ``mark`` in the place of every secret."""
    data = _bytes(text)
    decoded = _decoded(data)
    if not _is_in(data, decoded, needles):
        return text
    merged: list[list[int]] = []
    for start, end in sorted(_regions(data, needles)):
        while start > 0 and data[start] & 0xC0 == 0x80:  # noqa: PLR2004  # In the middle of a character of UTF-8.
            start -= 1  # noqa: PLW2901
        while end < len(data) and data[end] & 0xC0 == 0x80:  # noqa: PLR2004
            end += 1  # noqa: PLW2901
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    kept, position = b"", 0
    for start, end in merged:
        kept += data[position:start] + mark.encode()
        position = end
    return (kept + data[position:]).decode("utf-8", "surrogatepass")


def _is_in(data: bytes, decoded: bytes, needles: Needles) -> bool:
    if any(needle in data for needle in needles.raw):
        return True
    for text, dropped, wanted, _ in _views(decoded, needles, needles.probes):
        rest = text.translate(None, dropped)
        if any(needle in rest for needle in wanted):
            return True
    return False


def _views(decoded: bytes, needles: Needles, parts: tuple[bytes, ...]) -> Iterator[_View]:
    """Yield what is looked through: a text of the same length, the bytes that are dropped from it, and what is looked for in the rest.

    The last is how many characters before and after one hold bits of it.
    """
    yield decoded, _DROPPED, (*needles.plain, *parts), 0
    yield _HEX_PREFIX.sub(lambda match: b" " * len(match[0]), decoded.lower()), _NO_HEX, needles.hex, 0
    yield decoded.translate(_AS_BASE64), _NO_BASE64, needles.base64, 2


def _regions(data: bytes, needles: Needles) -> Iterator[tuple[int, int]]:
    """Yield the bytes of the text that spell a secret, from and to."""
    for needle in needles.raw:
        yield from ((start, start + len(needle)) for start in _places(data, needle))
    decoded, spans = _decoded_with_spans(data)
    for text, dropped, wanted, more in _views(decoded, needles, needles.fragments):
        kept = [index for index, byte in enumerate(text) if byte not in dropped]
        rest = bytes(text[index] for index in kept)
        for needle in wanted:
            for place in _places(rest, needle):
                first, last = max(0, place - more), min(len(kept), place + len(needle) + more) - 1
                yield spans[kept[first]][0], spans[kept[last]][1]


def _places(view: bytes, needle: bytes) -> Iterator[int]:
    place = view.find(needle)
    while place >= 0:
        yield place
        place = view.find(needle, place + 1)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _bare(decoded: bytes) -> bytes:
    return decoded.translate(None, _DROPPED)


def _decoded(data: bytes) -> bytes:
    for _ in range(ROUNDS):
        if b"%" not in data and b"&" not in data and b"\\" not in data:
            break
        after = _ESCAPE.sub(_character, data)
        if after == data:
            break
        data = after
    return data


def _decoded_with_spans(data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the decoded text, and of each of its bytes where it began and ended."""
    spans = list(zip(range(len(data)), range(1, len(data) + 1), strict=True))
    for _ in range(ROUNDS):
        pieces: list[bytes] = []
        after: list[tuple[int, int]] = []
        position = 0
        for match in _ESCAPE.finditer(data):
            character = _character(match)
            pieces += [data[position : match.start()], character]
            after += spans[position : match.start()]
            after += [(spans[match.start()][0], spans[match.end() - 1][1])] * len(character)
            position = match.end()
        if not pieces:
            break
        data = b"".join(pieces) + data[position:]
        spans = after + spans[position:]
    return data, spans


def _character(match: re.Match[bytes]) -> bytes:
    """Return what an escape stands for."""
    kind, escaped = str(match.lastgroup), match[str(match.lastgroup)]
    if kind in {"percent", "byte"}:
        return bytes([int(escaped, 16)])
    if kind == "entity":
        return _bytes(html.unescape(f"&{escaped.decode()}"))
    if kind == "octal":
        return bytes([int(escaped, 8)])
    if kind == "letter":
        return b" "
    if kind == "any":
        return escaped
    code = int(escaped, 16)
    return _bytes(chr(code)) if code <= _HIGHEST else b"?"


def _texts(secret: str) -> set[str]:
    """Return the secret in spellings that decode to other bytes: as ASCII, as JSON, with ``+`` for spaces, with escapes split."""
    split = {" ".join(secret), re.sub(r"([%&\\])", r"\1 ", secret)}
    return {secret, ascii(secret)[1:-1], json.dumps(secret)[1:-1], secret.replace(" ", "+"), *split}


def _spellings(secret: str) -> set[bytes]:
    quoted = {urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), html.escape(secret)}
    return {_bytes(spelling) for spelling in quoted | {json.dumps(secret)[1:-1], repr(secret)[1:-1]}}


def _base64_cores(data: bytes) -> Iterator[bytes]:
    """Yield what the base 64 of any bytes with these in them holds, whatever stands before and after them."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + data)
        core = encoded[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
        if len(core) > _LEAST:
            yield core


def _parts(form: bytes, step: int) -> set[bytes]:
    if len(form) <= FRAGMENT:
        return set()
    return {form[start : start + FRAGMENT] for start in range(0, len(form) - FRAGMENT + 1, step)}
