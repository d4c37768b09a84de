"""HTTP by httpx: no redirect followed, nothing decoded, no proxy for this machine, and bodies read up to a bound."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pytest_gf.engine.errors import ProbeError, Unanswered
from pytest_gf.honey.endpoint import is_loopback
from pytest_gf.honey.probes.deadline import too_slow
from pytest_gf.honey.probes.exchange import Route, said

if TYPE_CHECKING:
    import ssl

    import httpx


@functools.cache
def authorities(ca_file: str | None, *, trust_env: bool = True) -> ssl.SSLContext:
    """Return what servers' certificates are checked by: the authorities in a file, else those that httpx trusts.

    With ``trust_env`` these are the ones that SSL_CERT_FILE or SSL_CERT_DIR names, where one is set. It is made once a process, since
    that takes longer than an exchange. Raises Unanswered.
    """
    import ssl

    import httpx

    try:
        if ca_file is None:
            return httpx.create_ssl_context(trust_env=trust_env)
        return ssl.create_default_context(cafile=ca_file)
    except OSError as wrong:
        tried = f"reading the certificate authorities in {ca_file or 'what SSL_CERT_FILE or SSL_CERT_DIR names'}"
        raise Unanswered(tried, str(wrong), "name a file of certificates as PEM there") from None


@contextlib.contextmanager
def answer(
    url: str,
    seconds: float,
    *,
    method: str = "GET",
    ca_file: str | None = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Iterator[httpx.Response]:
    """Give an answer's head, its body still unread. Raises what httpx raises; `failure` says what that means.

    Where a redirect points stands in ``extensions["location"]``: httpx would parse the header even where it follows none,
    and break on a malformed one.
    """
    import httpx

    trust_env = not is_loopback(url)
    with (
        httpx.Client(
            timeout=seconds,
            verify=authorities(ca_file, trust_env=trust_env),
            trust_env=trust_env,
            event_hooks={"response": [_set_apart]},
        ) as client,
        client.stream(
            method, url, headers={"Accept-Encoding": "identity", **(headers or {})}, content=content
        ) as response,
    ):
        yield response


def _set_apart(response: httpx.Response) -> None:
    if "Location" in response.headers:
        response.extensions["location"] = response.headers.pop("Location")


def bounded(response: httpx.Response, most: int) -> bytes:
    """Return a small body as it came, undecoded; the rest of one that is longer than ``most`` bytes is not read."""
    body = b""
    for piece in response.iter_raw():
        body += piece
        if len(body) > most:
            break
    return body


def failure(tried: str, broken: Exception, seconds: float, step: str, route: Route | None = None) -> ProbeError:
    """Return what an exception of httpx means: the route broke, the answer was too slow, or nobody answered."""
    import httpx

    if isinstance(broken, httpx.TimeoutException) and not (route is not None and route.broken):
        return too_slow(tried, seconds)
    return Unanswered(tried, said(broken, route), step)
