"""The bounds of JSON texts to the level and to the value, and where one that is none goes wrong."""

from __future__ import annotations

import json

import pytest

from pytest_gf.honey.formats import gojson, jsontext
from pytest_gf.honey.formats.gojson import Malformed, Text, TypeWrong, read
from pytest_gf.honey.formats.jsontext import DEEPEST, SyntaxWrong, TooMuch, Walk


@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}"), (b" [ 1 , ", b" ]\n")])
def test_the_deepest_nesting(opened: bytes, closed: bytes) -> None:
    for levels in (1, 2, 3, 4, DEEPEST - 1, DEEPEST):
        data = opened * levels + b"0" + closed * levels
        assert Walk(data).end(Walk(data).start) == len(data.rstrip())
    with pytest.raises(SyntaxWrong) as raised:
        Walk(opened * (DEEPEST + 1) + b"0" + closed * (DEEPEST + 1))
    assert raised.value.deep


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"", 0),
        (b"  ", 2),
        (b"1 2", 2),
        (b"[1,]", 3),
        (b"[1 2]", 3),
        (b"[,1]", 1),
        (b"[1", 2),
        (b"{", 0),
        (b'{"a"}', 0),
        (b'{"a":}', 5),
        (b'{"a":1,}', 6),
        (b"{a:1}", 0),
        (b"01", 1),
        (b"-", 0),
        (b"1.", 1),
        (b".5", 0),
        (b"1e", 1),
        (b"+1", 0),
        (b"tru", 0),
        (b"nul", 0),
        (b'"a', 0),
        (b'"\\x"', 0),
        (b'"\\u12g4"', 0),
        (b'"\n"', 0),
        (b"[[[1]]", 6),
        (b"[[[[1 1]]]]", 6),
        (b"\x0c1", 0),
    ],
)
def test_where_it_goes_wrong(data: bytes, offset: int) -> None:
    with pytest.raises(
        ValueError, match=r"Expecting|delimiter|Extra data|Illegal|Unterminated|escape|control"
    ) as known:
        json.loads(data)
    assert known
    with pytest.raises(SyntaxWrong) as raised:
        Walk(data)
    assert (raised.value.offset, raised.value.deep) == (offset, False)


@pytest.mark.parametrize(
    "value",
    [0, -0.5, 1e10, True, False, None, "", 'a"b\\c/d\b\f\n\r\té\U0001f511', [], {}, [[], {}], {"": {"a": [1, "b"]}}],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_every_value_is_found(value: object, indent: int | None) -> None:
    data = b" " + json.dumps(value, indent=indent).encode() + b"\n"
    walk = Walk(data)
    assert (walk.start, walk.end(walk.start)) == (1, len(data) - 1)
    words = {dict: "object", list: "array", str: "string", bool: "bool", type(None): "null"}
    assert walk.kind(walk.start) == words.get(type(value), "number")


def test_members_and_items() -> None:
    walk = Walk(b'{ "a" : [1 ,"x\\u00e9", {} ] , "a":{"b":-1.5e3}\n,"\\n":null }')
    members = list(walk.members(walk.start))
    assert [name for name, _ in members] == ["a", "a", "\n"]
    assert [walk.kind(place) for _, place in members] == ["array", "object", "null"]
    items = list(walk.items(members[0][1]))
    assert [walk.kind(item) for item in items] == ["number", "string", "object"]
    assert (walk.number(items[0]), walk.text(items[1])) == ("1", "xé")
    assert (walk.text(items[0]), walk.number(items[1])) == ("", "")
    ((_, inner),) = walk.members(members[1][1])
    assert walk.number(inner) == "-1.5e3"
    assert list(walk.members(items[2])) == []
    assert list(Walk(b"[ ]").items(0)) == []


def test_what_two_writers_have_in_common() -> None:
    one = Walk(b'{"a\\u00e9" : [1, "b c", "\\"", "\\/"]\t}')
    assert one.meaning(0) == '{"aé":[1,"b c","\\"","/"]}'.encode()
    assert Walk(b'[ "a" , "b" ]').meaning(0) == b'["a","b"]'


def test_the_most_values_that_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk(b"[1,2,3]")
    monkeypatch.setattr(jsontext, "MOST_STEPS", 3)
    assert len(list(walk.items(0))) == 3
    with pytest.raises(TooMuch, match=r"^more than 3 values$"):
        walk.step()
    walk = Walk(b'{"a":1,"b":2,"c":3,"d":4}')
    with pytest.raises(TooMuch):
        list(walk.members(0))
    monkeypatch.setattr(jsontext, "MOST_STEPS", 2)
    assert Walk(b"[[[[1]]]]").start == 0, "two levels are taken at once"
    with pytest.raises(TooMuch):
        Walk(b"[[[[[1]]]]]")


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (rb'"\ud83d\udd11"', "\U0001f511"),
        (rb'"\ud83d"', "\N{REPLACEMENT CHARACTER}"),
        (rb'"\udd11\ud83d"', "\N{REPLACEMENT CHARACTER}" * 2),
        (rb'"\u0041\b\f\n\r\t\"\\\/"', 'A\b\f\n\r\t"\\/'),
        (rb'"\\u0041"', "\\u0041"),
        (b'"a\xff\xfeb"', "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"),
        (b'"\xed\xa0\xbd"', "\N{REPLACEMENT CHARACTER}" * 3),
        ('"é"'.encode(), "é"),
    ],
)
def test_strings_as_go_reads_them(literal: bytes, text: str) -> None:
    assert jsontext.unquoted(literal) == text


