"""How a secret is looked for, piece by piece: each escape, each needle, each place in the text."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse

import pytest

from pytest_gf.engine import spelling
from pytest_gf.engine.redaction import MARK, SHORTEST, Redactor
from pytest_gf.engine.spelling import Needles, strike

SECRET = "s3cr3t/with+signs="


@pytest.mark.parametrize(
    ("text", "means"),
    [
        (b"%41", b"A"),
        (b"%2541", b"A"),
        (b"%252541%2f", b"A/"),
        (b"%" + b"25" * 9 + b"41", b"A"),
        (b"&" + b"amp;" * 9 + b"lt;", b"<"),
        (b"\\" * 40 + b"x41", b"A"),
        (b"%4", b"%4"),
        (b"&lt;", b"<"),
        (b"&lt", b"<"),
        (b"&amp;lt;&amp;amp;amp;quot;", b'<"'),
        (b"&#65;&#x41;&#X41;&#0065;&amp;#65;", b"AAAAA"),
        (b"&zz;", b"&zz;"),
        (b"&#x1F511;", "\U0001f511".encode()),
        (b"\\x41\\u0041\\U00000041\\u{41}\\u{000041}\\101", b"AAAAAA"),
        (b"\\\\x41\\\\\\\\x41", b"AA"),
        (b"\\n\\t\\a\\v", b"    "),
        (b'\\q\\/\\"', b'q/"'),
        (b"\\U0010FFFF", "\U0010ffff".encode()),
        (b"\\U00110000", b"?"),
        (b"\\u{110000}", b"?"),
        (b"\\ud83d", "\ud83d".encode("utf-8", "surrogatepass")),
        (b"\\%41", b"A"),
        (b"plain & 100 % \\", b"plain & 100 % \\"),
    ],
)
def test_what_each_escape_stands_for(text: bytes, means: bytes) -> None:
    assert spelling._decoded(text) == means
    decoded, spans = spelling._decoded_with_spans(text)
    assert decoded == means
    assert len(spans) == len(means)


def test_escapes_are_decoded_four_times() -> None:
    text = b"A"
    for _ in range(4):
        text = b"".join(b"&#%d;" % byte for byte in text)
    assert spelling._decoded(text) == b"A"
    assert spelling._decoded_with_spans(text) == (b"A", [(0, len(text))])
    deeper = b"".join(b"&#%d;" % byte for byte in text)
    assert spelling._decoded(deeper) == b"&#65;"
    assert spelling._decoded_with_spans(deeper)[0] == b"&#65;"


def test_where_each_decoded_byte_came_from() -> None:
    assert spelling._decoded_with_spans(b"a%41b&amp;#233;") == (
        "aAb\xe9".encode(),
        [(0, 1), (1, 4), (4, 5), (5, 15), (5, 15)],
    )
    assert spelling._decoded_with_spans(b"ab") == (b"ab", [(0, 1), (1, 2)])
    assert spelling._decoded_with_spans(b"x%2526%23%36%35%3By") == (
        b"xAy", [(0, 1), (1, 18), (18, 19)],
    )  # fmt: skip


def test_what_a_secret_is_looked_for_by() -> None:
    needles = Needles.of(["abcdefgh"])
    assert needles.raw == (b"abcdefgh",)
    assert needles.plain == (b"abcdefgh",)
    assert needles.hex == (b"6162636465666768",)
    assert needles.probes == ()
    assert needles.fragments == ()
    assert set(needles.base64) == {b"YWJjZGVmZ2", b"FiY2RlZmdo", b"hYmNkZWZna"}
    assert Needles.of([]) == Needles()


def test_a_secret_with_signs_is_looked_for_by_what_is_left_of_it() -> None:
    needles = Needles.of(["ab 'cd' ef"])
    assert set(needles.plain) == {b"abcdef", b"ab+cd+ef"}
    assert needles.raw == (b"ab 'cd' ef",)
    short = Needles.of(["ab 'cd'"])
    assert short.plain == ()
    assert set(short.raw) == {b"ab 'cd'", b"ab%20%27cd%27", b"ab+%27cd%27", b"ab &#x27;cd&#x27;"}


def test_the_spellings_of_a_secret_that_is_little_but_signs() -> None:
    assert spelling._spellings('a"<\n') == {
        urllib.parse.quote('a"<\n', safe="").encode(),
        html.escape('a"<\n').encode(),
        json.dumps('a"<\n')[1:-1].encode(),
        b'a"<\\n',
    }
    assert spelling._spellings("a b/") == {b"a%20b%2F", b"a+b%2F", b"a b/"}


def test_a_secret_in_texts_that_decode_to_other_bytes() -> None:
    assert spelling._texts("a b%c") == {"a b%c", "a+b%c", "a   b % c", "a b% c"}
    assert spelling._texts("\xe9\\") == {"\xe9\\", "\\xe9\\\\", "\\u00e9\\\\", "\xe9 \\", "\xe9\\ "}
    assert spelling._texts("a&b") == {"a&b", "a & b", "a& b"}


def test_parts_of_a_secret() -> None:
    assert spelling._parts(b"12345678", 1) == set()
    assert spelling._parts(b"123456789", 1) == {b"12345678", b"23456789"}
    assert spelling._parts(b"1234567890123", 4) == {b"12345678", b"56789012"}
    assert spelling._parts(b"123456789012", 4) == {b"12345678", b"56789012"}


@pytest.mark.parametrize("offset", [0, 1, 2])
@pytest.mark.parametrize("secret", [b"abcdefgh", b"abcdefghi", b"abcdefghij"])
def test_the_core_of_base_64_stands_in_every_encoding(offset: int, secret: bytes) -> None:
    core = list(spelling._base64_cores(secret))[offset]
    for before in (b"\xff" * offset, b"z" * (offset + 3)):
        for after in (b"", b"\xff", b"\xff\xff", b"zzz"):
            assert core in base64.b64encode(before + secret + after)
    whole = base64.b64encode(b"\0" * offset + secret)
    assert len(core) >= len(whole.rstrip(b"=")) - 4, "no more is left out than what depends on its neighbours"


def test_cores_that_are_too_short_find_nothing_else() -> None:
    assert list(spelling._base64_cores(b"abcd")) == []
    assert [len(core) for core in spelling._base64_cores(b"abcdef")] == [8, 7, 7]
    assert [len(core) for core in spelling._base64_cores(b"abcde")] == []


def test_places_overlap() -> None:
    assert list(spelling._places(b"aaaa", b"aa")) == [0, 1, 2]
    assert list(spelling._places(b"abcab", b"ab")) == [0, 3]
    assert list(spelling._places(b"abc", b"x")) == []


def test_what_stands_around_base_64_goes_too() -> None:
    def regions(needles: Needles) -> list[tuple[int, int]]:
        return list(spelling._regions(b"abcdefgh", needles))

    assert regions(Needles(plain=(b"de",))) == [(3, 5)]
    assert regions(Needles(base64=(b"de",))) == [(1, 7)]
    assert regions(Needles(base64=(b"ab",))) == [(0, 4)]
    assert regions(Needles(base64=(b"gh",))) == [(4, 8)]


def struck(text: str, *secrets: str) -> str:
    return strike(text, Needles.of(secrets), "#")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("nothing", "nothing"),
        (f"a {SECRET} b", "a # b"),
        (SECRET, "#"),
        (f"{SECRET}{SECRET}", "#"),
        (f"{SECRET} {SECRET}", "# #"),
        (f"é{SECRET}é", "é#é"),
        (f"\U0001f511{SECRET}\U0001f511", "\U0001f511#\U0001f511"),
        (f"a {SECRET.encode().hex()} b", "a # b"),
        (f"a {SECRET.encode().hex(':').upper()} b", "a # b"),
        ("a " + ", ".join(f"0x{byte:02x}" for byte in SECRET.encode()) + " b", "a 0x# b"),
        (f"some [{base64.b64encode(SECRET.encode()).decode()}] text", "so#xt"),
        (f"a {urllib.parse.quote(SECRET, safe='')} b", "a # b"),
        (f"a {' '.join(SECRET)} b", "a # b"),
        ("a s3cr3t/wit b", "a # b"),
        ("a s3cr3t/wi b", "a # b"),
        ("a s3cr3t/w b", "a # b"),
        ("a s3cr3t/ b", "a s3cr3t/ b"),
        ("a with+signs= b", "a # b"),
    ],
)
def test_only_the_spelt_secret_is_struck_out(text: str, left: str) -> None:
    assert struck(text, SECRET) == left


@pytest.mark.parametrize("between", list(" \t\r\n\v\f\0\a\b\x1b\"'`\\"))
def test_what_may_stand_between_the_characters_of_a_secret(between: str) -> None:
    assert struck(f"a {between.join('S3CR3TXYZ')} b", "S3CR3TXYZ") == "a # b"


def test_a_secret_too_short_for_parts_is_found_when_it_is_escaped() -> None:
    for text in ("abcd%31234", "abcd&#49;234", "ab cd12 34"):
        assert struck(f"a {text} b", "abcd1234") == "a # b"


def test_both_alphabets_of_base_64() -> None:
    secret = "~~~???>>>~~~"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert struck(f"some: {encode(secret.encode()).decode()}", secret) == "so#"
    assert base64.b64encode(secret.encode()) != base64.urlsafe_b64encode(secret.encode())


def test_a_character_is_never_cut() -> None:
    """A needle in another alphabet's bytes may begin in the middle of a character of the text."""
    needles = Needles(raw=("\xe9\xe8".encode()[1:3],))
    assert strike("a\xe9\xe8b", needles, "#") == "a#b"
    assert strike("\xe9\xe8", needles, "#") == "#"
    assert strike("\ud83dx", Needles(raw=(b"x",)), "#") == "\ud83d#"


