"""What a fact may raise: Unproven, or a ProbeError that says what was tried, what came back, what to do next."""

from __future__ import annotations

from pytest_gf.engine.visible import visible_lines


class Unproven(Exception):  # It is no error: it is a verdict, and this is its name in every report.
    """The fact could not be observed from here. Makes every clause that needs it unproven."""

    def __init__(self, reason: str, next_step: str = "") -> None:
        self.reason = visible_lines(reason)
        self.next_step = visible_lines(next_step)
        super().__init__(self.reason)


class ProbeError(Exception):
    """The probe broke, which says nothing about the clause. Makes every clause that needs the fact an error."""

    def __init__(self, tried: str, came_back: str, next_step: str) -> None:
        self.tried = visible_lines(tried)
        self.came_back = visible_lines(came_back)
        self.next_step = visible_lines(next_step)
        super().__init__(f"{self.tried}: {self.came_back}")


class Unanswered(ProbeError):
    """Nothing came back: refused, reset, no route, TLS failed."""


class DeadlineExceeded(ProbeError):
    """No whole answer within the deadline; the exchange was abandoned."""


class IdentityRejected(ProbeError):
    """The server does not know the credential, or its signature is wrong."""


class NotUnderstood(ProbeError):
    """Something answered that does not speak the wire."""


class WrongCluster(ProbeError):
    """The cluster behind the address is not the contract's (S001): nothing that was seen of it may be judged."""
