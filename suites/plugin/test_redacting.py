"""What pytest, logging and Python itself pass around is clean before anybody writes it: whatever holds the secret, and wherever."""

from __future__ import annotations

import gc
import io
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_gf.engine import output_redaction
from pytest_gf.engine.redaction import MARK, redactor

SECRET = "a-canary-of-the-redacting-tests"


def fail(text: str = SECRET) -> None:
    """Raise an exception that holds the secret, and has a cause that holds it too."""
    raise ValueError(text) from KeyError(SECRET)


@pytest.fixture(autouse=True)
def _known() -> None:
    redactor().learn([SECRET])


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What a logger's handler wrote."""
    undo = output_redaction.redact_log_records()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("gf-redacting")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield stream
    finally:
        logger.removeHandler(handler)
        undo()


def test_a_message_its_arguments_and_its_exception(said: io.StringIO) -> None:
    logger = logging.getLogger("gf-redacting")
    logger.error("with %s and %r", SECRET, {"token": SECRET})
    logger.error(KeyError(SECRET))
    try:
        fail()
    except ValueError:
        logger.exception("it broke")
    logger.error("from here", stack_info=True, extra={"x": 1})
    assert SECRET not in said.getvalue()
    assert said.getvalue().count(MARK) >= 5
    assert "ValueError" in said.getvalue(), "the exception's text is kept"


def test_the_exceptions_text_stands_in_the_record_and_its_exception_does_not() -> None:
    undo = output_redaction.redact_log_records()
    try:
        try:
            fail()
        except ValueError:
            record = logging.getLogger("x").makeRecord("x", 40, "f", 1, "m", (), sys.exc_info())
    finally:
        undo()
    assert record.exc_info is None
    assert record.exc_text is not None
    assert f"ValueError: {MARK}" in record.exc_text
    assert SECRET not in record.exc_text


def test_the_stack_of_a_record() -> None:
    undo = output_redaction.redact_log_records()
    try:
        record = logging.getLogger("x").makeRecord("x", 40, "f", 1, "m", (), None, sinfo=f"line\n  call({SECRET!r})")
    finally:
        undo()
    assert record.stack_info == f"line\n  call('{MARK}')"


def test_a_mistake_in_the_arguments_prints_none_of_them(said: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    wanting = "two %s %s"
    logging.getLogger("gf-redacting").error(wanting, SECRET)
    assert SECRET not in capsys.readouterr().err + said.getvalue()
    assert "two" in said.getvalue()


class Odd(Warning):
    """A warning whose text is not made of its arguments."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize(
    "warning",
    [
        SECRET,
        UserWarning(SECRET),
        UserWarning({"token": SECRET}),
        UserWarning(KeyError(SECRET), 1),
        UserWarning(SECRET.encode()),
        UserWarning(["a", (SECRET,)]),
        Odd(SECRET),
    ],
    ids=lambda warning: f"{type(warning).__name__}-{type(getattr(warning, 'args', ('',))[:1]).__name__}",
)
def test_a_warning_with_any_argument(warning: Warning | str) -> None:
    clean = output_redaction.redact_warning(warning)
    assert SECRET not in f"{clean} {clean!r} {getattr(clean, 'args', '')}"
    assert MARK in str(clean)


def test_a_clean_warning_is_itself() -> None:
    warning = UserWarning("plain", 3)
    assert output_redaction.redact_warning(warning) is warning
    assert warning.args == ("plain", 3)


def test_warnings_that_nobody_records(capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    before = warnings.showwarning
    warnings.showwarning = lambda message, *_, **__: shown.append(str(message))
    try:
        undo = output_redaction.redact_shown_warnings()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning(UserWarning(SECRET), UserWarning, "f", 1)
        undo()
    finally:
        warnings.showwarning = before
    assert shown == [MARK]


def _in_a_thread() -> None:
    def fails() -> None:
        raise KeyError(SECRET)

    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()


def _in_a_finalizer() -> None:
    class Fails:
        def __del__(self) -> None:
            raise KeyError(SECRET)

    Fails()
    gc.collect()


def _in_the_main_thread() -> None:
    try:
        fail()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)


@pytest.mark.parametrize("raise_it", [_in_a_thread, _in_a_finalizer, _in_the_main_thread])
def test_exceptions_that_nobody_catches(raise_it: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    undo = output_redaction.redact_uncaught()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", shown)
            raise_it()
    finally:
        undo()
    assert "KeyError" in shown.getvalue()
    assert MARK in shown.getvalue()
    assert SECRET not in shown.getvalue()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_the_traces_of_debug() -> None:
    class Root:
        written: list[str] = []  # noqa: RUF012  # One for this test.
        _writer: Any = written.append

        def setwriter(self, writer: Callable[[str], None]) -> None:
            self._writer = writer

    root = Root()
    output_redaction.redact_traces(root)
    root._writer(f"call: <ExceptionInfo KeyError('{SECRET}')>")
    assert root.written == [f"call: <ExceptionInfo KeyError('{MARK}')>"]


def test_a_tree_of_values() -> None:
    class Holder:
        def __init__(self) -> None:
            self.text = SECRET
            self.inner = [{"k": (SECRET, 1)}]

    holder = Holder()
    output_redaction.redact_within(holder)
    assert (holder.text, holder.inner) == (MARK, [{"k": (MARK, 1)}])
    assert (
        output_redaction.redact_within("\x1b[31m\ud800 ::error::\n::error::x")
        == "\\x1b[31m\\ud800 ::error::\n\\x3a:error::x"
    )


def test_a_formatted_traceback_is_made_before_it_is_cut() -> None:
    try:
        fail("x" * 3_000 + SECRET)
    except ValueError as error:
        text = "".join(traceback.format_exception(error))
    assert SECRET not in str(output_redaction.redact_within(text))
