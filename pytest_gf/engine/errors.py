"""What a fact may raise: Unproven, or a ProbeError that says what was tried, what came back, what to do next."""

from __future__ import annotations

from pytest_gf.engine.trouble import Cause
from pytest_gf.engine.visible import MOST_OF_A_TEXT, visible_lines


class Unproven(Exception):  # It is no error: it is a verdict, and this is its name in every report.
    """The fact could not be observed from here: every clause that needs it is unproven.

    ``because`` names causes that would explain it, where the fact saw them.
    """

    def __init__(self, reason: str, next_step: str = "", because: tuple[Cause, ...] = ()) -> None:
        self.because = because
        self.reason = visible_lines(reason)
        self.next_step = visible_lines(next_step)
        super().__init__(self.reason)


class ProbeError(Exception):
    """The probe broke. That says nothing about the contract: every clause that needs the fact is an error.

    ``kind`` and ``where`` are the kind and the subject of its cause. ``where`` is the system that was asked last, unless the
    probe names another.
    """

    kind = "probe-broken"
    where = ""

    def __init__(self, tried: str, came_back: str, next_step: str) -> None:
        self.tried = visible_lines(tried)
        self.came_back = visible_lines(came_back)
        self.next_step = visible_lines(next_step)
        # Together they may begin as a workflow's command does, though neither half is one.
        super().__init__(visible_lines(f"{self.tried}: {self.came_back}", 3 * MOST_OF_A_TEXT))


class Unanswered(ProbeError):
    """Nothing came back: refused, reset, no route, TLS failed."""

    kind = "unreachable"


class DeadlineExceeded(ProbeError):
    """No complete answer came within the deadline. The exchange was abandoned."""

    kind = "too-slow"


class IdentityRejected(ProbeError):
    """The server does not know the credential, or its signature is wrong."""

    kind = "identity-rejected"


class NotUnderstood(ProbeError):
    """The answer is not of the protocol that was expected."""

    kind = "not-understood"


class WrongCluster(ProbeError):
    """The cluster behind the address is not the contract's (S001): nothing that was seen of it may be judged."""

    kind = "wrong-cluster"
