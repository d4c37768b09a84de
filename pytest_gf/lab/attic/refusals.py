"""How Attic says no: JSON with code, error and message."""

from __future__ import annotations

from typing import NoReturn

import msgspec
from aiohttp import web


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.status)
        self.response = response


def refuse(status: int, error: str, message: str = "") -> NoReturn:
    """Answer as Attic refuses."""
    said = {"code": status, "error": error, "message": message or f"the lab answers {error}"}
    raise Refused(web.Response(status=status, body=msgspec.json.encode(said), content_type="application/json"))