def test_large_values_are_gone_through_once() -> None:
    inner = b"[" + b"[[[1]]]," * 40 + b"1]"
    data = b"[" + inner + b",[1]]"
    walk = Walk(data)
    assert walk._ends == {0: len(data), 1: 1 + len(inner)}, "what is short has no note"
    assert walk.end(1) == 1 + len(inner)


@pytest.mark.parametrize(
    ("body", "says", "offset"),
    [
        (b"", "the body is empty", 0),
        (b"x" * 11, "the body is larger than is read here", 0),
        (b"\xef\xbb\xbf{}", "the body begins with a byte order mark", 0),
        (b"\xfe\xff", "the body begins with a byte order mark", 0),
        (b" \n<html>", "the body is an HTML page (at byte 2)", 2),
        (b"<", "the body is an HTML page", 0),
        (b"[1, <]", "the body is not JSON (at byte 4)", 4),
        (b"{} x", "the body is not JSON (at byte 3)", 3),
        (b"[]", "the body is JSON, and no object", 0),
        (b"3", "the body is JSON, and no object", 0),
    ],
)
def test_what_is_said_of_a_body(body: bytes, says: str, offset: int) -> None:
    with pytest.raises(Malformed) as raised:
        read(body, 10)
    assert (str(raised.value), raised.value.offset) == (says, offset)


def test_the_largest_body_and_the_deepest() -> None:
    assert read(b'{"a": 12}', 9).start == 0
    with pytest.raises(Malformed, match="larger"):
        read(b'{"a": 12}', 8)
    with pytest.raises(Malformed, match=r"^the body is nested deeper than 10000 levels \(at byte 10000\)$"):
        read(b"[" * 20_000, 1 << 20)


def test_the_most_members_and_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gojson, "MOST_MEMBERS", 3)
    monkeypatch.setattr(gojson, "MOST_REPEATS", 2)
    text = Text(b'{"a":1,"b":2,"a":3,"c":4}')
    assert {name: text.number(place) for name, place in text.map([0], "x").items()} == {"a": "3", "b": "2", "c": "4"}
    with pytest.raises(TooMuch, match=r"^an object of more than 3 members$"):
        Text(b'{"a":1,"b":2,"c":3,"d":4}').map([0], "x")
    shape = gojson.struct(a="int", b="int")
    text = Text(b'{"a":1,"A":2,"b":3,"other":4}')
    fields = text.struct([0], shape, "x")
    assert {name: [text.number(place) for place in places] for name, places in fields.items()} == {
        "a": ["1", "2"],
        "b": ["3"],
    }
    with pytest.raises(TooMuch, match=r"^a member that is given more than 2 times$"):
        Text(b'{"a":1,"A":2,"a":3}').struct([0], shape, "x")


