"""A body that can't be bounded here is decoded in a child: its value comes back, and its memory and time are bounded."""

from __future__ import annotations

import base64
import builtins
import json
import os
import resource
import threading
import time

import pytest

from pytest_gf.engine.errors import DeadlineExceeded, NotUnderstood, ProbeError
from pytest_gf.honey.probes.confined import confined

ANSWER = {"version": 4, "names": ["ä", "b"], "nested": {"none": None, "half": 0.5}}


def test_a_value_comes_back_as_it_would_here() -> None:
    body = json.dumps(ANSWER).encode()
    assert confined(json.loads, body, dict, tried="t", seconds=60, large=0) == ANSWER


def test_an_exception_that_is_expected_is_raised_here() -> None:
    code = b"from pytest_gf.engine.errors import ProbeError; raise ProbeError('a', 'b', 'c')"
    with pytest.raises(ProbeError) as raised:
        confined(builtins.exec, code, object, tried="t", seconds=60, large=0, raises=(ProbeError,))
    assert type(raised.value) is ProbeError
    assert (raised.value.tried, raised.value.came_back, raised.value.next_step) == ("a", "b", "c")


def test_a_small_body_starts_no_child() -> None:
    assert confined(os.fsencode, b"x", bytes, tried="t", seconds=0) == b"x"


def children() -> float:
    """Return the largest child's resident MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def test_memory_is_bounded_and_this_process_takes_none_of_it() -> None:
    body = b"[" + b"[]," * 2_000_000 + b"[]]"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(NotUnderstood, match="takes more than 128 MiB of memory"):
        confined(json.loads, body, list, tried="reading JSON", seconds=60, memory=128 * 1024 * 1024)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024
    assert children() < 2_000


def test_a_value_that_is_large_itself_does_not_come_back() -> None:
    with pytest.raises(NotUnderstood):
        confined(base64.b64encode, b"x" * 5_000_000, bytes, tried="t", seconds=60)


def test_it_is_killed_at_its_deadline() -> None:
    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="not decoded within 1 s"):
        confined(builtins.exec, b"while True: pass", object, tried="t", seconds=1, large=0)
    assert time.monotonic() - begun < 30


def test_one_that_dies_is_not_understood() -> None:
    with pytest.raises(NotUnderstood):
        confined(builtins.exec, b"import os; os._exit(9)", object, tried="t", seconds=60, large=0)


def test_an_exception_that_nobody_expects_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match=r"builtins\.ZeroDivisionError: division by zero"):
        confined(builtins.eval, b"1/0", object, tried="t", seconds=60, large=0)


def test_it_has_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-this-process")
    seen = confined(builtins.eval, b"dict(__import__('os').environ)", dict, tried="t", seconds=60, large=0)
    assert "AWS_SECRET_ACCESS_KEY" not in seen


def test_one_at_a_time() -> None:
    done: list[str] = []

    def slow() -> None:
        confined(builtins.eval, b"__import__('time').sleep(1)", type(None), tried="t", seconds=60, large=0)
        done.append("slow")

    thread = threading.Thread(target=slow)
    thread.start()
    time.sleep(0.3)
    with pytest.raises(DeadlineExceeded, match="other bodies were decoded"):
        confined(builtins.eval, b"1", int, tried="t", seconds=0.05, large=0)
    thread.join(60)
    assert done == ["slow"]
