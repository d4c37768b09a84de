"""Addresses of endpoints, as a target or a kubeconfig names them."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit


def parts(url: str) -> SplitResult | None:
    """Return the parts of a URL that names a host and no user, None for any other text."""
    try:
        split = urlsplit(url)
        split.port  # noqa: B018  # Raises ValueError for a port that is no number.
    except ValueError:
        return None
    return split if split.hostname and not split.username and not split.password else None


def is_bare(url: str, schemes: Collection[str]) -> bool:
    """Tell whether a URL of one of these schemes names a server and no more: no user, path, query or fragment."""
    split = parts(url)
    if split is None or split.scheme not in schemes or split.path not in {"", "/"}:
        return False
    return not (split.query or split.fragment)


def is_loopback(url: str) -> bool:
    """Tell whether an endpoint is this machine, which no proxy can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
