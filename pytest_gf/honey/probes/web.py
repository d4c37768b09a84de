"""A public page: whether it answers. Its body is not read."""

from __future__ import annotations

import time

from pytest_gf.engine.errors import DeadlineExceeded, Unanswered
from pytest_gf.engine.evidence import record
from pytest_gf.engine.redaction import redact
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.probes.again import NotNow, retry_after, settled
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.s3_client import is_loopback

TOO_MANY, UNAVAILABLE = 429, 503


def answers(url: str, *, deadline: float) -> Answer:
    """Return the answer to GET, redirects not followed. Raises Unanswered, DeadlineExceeded, Throttled."""
    tried = f"GET {redact(url)}"

    def ask(left: float) -> tuple[Answer, NotNow | None]:
        begun = time.monotonic()
        answer, again = within(left, tried, lambda: _ask(tried, url, left))
        record("web", "GET", seconds=time.monotonic() - begun, url=url, answer=str(answer))
        return answer, again

    return settled(tried, ask, seconds=deadline, not_now=lambda outcome: outcome[1])[0]


def _ask(tried: str, url: str, seconds: float) -> tuple[Answer, NotNow | None]:
    import httpx

    try:
        with (
            httpx.Client(timeout=seconds, trust_env=not is_loopback(url), follow_redirects=False) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            status, pause = response.status_code, retry_after(response.headers.get("Retry-After"))
    except httpx.TimeoutException:
        raise DeadlineExceeded(tried, f"no answer within {seconds:.3g} s", "ask again; look at the network") from None
    except (httpx.HTTPError, httpx.InvalidURL) as wrong:
        said = redact(f"{type(wrong).__name__}: {wrong}")[:300]
        raise Unanswered(tried, said, "look at the address and the network") from None
    later = status == TOO_MANY or (status == UNAVAILABLE and pause is not None)
    return Answer(status), NotNow(str(status), pause) if later else None
