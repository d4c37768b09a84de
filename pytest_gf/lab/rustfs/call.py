"""A request to S3 and its answer, without any web framework."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_to_bytes

XML = "application/xml"


class Refusal(Exception):
    """An S3 error answer: HTTP status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Reply:
    """An answer: ``length`` is Content-Length in bytes, ``chunks`` the body; ``short`` cuts it before its end.

    Status 0 means no answer: the connection is closed before any status line.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] = ()
    length: int = 0
    code: str = ""
    short: bool = False

    @classmethod
    def of(cls, body: bytes, content_type: str = XML, status: int = 200, code: str = "") -> Reply:
        """Return an answer that holds its whole body."""
        return cls(status, {"Content-Type": content_type}, (body,), len(body), code)


@dataclass(frozen=True)
class Call:
    """A request as it came: ``path`` and ``query`` still percent-encoded, header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str, default: str = "") -> str:
        """Return a header's values, joined by commas."""
        values = [value for key, value in self.headers if key == name]
        return ",".join(values) if values else default

    @functools.cached_property
    def params(self) -> Mapping[str, str]:
        """The query's parameters, decoded; the first of a name counts."""
        parameters: dict[str, str] = {}
        for pair in filter(None, self.query.split("&")):
            name, _, value = pair.partition("=")
            parameters.setdefault(unquote(name), unquote(value))
        return parameters

    @functools.cached_property
    def resource(self) -> tuple[str, str]:
        """Bucket and key, both decoded, "" where there is none. Raises Refusal where they are no UTF-8."""
        try:
            path = unquote_to_bytes(self.path).decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal(400, "InvalidURI", "The path is not UTF-8.") from None
        bucket, _, key = path.removeprefix("/").partition("/")
        return bucket, key

    @property
    def bucket(self) -> str:
        """The bucket's name, or ""."""
        return self.resource[0]

    @property
    def key(self) -> str:
        """The object's key, or ""."""
        return self.resource[1]
