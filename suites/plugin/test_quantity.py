"""Kubernetes quantities: what they are, exactly, and that nothing else is one."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats.quantity import parse


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("50Gi", 50 * 2**30),
        ("0", 0),
        ("1.5Gi", 3 * 2**29),
        ("50G", 50 * 10**9),
        ("100m", Fraction(1, 10)),
        ("1e3", 1000),
        ("12E-1", Fraction(12, 10)),
        (".5k", 500),
        ("5.", 5),
        ("2E", 2 * 10**18),
    ],
)
def test_quantities(text: str, amount: Fraction) -> None:
    assert parse(text) == amount


@pytest.mark.parametrize("text", ["", "Gi", "50 Gi", "50gi", "-1", "1e", "1e999", "٣Gi", "0x10", "1" * 40, "1GiB", "."])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no Kubernetes quantity"):
        parse(text)


@given(st.integers(0, 10**20), st.sampled_from(["", "k", "Ki", "M", "Mi", "G", "Gi", "T", "Ti", "m", "e3", "E-2"]))
def test_more_of_a_unit_is_more(amount: int, unit: str) -> None:
    assert parse(f"{amount + 1}{unit}") > parse(f"{amount}{unit}") >= 0


@given(st.text(max_size=30))
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse(text) >= 0
