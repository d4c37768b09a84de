"""Redaction of what pytest, Allure, logging and warnings are about to write."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from pytest_gf.engine.redaction import redact
from pytest_gf.engine.visible import MOST_OF_A_TEXT, visible_lines

_DEEPEST = 12
"""A traceback's repr is about seven levels deep."""

Factory = Callable[..., logging.LogRecord]


def redact_within(value: Any, depth: int = _DEEPEST) -> Any:
    """Return ``value`` visible and without secrets. A string is made anew. Containers and objects are changed in place."""
    if isinstance(value, str):
        return _shown(value, most=max(MOST_OF_A_TEXT, len(value) * 2))
    if depth == 0 or value is None or isinstance(value, bool | int | float | bytes):
        return value
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(redact_within(item, depth - 1) for item in value)
    if isinstance(value, list):
        value[:] = [redact_within(item, depth - 1) for item in value]
    elif isinstance(value, dict):
        for name in list(value):
            value[name] = redact_within(value[name], depth - 1)
    elif hasattr(value, "__dict__"):
        _redact_attributes(vars(value), value, depth)
    return value


def _redact_attributes(attributes: dict[str, Any], owner: Any, depth: int) -> None:
    for name, attribute in list(attributes.items()):
        clean = redact_within(attribute, depth - 1)
        if clean is not attribute:
            object.__setattr__(owner, name, clean)


def redact_outputs(tracer: Any) -> list[Callable[[], None]]:
    """Let logs, warnings, uncaught exceptions and pytest's ``tracer`` write without secrets. Return what undoes that."""
    redact_traces(tracer)
    return [redact_log_records(), redact_shown_warnings(), redact_uncaught()]


def redact_log_records() -> Callable[[], None]:
    """Let every log record be made without secrets, its exception's text included. Returns how to undo that."""
    before: Factory = logging.getLogRecordFactory()
    formatter = logging.Formatter()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        try:
            text = record.getMessage()
        except Exception as wrong:  # noqa: BLE001  # The caller's mistake in its arguments, which logging would print.
            text = f"{record.msg!r} with the arguments {record.args!r}: {wrong!r}"
        record.msg, record.args = _shown(text), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = _shown(formatter.formatException(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = _shown(record.stack_info)
        return record

    logging.setLogRecordFactory(make)
    return partial(logging.setLogRecordFactory, before)


def redact_shown_warnings() -> Callable[[], None]:
    """Let warnings that nobody records be shown without secrets. Returns how to undo that.

    pytest records what a test warns; a fact warns in a thread of its own, maybe between two tests.
    """
    before = warnings.showwarning

    def show(message: Warning | str, *args: Any, **kwargs: Any) -> None:
        before(redact_warning(message), *args, **kwargs)

    warnings.showwarning = show
    return partial(setattr, warnings, "showwarning", before)


def redact_warning(warning: Warning | str) -> Warning | str:
    """Return a warning whose text holds no secret, whatever its arguments are. It keeps its class if that is possible."""
    if isinstance(warning, str):
        return _shown(warning)
    warning.args = tuple(argument if _is_clean(argument) else _shown(str(argument)) for argument in warning.args)
    return warning if _is_clean(warning) else RuntimeWarning(_shown(str(warning)))


def _is_clean(value: object) -> bool:
    return all(redact(text) == text for text in (str(value), repr(value)))


def redact_uncaught() -> Callable[[], None]:
    """Let exceptions that nobody catches, in threads and finalizers too, be shown without secrets. Returns how to undo that."""
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)

    def write(where: str, error: BaseException | None) -> None:
        text = "".join(traceback.format_exception(error)) if error is not None else "an exception without a value\n"
        sys.stderr.write(_shown(f"{where}\n{text}", most=len(text) * 2 + 1_000))

    def in_thread(raised: threading.ExceptHookArgs) -> None:
        if raised.exc_type is not SystemExit:
            write(f"Exception in thread {raised.thread.name if raised.thread else '?'}:", raised.exc_value)

    def unraisable(raised: sys.UnraisableHookArgs) -> None:
        write(f"Exception ignored in {raised.object!r}:", raised.exc_value)

    def in_main(_: type[BaseException], error: BaseException, __: object) -> None:
        write("Uncaught exception:", error)

    sys.excepthook, threading.excepthook, sys.unraisablehook = in_main, in_thread, unraisable

    def undo() -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = before

    return undo


def redact_traces(root: Any) -> None:
    """Let ``--debug`` write without secrets: it shows the arguments of every hook. ``root`` is pytest's tracer."""
    write = getattr(root, "_writer", None)
    if write is not None:
        root.setwriter(lambda text: write(_shown(text, most=len(text) * 2 + 1_000)))


def _shown(text: str, most: int = MOST_OF_A_TEXT) -> str:
    return visible_lines(redact(text), most)
