"""A public page: whether it answers. Its body is not read."""

from __future__ import annotations

from pytest_gf.engine.redaction import redact
from pytest_gf.honey.answers import Answer
from pytest_gf.honey.probes.again import NotNow, later, retry_after
from pytest_gf.honey.probes.exchange import judged_answer
from pytest_gf.honey.probes.http_client import answer, failure


def answers(url: str, *, deadline: float) -> Answer:
    """Return the answer to GET, redirects not followed. Raises Unanswered, DeadlineExceeded, Throttled."""
    tried = f"GET {redact(url)}"

    def once(seconds: float) -> Answer:
        import httpx

        try:
            with answer(url, seconds) as response:
                return Answer(response.status_code, retry_after=retry_after(response.headers.get("Retry-After")))
        except (httpx.HTTPError, httpx.InvalidURL) as broken:
            raise failure(tried, broken, seconds, "look at the address and the network") from None

    def shown(given: Answer) -> dict[str, str]:
        return {"answer": str(given)}

    return judged_answer("web", "GET", tried, once, seconds=deadline, shown=shown, not_now=_not_now, url=url)


def _not_now(given: Answer) -> NotNow | None:
    return later(given.status, str(given.status), given.retry_after, says_so=given.retry_after is not None)
