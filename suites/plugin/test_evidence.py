"""What is kept of an exchange: when it began, whatever the probe says beside it."""

from __future__ import annotations

import contextvars
import datetime
import time

from pytest_gf.engine import evidence


def test_no_detail_takes_the_place_of_what_every_exchange_has() -> None:
    """REAPI's own `at`, an address, stood where its instant belongs: no log could be laid beside it."""
    kept = evidence.Evidence()

    def record() -> None:
        evidence.collect_into(kept)
        evidence.record("REAPI", "Read", seconds=1.0, at="grpc://127.0.0.1:1", answer="OK")

    contextvars.copy_context().run(record)
    (exchange,) = kept.exchanges
    assert abs(datetime.datetime.fromisoformat(exchange["at"]).timestamp() + 1 - time.time()) < 60
    assert exchange["answer"] == "OK"
