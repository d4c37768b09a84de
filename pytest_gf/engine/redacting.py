"""Redaction in place: the values that pytest, Allure and logging pass around, before anybody writes them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

from pytest_gf.engine.redaction import redact

_DEEPEST = 12
"""A traceback's repr is about seven levels deep."""

Factory = Callable[..., logging.LogRecord]


def redact_within(value: Any, depth: int = _DEEPEST) -> Any:
    """Return ``value`` without secrets: strings anew, containers and objects with their attributes changed in place."""
    if isinstance(value, str):
        return redact(value)
    if depth == 0 or value is None or isinstance(value, bool | int | float | bytes):
        return value
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(redact_within(each, depth - 1) for each in value)
    if isinstance(value, list):
        value[:] = [redact_within(each, depth - 1) for each in value]
    elif isinstance(value, dict):
        for name in list(value):
            value[name] = redact_within(value[name], depth - 1)
    elif hasattr(value, "__dict__"):
        _redact_attributes(vars(value), value, depth)
    return value


def _redact_attributes(attributes: dict[str, Any], owner: Any, depth: int) -> None:
    for name, each in list(attributes.items()):
        clean = redact_within(each, depth - 1)
        if clean is not each:
            object.__setattr__(owner, name, clean)


def redact_log_records() -> Callable[[], None]:
    """Let every log record be made without secrets, its exception's text included. Returns how to undo that."""
    before: Factory = logging.getLogRecordFactory()
    formatter = logging.Formatter()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = before(*args, **kwargs)
        try:
            text = made.getMessage()
        except (TypeError, ValueError):
            return made  # A caller's mistake in its arguments: logging itself reports it.
        made.msg, made.args = redact(text), ()
        if made.exc_info and made.exc_info[0] is not None:
            made.exc_text = redact(formatter.formatException(made.exc_info))
            made.exc_info = None
        if made.stack_info:
            made.stack_info = redact(made.stack_info)
        return made

    logging.setLogRecordFactory(make)
    return lambda: logging.setLogRecordFactory(before)


def redact_shown_warnings() -> Callable[[], None]:
    """Let warnings that nobody records be shown without secrets. Returns how to undo that.

    pytest records what a test warns; a fact warns in a thread of its own, maybe between two tests.
    """
    before = warnings.showwarning

    def show(message: Warning | str, *args: Any, **kwargs: Any) -> None:
        before(redact_warning(message), *args, **kwargs)

    warnings.showwarning = show

    def undo() -> None:
        warnings.showwarning = before

    return undo


def redact_warning(warning: Warning | str) -> Warning | str:
    """Return a warning whose text holds no secret; its class stays."""
    if isinstance(warning, str):
        return redact(warning)
    warning.args = tuple(redact(each) if isinstance(each, str) else each for each in warning.args)
    return warning
