"""What is redacted in place: how deep, what stays itself, and what each hook writes to the letter."""

from __future__ import annotations

import io
import logging
import sys
import threading
import warnings
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_gf.engine import output_redaction
from pytest_gf.engine.redaction import MARK, redactor
from pytest_gf.engine.visible import MOST_OF_A_TEXT

SECRET = "a-canary-of-the-deep-redacting-tests"


@pytest.fixture(autouse=True)
def _known() -> None:
    redactor().learn([SECRET])


class Holder:
    """An object with one attribute."""

    def __init__(self, held: Any) -> None:
        self.held = held


def nested(kind: str, levels: int) -> Any:
    value: Any = SECRET
    for _ in range(levels):
        value = {
            "tuple": lambda inner: (inner,),
            "list": lambda inner: [inner],
            "dict": lambda inner: {"k": inner},
            "object": Holder,
        }[kind](value)
    return value


def innermost(value: Any) -> Any:
    while not isinstance(value, str):
        value = value.held if isinstance(value, Holder) else value["k"] if isinstance(value, dict) else value[0]
    return value


@pytest.mark.parametrize("kind", ["tuple", "list", "dict", "object"])
def test_as_deep_as_a_traceback_and_no_deeper(kind: str) -> None:
    assert innermost(output_redaction.redact_within(nested(kind, 12))) == MARK
    assert innermost(output_redaction.redact_within(nested(kind, 13))) == SECRET
    assert innermost(output_redaction.redact_within(nested(kind, 2), 2)) == MARK
    assert innermost(output_redaction.redact_within(nested(kind, 3), 2)) == SECRET


def test_a_thing_that_holds_itself_ends() -> None:
    circle: list[Any] = [SECRET]
    circle.append(circle)
    assert output_redaction.redact_within(circle)[0] == MARK


def test_what_stays_itself() -> None:
    class Named(tuple[str, ...]):
        __slots__ = ()

    named = Named((SECRET,))
    assert output_redaction.redact_within(named) is named, "its class could not be made again"
    for value in (None, True, 3, 1.5, b"bytes"):
        assert output_redaction.redact_within(value) is value
    held = Holder("plain")
    before = held.held
    assert output_redaction.redact_within(held) is held
    assert held.held is before
    listed, mapped = [SECRET], {"a": SECRET, "b": 1}
    assert output_redaction.redact_within(listed) is listed
    assert output_redaction.redact_within(mapped) is mapped
    assert (listed, mapped) == ([MARK], {"a": MARK, "b": 1})


def test_what_can_not_be_changed_in_the_usual_way_is() -> None:
    class Frozen:
        def __init__(self) -> None:
            object.__setattr__(self, "held", SECRET)
            object.__setattr__(self, "other", [SECRET])

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    frozen = Frozen()
    output_redaction.redact_within(frozen)
    assert vars(frozen) == {"held": MARK, "other": [MARK]}


def test_a_long_text_is_kept() -> None:
    long = "x" * (MOST_OF_A_TEXT + 500)
    assert output_redaction.redact_within(long) == long
    short = "\x1b" * 9_000
    assert output_redaction.redact_within(short) == f"{short}".replace("\x1b", "\\x1b")[: MOST_OF_A_TEXT - 6] + " [cut]"


def records(**more: Any) -> logging.LogRecord:
    """Return the record that the factory makes of this."""
    undo = output_redaction.redact_log_records()
    try:
        given: dict[str, Any] = {"exc_info": None} | more
        return logging.getLogger("x").makeRecord(
            "x", 40, "file.py", 7, given.pop("msg", "m"), given.pop("args", ()), **given
        )
    finally:
        undo()


def test_a_record_says_the_same_without_secrets() -> None:
    record = records(msg="%s and %d", args=(SECRET, 3))
    assert (record.msg, record.args, record.getMessage()) == (f"{MARK} and 3", (), f"{MARK} and 3")
    assert (record.exc_info, record.exc_text, record.stack_info) == (None, None, None)
    assert (record.lineno, record.filename) == (7, "file.py")
    assert records(func="f").funcName == "f"


def test_the_exception_of_a_record_is_its_text() -> None:
    known: dict[str, int] = {}
    with pytest.raises(KeyError) as raised:
        known[SECRET]
    record = records(exc_info=(raised.type, raised.value, raised.tb))
    assert record.exc_info is None
    assert record.exc_text is not None
    first, *_, last = record.exc_text.splitlines()
    assert (first, last) == ("Traceback (most recent call last):", f"KeyError: '{MARK}'")
    assert records(exc_info=(None, None, None)).exc_text is None


