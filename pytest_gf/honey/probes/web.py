"""A public page: whether it answers. Its body is not read."""

from __future__ import annotations

import time

from pytest_gf.engine.errors import DeadlineExceeded, Unanswered
from pytest_gf.engine.evidence import record
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.probes.s3_client import is_loopback


def answers(url: str, *, deadline: float) -> Answer:
    """Return the answer to one GET, redirects not followed. Raises Unanswered, DeadlineExceeded."""
    import httpx

    begun = time.monotonic()
    trusting = not is_loopback(url)
    try:
        with (
            httpx.Client(timeout=deadline, trust_env=trusting, follow_redirects=False) as client,
            client.stream("GET", url) as response,
        ):
            answer = Answer(response.status_code)
    except httpx.TimeoutException:
        raise DeadlineExceeded(
            f"GET {url}", f"no answer within {deadline:g} s", "ask again; look at the network"
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL) as wrong:
        raise Unanswered(
            f"GET {url}", f"{type(wrong).__name__}: {wrong}", "look at the address and the network"
        ) from None
    record("web", "GET", seconds=time.monotonic() - begun, url=url, answer=str(answer))
    return answer
