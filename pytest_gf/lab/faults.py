"""Reading faults: what a name and its argument mean. Imports nothing heavy: the plugin lists and checks them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_gf.lab.fault_table import ALL, FAULTS, Fault, Kind

if TYPE_CHECKING:
    from pytest_gf.honey.contract import Contract

__all__ = ["ALL", "FAULTS", "Bend", "Fault", "parse"]


ACTIONS = (
    "ListBuckets",
    "HeadBucket",
    "ListObjects",
    "GetObject",
    "HeadObject",
    "PutObject",
    "CreateBucket",
    "DeleteObject",
    "DeleteBucket",
    ALL,
)
LONGEST_TEXT = 1_000
"""Characters."""
LONGEST_NUMBER = 10
"""Digits."""
LONGEST_DELAY = 600_000
"""Milliseconds."""
DEFECTS = (
    *("deleted", "other", "truncated", "bad-magic", "frame-size", "logical-size", "compression", "chunk-size"),
    *("offset-count", "offsets", "trailing", "flipped", "extra-frame", "bomb", "short-chunk"),
)
ACTION_DEFECTS = (
    "dangling",
    "dangling-stdout",
    "dangling-tree",
    "dangling-in-tree",
    "garbage",
    "strange-digest",
    "too-long",
    "child-missing",
    "wrong-size",
    "root-without-tree",
    "empty",
)
STRAYS = ("upper-case", "no-folder", "other-folder", "neighbour", "deeper", "short", "raw", "rubbish")
ENDINGS = ("gone", "error", "cut")
CANDIDATES = ("dedicated", "dedicated-single", "replicated-rustfs", "local-path", "cache-store")
COMPONENTS = ("attic-api", "attic-database", "bazel-cache")
WAYS = (
    *("ingress", "default-backend", "load-balancer", "node-port", "external-ip", "public-name", "alias"),
    *("http-route", "grpc-route", "tcp-route", "tls-route", "old-route", "mirror", "traefik", "istio"),
    *("selectorless", "alias-chain", "tcp-services", "host-port", "host-network"),
    *("internal-name", "tailnet", "tailscale", "internal-balancer"),
)
BESIDE = ("job", "terminating", "evicted")
TROUBLES = ("crash-loop", "oom-killed", "image-pull", "evicted", "mount-failed")
DATA_VOLUMES = ("claim", "empty-dir", "host-path")
VOLUME_SHAPES = ("hostname", "both", "two-terms", "absent", "released", "foreign", "host-path")
SHAPES = ("claim", "host-path", "bucket", "prefix", "endpoint", "no-s3", "secret", "config-file", "port", "http-only")
VERSIONS = ("beta.7", "newer")
"""RustFS 1.0.0-beta.7, and what was built from June 2026 on: they differ where a disk is offline or mounted over."""
SHARINGS = ("same", "base64", "cut", "padded", "token")
CUTS = ("fin", "rst", "node", "success")
RIGHT = re.compile(r"[a-z]+(?:/[a-z]+)?")
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Bend:
    """A fault with its argument ("" where it has none); ``str`` gives what `parse` reads."""

    name: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.argument}" if self.argument else self.name


def parse(text: str, contract: Contract) -> Bend:
    """Return the bend that ``NAME[:ARGUMENT]`` means. Raises ValueError with one line that says what would be right."""
    name, colon, argument = text.partition(":")
    fault = FAULTS.get(name)
    if fault is None:
        near = difflib.get_close_matches(name, FAULTS, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ValueError(f"unknown fault {name!r}: {hint}pytest --gf-faults lists all")
    if fault.argument is None:
        if colon:
            raise ValueError(f"fault {name} takes no argument, and was given {argument!r}")
        return Bend(name)
    given = argument if colon else fault.default
    if not given:
        raise ValueError(f"fault {name} needs an argument: {name}:{fault.argument.upper()}")
    if given == fault.default:
        return Bend(name, given)
    problem = _CHECKS[fault.argument](given, contract)
    if problem:
        raise ValueError(f"fault {name}: {problem}")
    return Bend(name, given)


def _among(kind: str, given: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    return "" if given in known else f"unknown {kind} {given!r}; known: {', '.join(known)}"


def _milliseconds(given: str, _: Contract) -> str:
    good = given.isascii() and given.isdigit() and len(given) < LONGEST_TEXT and int(given) <= LONGEST_DELAY
    return "" if good else f"expected whole milliseconds up to {LONGEST_DELAY}, not {given!r}"


def _text(given: str, _: Contract) -> str:
    good = len(given) <= LONGEST_TEXT and given.isprintable()
    return "" if good else f"expected at most {LONGEST_TEXT} printable characters"


def _url(given: str, contract: Contract) -> str:
    try:
        parts = urlsplit(given)
    except ValueError:
        return "expected an http or https URL"
    good = parts.scheme in {"http", "https"} and parts.hostname and " " not in given
    return _text(given, contract) if good else "expected an http or https URL"


def _folder(given: str, contract: Contract) -> str:
    if given in contract.buckets:
        return f"{given!r} is a bucket of the contract; expected a folder that is none"
    return "" if BUCKET_NAME.fullmatch(given) else f"expected a valid bucket name, not {given!r}"


def _right(given: str, _: Contract) -> str:
    verb, _space, resource = given.partition(" ")
    good = verb in {"get", "list", "create"} and RIGHT.fullmatch(resource)
    return "" if good else f"expected a verb and a resource, as 'create pods/exec', not {given!r}"


_CHECKS: Mapping[Kind, Callable[[str, Contract], str]] = {
    "bucket": lambda given, contract: _among("bucket", given, contract.buckets),
    "stack": lambda given, contract: _among("stack", given, contract.stacks),
    "action": lambda given, _: _among("action", given, ACTIONS),
    "milliseconds": _milliseconds,
    "text": _text,
    "url": _url,
    "folder": _folder,
    "node": lambda given, contract: _among("node", given, contract.cluster.nodes if contract.cluster else ()),
    "right": _right,
    "defect": lambda given, _: _among("defect", given, DEFECTS),
    "action-defect": lambda given, _: _among("defect", given, ACTION_DEFECTS),
    "ending": lambda given, _: _among("ending", given, ENDINGS),
    "stray": lambda given, _: _among("stray", given, STRAYS),
    "candidate": lambda given, _: _among("candidate", given, CANDIDATES),
    "component": lambda given, _: _among("component", given, COMPONENTS),
    "way": lambda given, _: _among("way", given, WAYS),
    "shape": lambda given, _: _among("shape", given, SHAPES),
    "version": lambda given, _: _among("version", given, VERSIONS),
    "beside": lambda given, _: _among("pod", given, BESIDE),
    "trouble": lambda given, _: _among("trouble", given, TROUBLES),
    "data-volume": lambda given, _: _among("volume", given, DATA_VOLUMES),
    "volume-shape": lambda given, _: _among("shape", given, VOLUME_SHAPES),
    "sharing": lambda given, _: _among("way", given, SHARINGS),
    "cut": lambda given, _: _among("cut", given, CUTS),
    "number": lambda given, _: (
        ""
        if given.isascii() and given.isdigit() and len(given) < LONGEST_NUMBER
        else f"expected a number, not {given!r}"
    ),
}
