"""An S3 server's answer as a value: probes give it, observed values judge it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One HTTP answer of S3. ``code`` is the S3 error code ("" for success, and for HEAD, which carries none)."""

    status: int
    code: str = ""
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004  # RFC 9110, 15.3.

    @property
    def forbidden(self) -> bool:
        """Whether the identity was accepted and lacks the right (for HEAD: whether it may be so)."""
        return self.status == 403  # noqa: PLR2004  # RFC 9110, 15.5.4.

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip()
