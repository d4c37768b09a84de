"""Nix's base 32: its own alphabet without e, o, u and t, and the digits from the end (Nix, libutil/hash.cc)."""

from __future__ import annotations

ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
_BITS = 5


def encode(data: bytes) -> str:
    """Return the text of these bytes: 52 characters for a SHA-256, 32 for a store path's hash of 20 bytes."""
    number = int.from_bytes(data, "little")
    length = -(-len(data) * 8 // _BITS)
    return "".join(ALPHABET[number >> _BITS * at & 31] for at in reversed(range(length)))


def decode(text: str) -> bytes:
    """Return the bytes of a text. Raises ValueError for a strange letter, length, or bits beyond the last byte."""
    size = len(text) * _BITS // 8
    if len(text) != -(-size * 8 // _BITS):
        raise ValueError(f"no {len(text)} characters are base 32 of whole bytes")
    number = 0
    for letter in text:
        if letter not in _VALUES:
            raise ValueError(f"{letter!r} is no digit of Nix's base 32")
        number = number << _BITS | _VALUES[letter]
    if number >> size * 8:
        raise ValueError("bits beyond the last byte are set")
    return number.to_bytes(size, "little")
