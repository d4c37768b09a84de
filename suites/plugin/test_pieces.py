"""A source gives the same bytes whatever it is of, and in whatever amounts they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats.pieces import Pieces, each, joined


@given(
    st.lists(st.binary(max_size=40), max_size=8),
    st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=20),
)
def test_amounts_and_pieces_need_not_fit(pieces: list[bytes], calls: list[tuple[bool, int]]) -> None:
    source, taken = Pieces(pieces), b""
    for whole, count in calls:
        part = bytes(source.up_to(count) if whole else source.some(count))
        left = len(b"".join(pieces)) - len(taken)
        assert len(part) == min(count, left) if whole else min(1, left) <= len(part) <= count
        taken += part
    assert taken + b"".join(map(bytes, each(source))) == b"".join(pieces)


def reused() -> Iterator[memoryview]:
    """Yield pieces that lie in one buffer, as a connection's do."""
    buffer = bytearray(4)
    for text in (b"abcd", b"efgh", b"ijkl"):
        buffer[:] = text
        yield memoryview(buffer)


def test_a_piece_may_lie_where_the_last_one_lay() -> None:
    assert bytes(Pieces(reused()).up_to(10)) == b"abcdefghij"
    assert bytes(joined(Pieces(reused()), 99)) == b"abcdefghijkl"