def test_the_stack_of_a_record_is_clean() -> None:
    assert records(sinfo=f"Stack:\n {SECRET}").stack_info == f"Stack:\n {MARK}"


def test_a_mistake_in_the_arguments_is_named() -> None:
    record = records(msg="%d", args=(SECRET,))
    assert (
        record.msg == f"'%d' with the arguments ('{MARK}',): TypeError('%d format: a real number is required, not str')"
    )


def test_what_was_before_comes_back() -> None:
    factory, show = logging.getLogRecordFactory(), warnings.showwarning
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    undo = [
        output_redaction.redact_log_records(),
        output_redaction.redact_shown_warnings(),
        output_redaction.redact_uncaught(),
    ]
    assert logging.getLogRecordFactory() is not factory
    assert warnings.showwarning is not show
    assert not {*hooks} & {sys.excepthook, threading.excepthook, sys.unraisablehook}
    for step in undo:
        step()
    assert logging.getLogRecordFactory() is factory
    assert warnings.showwarning is show
    assert hooks == (sys.excepthook, threading.excepthook, sys.unraisablehook)


def test_a_shown_warning_keeps_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(warnings, "showwarning", lambda *args, **more: shown.append((*args, more)))
    undo = output_redaction.redact_shown_warnings()
    warnings.showwarning(UserWarning(SECRET), UserWarning, "f", 1, line="x")
    undo()
    ((message, *rest),) = shown
    assert (str(message), rest) == (MARK, [UserWarning, "f", 1, {"line": "x"}])


def test_a_warning_keeps_its_class_and_its_clean_arguments() -> None:
    clean = output_redaction.redact_warning(UserWarning("plain", SECRET, 3))
    assert isinstance(clean, UserWarning)
    assert clean.args == ("plain", MARK, 3)
    assert output_redaction.redact_warning(f"text {SECRET}") == f"text {MARK}"

    class Odd(UserWarning):
        def __str__(self) -> str:
            return f"odd {SECRET}"

    odd = output_redaction.redact_warning(Odd())
    assert type(odd) is RuntimeWarning
    assert str(odd) == f"odd {MARK}"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What stands on stderr after a hook was called."""

    def call(hook: str, *args: Any) -> str:
        undo, shown = output_redaction.redact_uncaught(), io.StringIO()
        try:
            with monkeypatch.context() as patched:
                patched.setattr(sys, "stderr", shown)
                (threading.excepthook if hook == "thread" else getattr(sys, hook))(*args)
        finally:
            undo()
        return shown.getvalue()

    return call


def test_what_nobody_catches_is_written_with_where_it_was(written: Any) -> None:
    error = KeyError(SECRET)
    said = f"KeyError: '{MARK}'\n"
    assert written("excepthook", KeyError, error, None) == f"Uncaught exception:\n{said}"
    raised = SimpleNamespace(exc_type=KeyError, exc_value=error, exc_traceback=None, thread=SimpleNamespace(name="t1"))
    assert written("thread", raised) == f"Exception in thread t1:\n{said}"
    raised.thread = None
    assert written("thread", raised) == f"Exception in thread ?:\n{said}"
    raised.exc_type = SystemExit
    assert written("thread", raised) == "", "a thread may exit"
    raised = SimpleNamespace(object=f"f {SECRET}", exc_value=error)
    assert written("unraisablehook", raised) == f"Exception ignored in 'f {MARK}':\n{said}"
    raised.exc_value = None
    assert written("unraisablehook", raised) == f"Exception ignored in 'f {MARK}':\nan exception without a value\n"


def test_a_long_traceback_is_written_whole(written: Any) -> None:
    lines = "line\n" * 10_000
    said = written("excepthook", ValueError, ValueError(lines), None)
    assert said.count("line\n") == 10_000
    assert said.endswith("line\n\n")


def test_a_tracer_that_writes_nowhere_is_left_alone() -> None:
    silent = SimpleNamespace(_writer=None)
    output_redaction.redact_traces(silent)
    assert silent._writer is None
    output_redaction.redact_traces(cast("Any", SimpleNamespace()))


def test_a_long_trace_is_written_whole() -> None:
    written: list[str] = []
    root = SimpleNamespace(_writer=written.append)
    root.setwriter = lambda writer: setattr(root, "_writer", writer)
    output_redaction.redact_traces(root)
    text = "hook\n" * 10_000
    root._writer(text)
    root._writer("\x1b" * 300)
    assert written == [text, "\\x1b" * 300]
