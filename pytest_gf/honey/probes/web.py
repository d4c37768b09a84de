"""A public page: whether it answers. Its body is not read."""

from __future__ import annotations

import time
from http import HTTPStatus

from pytest_gf.engine.errors import Unanswered
from pytest_gf.engine.evidence import record
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.probes.again import NotNow, retry_after, settled
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.s3_client import is_loopback


def answers(url: str, *, deadline: float) -> Answer:
    """Return the answer to a GET, redirects not followed; a 429 is asked again. Raises Unanswered, DeadlineExceeded, Throttled."""
    tried = f"GET {url}"
    answer, _ = settled(
        tried,
        lambda left: within(left, tried, lambda: _ask(url, left)),
        seconds=deadline,
        not_now=lambda asked: (
            NotNow(str(asked[0]), asked[1]) if asked[0].status == HTTPStatus.TOO_MANY_REQUESTS else None
        ),
    )
    return answer


def _ask(url: str, seconds: float) -> tuple[Answer, float | None]:
    import httpx

    begun = time.monotonic()
    trusting = not is_loopback(url)
    headers = {"Accept-Encoding": "identity"}
    try:
        with (
            httpx.Client(timeout=seconds, trust_env=trusting, follow_redirects=False, headers=headers) as client,
            client.stream("GET", url) as response,
        ):
            answer, pause = Answer(response.status_code), retry_after(response.headers.get("Retry-After"))
    except (httpx.HTTPError, httpx.InvalidURL) as wrong:
        raise Unanswered(
            f"GET {url}", f"{type(wrong).__name__}: {wrong}", "look at the address and the network"
        ) from None
    record("web", "GET", seconds=time.monotonic() - begun, url=url, answer=str(answer))
    return answer, pause
