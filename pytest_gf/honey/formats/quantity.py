"""Kubernetes quantities, as ``50Gi`` (apimachinery, resource.Quantity)."""

from __future__ import annotations

import re
from fractions import Fraction

_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_FORM = re.compile(
    r"(?P<number>\d{1,30}(?:\.\d{0,18})?|\.\d{1,18})(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,2}|)", re.ASCII
)


def parse(text: str) -> Fraction:
    """Return the amount, exactly. Raises ValueError for what is no quantity; negative ones are none here."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no Kubernetes quantity")
    number, suffix = Fraction(match["number"].rstrip(".")), match["suffix"]
    if suffix in _BINARY:
        return number * (1 << _BINARY[suffix])
    power = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
    scale: int = 10 ** abs(power)
    return number * scale if power >= 0 else number / scale
