"""The XML of S3: answers written, the two request documents read."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from xml.sax.saxutils import escape

from pytest_gf.lab.rustfs.call import Refusal

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
LONGEST = 4 * 1024 * 1024
"""Bytes of a request document."""
MOST_KEYS = 1_000

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")

Node = tuple[str, "str | int | bool | Nodes"]
Nodes = Iterable[Node]


def document(root: str, nodes: Nodes, *, namespace: bool = True) -> bytes:
    """Return an XML document of nested (name, text or nodes) pairs."""
    attribute = f' xmlns="{NAMESPACE}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{_inner(nodes)}</{root}>'.encode()


def error(code: str, message: str) -> bytes:
    """Return an error's document: Code and Message only, as RustFS."""
    return document("Error", (("Code", code), ("Message", message)), namespace=False)


def moment(seconds: float) -> str:
    """Return Unix seconds as S3 writes them in XML."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03}Z"


def read_delete(body: bytes) -> tuple[list[tuple[str, str]], bool]:
    """Return the (key, version id or "") pairs of a DeleteObjects document, and whether it asks for quiet."""
    root = _parsed(body)
    pairs = [(_text(node, "Key"), _text(node, "VersionId")) for node in root if _local(node) == "Object"]
    if not 1 <= len(pairs) <= MOST_KEYS:
        raise _malformed()
    return pairs, _text(root, "Quiet").lower() == "true"


def read_parts(body: bytes) -> list[tuple[int, str]]:
    """Return the (number, ETag) pairs of a CompleteMultipartUpload document."""
    try:
        return [
            (int(_text(node, "PartNumber")), _text(node, "ETag").strip('"'))
            for node in _parsed(body)
            if _local(node) == "Part"
        ]
    except ValueError:
        raise _malformed() from None


def read_versioning(body: bytes) -> str:
    """Return the Status of a VersioningConfiguration document."""
    return _text(_parsed(body), "Status")


def _parsed(body: bytes) -> ET.Element:
    try:
        text = body[: LONGEST + 1].decode("utf-8")
        if len(body) > LONGEST or "<!" in text:
            raise _malformed()
        return ET.fromstring(text)  # noqa: S314  # No DTD and no comment got here, and the length is bounded.
    except (ET.ParseError, ValueError):
        raise _malformed() from None


def _malformed() -> Refusal:
    return Refusal(400, "MalformedXML", "The XML you provided was not well-formed or did not validate.")


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(parent: ET.Element, name: str) -> str:
    return next((node.text or "" for node in parent if _local(node) == name), "")


def _inner(nodes: Nodes) -> str:
    return "".join(f"<{name}>{_content(value)}</{name}>" for name, value in nodes)


def _content(value: str | int | bool | Nodes) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return _CONTROL.sub(lambda match: f"&#x{ord(match[0]):X};", escape(str(value)))
    return _inner(value)