def scalar(data: bytes) -> tuple[Text, list[int]]:
    return Text(data), [0]


def test_whole_numbers_and_their_bounds() -> None:
    for data, value in ((b"0", 0), (b"7", 7), (b"18446744073709551615", 2**64 - 1), (b"null", None)):
        text, at = scalar(data)
        assert text.integer(at, "x") == value
    assert Text(b"-5").integer([0], "x", -5, 5) == -5
    for data, says in (
        (b"18446744073709551616", "x is out of range"),
        (b"-1", "x is no whole number that OpenTofu takes"),
        (b"1.0", "x is no whole number that OpenTofu takes"),
        (b"1e3", "x is no whole number that OpenTofu takes"),
        (b"1" * 21, "x is no whole number that OpenTofu takes"),
        (b'"1"', "x is no number, it is string"),
    ):
        with pytest.raises(TypeWrong) as raised:
            Text(data).integer([0], "x")
        assert str(raised.value) == says
    for least, most in ((-4, 5), (-9, -6)):
        with pytest.raises(TypeWrong, match=r"^x is out of range$"):
            Text(b"-5").integer([0], "x", least, most)


def test_what_comes_last_counts() -> None:
    text = Text(b'["a",null,"b",true,1,null]')
    a, nothing, b, yes, one, last = text.items(0)
    assert (text.string([a, b], "x"), text.string([a, nothing], "x"), text.string([], "x")) == ("b", "a", "")
    assert (text.integer([one, last], "x"), text.integer([last, one], "x"), text.integer([], "x")) == (None, 1, None)
    with pytest.raises(TypeWrong, match=r"^x is no string, it is bool$"):
        text.string([a, yes], "x")


def test_slices_merge_as_gos_do() -> None:
    text = Text(b'[["a","b"],null,["c"],["d","e","f"],[]]')
    first, nothing, short, long, empty = text.items(0)

    def merged(*places: int) -> list[list[str]]:
        return [[text.text(item) for item in items] for items in text.slice(places, "x")]

    assert merged(first) == [["a"], ["b"]]
    assert merged(first, short) == [["a", "c"]]
    assert merged(short, long) == [["c", "d"], ["e"], ["f"]]
    assert merged(first, nothing, short) == [["c"]]
    assert merged(first, nothing) == merged(first, empty) == merged() == []
    assert merged(first, empty, short) == [["c"]]
    assert list(text.strings([first], "x")) == ["a", "b"]
    with pytest.raises(TypeWrong, match=r"^x is no array, it is string$"):
        list(text.slice([next(text.items(first))], "x"))


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b'""', 0),
        (b'"YWJj"', 3),
        (b'"YWI="', 2),
        (b'"YQ=="', 1),
        (b'"YW\\nJj\\r"', 3),
        (b"[1,2,255]", 3),
        (b"[]", 0),
        (b"null", 0),
    ],
)
def test_how_many_bytes_there_are(data: bytes, length: int) -> None:
    assert Text(data).byte_count([0], "x") == length


@pytest.mark.parametrize("data", [b'"YW"', b'"YQ="', b'"Y==="', b'"YQ=a"', b'"Y Q="', b"[256]", b"[-1]", b"1"])
def test_what_is_no_bytes(data: bytes) -> None:
    with pytest.raises(TypeWrong):
        Text(data).byte_count([0], "x")


def test_names_fold_as_gos_do() -> None:
    assert [
        gojson.folded(name) for name in ("id", "ID", "\N{LATIN SMALL LETTER LONG S}et", "\N{KELVIN SIGN}ey", "é", "É")
    ] == [*("ID", "ID", "SET", "KEY", "é", "É")]
