"""Bounds before decoding: the parts of a document are counted in its bytes, because each becomes a Python object."""

from __future__ import annotations

import re

from pytest_gf.engine.errors import NotUnderstood

MOST_TAGS = 200_000
"""In XML: a page of S3's listing has 1,000 keys of at most ten elements, a listing of 10,000 buckets 60,000 tags."""
MOST_CONTAINERS = 1_000_000
"""Objects and lists in JSON: a page of 500 pods with all their managed fields has 300,000."""
MOST_VALUES = 2_000_000
DEEPEST = 200
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
"""A string that never ends is a token too: looked for again at each quote in it, a cut body would cost quadratic time."""
_STEP = "no answer of this system has so many parts: what stands at this address?"


def depth_of(body: bytes) -> int:
    """Return how deep a JSON document is nested."""
    depth = deepest = 0
    for token in _TOKENS.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def check_xml(body: bytes, tried: str) -> None:
    """Raise NotUnderstood for XML that would take more memory and time than an answer may."""
    tags = body.count(b"<") + body.count(b'="') + body.count(b"='")
    if tags > MOST_TAGS:
        raise NotUnderstood(tried, f"XML of {tags} tags and attributes, more than {MOST_TAGS}", _STEP)


def check_json(body: bytes, tried: str) -> None:
    """Raise NotUnderstood for JSON that would take more memory and time than an answer may."""
    containers, values = body.count(b"{") + body.count(b"["), body.count(b",")
    if containers > MOST_CONTAINERS or values > MOST_VALUES:
        raise NotUnderstood(tried, f"JSON of {containers} objects and lists, and {values} values", _STEP)
    if depth_of(body) > DEEPEST:  # The last, since it goes from bracket to bracket.
        raise NotUnderstood(tried, f"JSON nested deeper than {DEEPEST} levels", _STEP)
