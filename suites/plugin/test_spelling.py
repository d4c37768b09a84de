"""A secret is struck out however it is spelt, nothing else is, and that costs little."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import time
import urllib.parse
from collections.abc import Callable
from xml.sax import saxutils

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_gf.engine.redaction import MARK, Redactor
from pytest_gf.engine.spelling import Needles

printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=48)


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def escaped(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def based(text: str, before: str, encode: Callable[[bytes], bytes] = base64.b64encode) -> str:
    return encode(f"{before}{text}:after".encode()).decode()


TEXT: dict[str, Callable[[str], str]] = {
    "itself": str,
    "percent": escaped,
    "percent-every": percent,
    "percent-lower": lambda text: percent(text).lower(),
    "percent-twice": lambda text: escaped(percent(text)),
    "percent-deep": lambda text: escaped(escaped(escaped(text))),
    "plus": urllib.parse.quote_plus,
    "html": html.escape,
    "html-decimal": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "html-hex": lambda text: "".join(f"&#x{ord(character):X};" for character in text),
    "html-padded": lambda text: "".join(f"&#{ord(character):05};" for character in text),
    "html-twice": lambda text: html.escape(html.escape(text)),
    "xml": saxutils.quoteattr,
    "json": json.dumps,
    "json-every": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "json-twice": lambda text: json.dumps(json.dumps(text)),
    "json-slash": lambda text: json.dumps(text).replace("/", "\\/"),
    "python": repr,
    "python-hex": lambda text: "".join(f"\\x{ord(character):02x}" for character in text),
    "python-octal": lambda text: "".join(f"\\{ord(character):03o}" for character in text),
    "shell": shlex.quote,
    "shell-backslash": lambda text: re.sub(r"([^A-Za-z0-9])", r"\\\1", text),
    "split": lambda text: "\n  ".join(text[start : start + 5] for start in range(0, len(text), 5)),
    "spaced": " ".join,
}
CODED: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64-pair": lambda text: based(text, "AKIAKEY:"),
    "base64-1": lambda text: based(text, "x"),
    "base64-2": lambda text: based(text, "xy"),
    "base64-url": lambda text: based(text, "x", base64.urlsafe_b64encode).rstrip("="),
    "base64-lines": lambda text: base64.encodebytes(b"x" * 40 + text.encode() + b"y" * 40).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex-upper": lambda text: text.encode().hex().upper(),
    "hex-colons": lambda text: text.encode().hex(":").upper(),
    "hex-spaces": lambda text: text.encode().hex(" "),
    "hex-0x": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
}
WAYS = {name: (spell,) for name, spell in (TEXT | CODED).items()} | {
    f"{outer}-of-{inner}": (TEXT[outer], CODED[inner]) for outer in TEXT for inner in CODED
}


def spelt(secret: str, way: str) -> str:
    for spell in reversed(WAYS[way]):
        secret = spell(secret)
    return secret


@settings(max_examples=25, deadline=None)
@given(
    secret=printable,
    before=st.sampled_from(["", "x=", "said: ", "{'a': '"]),
    after=st.sampled_from(["", "&b=1", " end", "\n"]),
)
def test_however_a_secret_is_spelt_nothing_of_it_is_left(secret: str, before: str, after: str) -> None:
    assume(Needles.of([secret]).plain)  # Of ``%%%%\\\\rn`` nothing is left without its escapes; see below.
    assume(len(set(secret)) > 4)
    redactor = Redactor()
    redactor.learn([secret])
    assume(not redactor.shows(MARK))  # A secret such as ``"redacte`` stands in what it is replaced by.
    for way in WAYS:
        form = spelt(secret, way)
        clean = redactor.redact(f"{before}{form}{after}")
        assert MARK in clean, way
        assert redactor.shows(form), way
        left = clean.replace(before, "").replace(after, "").replace(MARK, "")
        assert not redactor.shows(clean), way
        bound = {"base64-lines": 10_000, "base64-pair": 400, "base64-1": 120, "base64-2": 120}.get(
            way.rpartition("-of-")[2], 60
        )  # What stands around it stays.
        assert len(left) <= bound, (way, clean)


@pytest.mark.parametrize(
    "secret", ['""""""""', "%%%%%%%%", "\\" * 8, "'" * 10, "&&&&&&&&", "a'\"\\%&b", "&amp;&lt", "%41%42%4"]
)
def test_a_secret_of_nothing_but_escapes(secret: str) -> None:
    redactor = Redactor()
    redactor.learn([secret])
    for text in (secret, json.dumps(secret)[1:-1], escaped(secret), html.escape(secret)):
        clean = redactor.redact(f"a {text} z")
        assert text not in clean
        assert MARK in clean
    assert redactor.redact("plain text stays") == "plain text stays"


@given(printable, st.text(max_size=60))
def test_what_is_clean_stays(secret: str, text: str) -> None:
    redactor = Redactor()
    redactor.learn([secret])
    clean = redactor.redact(f"{text}{secret}{text}")
    assert redactor.redact(clean) == clean
    assert secret not in clean.replace(MARK, "")


def test_only_the_secret_goes() -> None:
    redactor = Redactor()
    redactor.learn(["s3cr3t/with+signs="])
    assert redactor.redact("a b, s3cr3t%2Fwith%2Bsigns%3D, c") == f"a b, {MARK}, c"
    assert redactor.redact("ä s3cr3t\\/with+signs= ö") == f"ä {MARK} ö"
    assert redactor.redact("100 % of a & b \\ c &amp; d") == "100 % of a & b \\ c &amp; d"
    assert redactor.redact("two s3cr3t/with+signs=s3cr3t/with+signs=") == f"two {MARK}"


@pytest.mark.parametrize("spell", [ascii, json.dumps, escaped, repr])
def test_a_secret_that_is_not_ascii(spell: Callable[[str], str]) -> None:
    redactor = Redactor()
    secret = "pässwörd-日本-\U0001f511"
    redactor.learn([secret])
    assert redactor.redact(f"a {spell(secret)} b").replace("'", "").replace('"', "") == f"a {MARK} b"


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("GET /api/v1/namespaces/rustfs/pods?limit=100 answered 200 in 0.012 s; next: look at the log.\n" * 12, 0.1),
        ("%25%32%35&amp;amp;#x41;\\\\x41" * 40, 1.0),
        ("s3cr3t-that-is-long-0123456789 " * 34, 4.0),
        ("cr3t-that-is " * 80, 4.0),
    ],
    ids=["ordinary", "escapes", "secrets", "fragments"],
)
def test_what_redaction_costs(text: str, most: float) -> None:
    """Milliseconds of the processor a kilobyte: four times what Pythons 3.11 to 3.14 take where two cores are shared by many."""
    redactor = Redactor()
    redactor.learn([f"s3cr3t-that-is-long-012345678{number}" for number in range(6)])
    kilobytes = len(text.encode()) / 1024

    def milliseconds() -> float:
        begun = time.thread_time()
        redactor.redact(text)
        return (time.thread_time() - begun) * 1000 / kilobytes

    assert min(milliseconds() for _ in range(25)) <= most