def test_regions_that_touch_are_one() -> None:
    needles = Needles(raw=(b"ab", b"bcd", b"ef", b"abcdef"))
    assert strike("xabcdy", needles, "#") == "x#y"
    assert strike("xabefy", needles, "#") == "x#y"
    assert strike("xabyefz", needles, "#") == "x#y#z"
    assert strike("xabcdefy", needles, "#") == "x#y", "the longer one counts"


def test_what_a_redactor_learns() -> None:
    redactor = Redactor()
    assert not redactor.shows("anything")
    redactor.learn(["abc"])
    assert redactor.redact("abc") == "abc", f"shorter than {SHORTEST}"
    redactor.learn(["abcd"])
    assert redactor.redact("abcd") == MARK
    assert redactor.redact("xabcdx") == f"x{MARK}x"
    assert redactor.shows("xabcdx")
    assert not redactor.shows("abc")
    redactor.learn(["efghijkl"])
    assert redactor.redact("abcd, efghijkl.") == f"{MARK}, {MARK}.", "what was learned before is kept"
    known = redactor._needles
    redactor.learn(["abcd", "xy"])
    assert redactor._needles is known, "nothing new is nothing to do"


def test_a_long_secret_is_found_in_a_text_shorter_than_itself() -> None:
    redactor = Redactor()
    redactor.learn(["0123456789abcdef0123456789"])
    assert redactor.redact("23456789ab") == MARK
    assert redactor.redact("234567") == "234567"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("GET https://h/p?token=abc#frag", f"GET https://h/p?{MARK}#frag"),
        ("s3+http://h/p?a=b&c=d 'x'", f"s3+http://h/p?{MARK} 'x'"),
        ("https://h/p?", "https://h/p?"),
        ("postgres://user:pass@db:5432/x", f"postgres://{MARK}@db:5432/x"),
        ("HTTPS://User@H/", f"HTTPS://{MARK}@H/"),
        ("https://h/a@b", "https://h/a@b"),
        ("Authorization: Bearer abc.def", f"Authorization: {MARK}"),
        ("{'authorization': 'Basic QQ==', 'x': 1}", f"{{'authorization': '{MARK}', 'x': 1}}"),
        ("Proxy-Authorization: Basic QQ==\r\nHost: h", f"Proxy-Authorization: {MARK}\r\nHost: h"),
        ('"AUTHORIZATION": b"x y"', f'"AUTHORIZATION": b"{MARK}"'),
        ("Set-Cookie: a=b; Path=/", f"Set-Cookie: {MARK}"),
        ("Cookie=a", f"Cookie={MARK}"),
        ("x-amz-security-token: abc", f"x-amz-security-token: {MARK}"),
        ("X-Amz-Signature=0ab1&x=1", f"X-Amz-Signature={MARK}&x=1"),
        ("X-Amz-Credential=a/b/c X-Amz-Security-Token=t", f"X-Amz-Credential={MARK} X-Amz-Security-Token={MARK}"),
        ("a eyJhbGciOiJI.eyJzdWIiOiIx.abc_-9 b", f"a {MARK} b"),
        ("a eyJhbGciOiJI.eyJzdWIiOiIx b", f"a {MARK} b"),
        ("eyJhbGci.eyJ", "eyJhbGci.eyJ"),
        ("-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY----- b", f"{MARK} b"),
        ("-----BEGIN RSA PRIVATE KEY-----\nAA", MARK),
        ("-----BEGIN PUBLIC KEY-----\nAA", "-----BEGIN PUBLIC KEY-----\nAA"),
    ],
)
def test_credentials_by_their_form(text: str, left: str) -> None:
    assert Redactor().redact(text) == left
