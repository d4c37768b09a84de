"""SIGTERM ends a run as Ctrl-C does: what it made on the target is deleted, and every row has its verdict."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable


def interrupt_on_sigterm() -> Callable[[], None]:
    """Let SIGTERM be an interrupt from the keyboard, if nobody else handles it. Returns how to undo that."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return lambda: None

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Once is enough: the run is ending.
        raise KeyboardInterrupt("SIGTERM")

    signal.signal(signal.SIGTERM, interrupt)

    def undo() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    return undo
