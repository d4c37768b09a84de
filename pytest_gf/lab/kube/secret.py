"""The Secrets of Attic in the emulated cluster, as GloriousFlywheel's tofu/stacks/attic makes them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_gf.lab.bends import Bends
from pytest_gf.lab.kube.objects import meta

CUT = 24
"""Characters of a value that a careless cut leaves."""


@dataclass(frozen=True)
class Values:
    """What lies in Attic's Secrets: the secret of its tokens, the S3 credential; and a token, which lies in none."""

    jwt: str
    access_key: str
    secret_key: str
    token: str = ""


SHARINGS: Mapping[str, Callable[[Values], str]] = {
    "same": lambda held: held.jwt,
    "base64": lambda held: _base64(held.jwt),
    "cut": lambda held: held.jwt[:CUT],
    "padded": lambda held: f' "{held.jwt}"\n',
    "token": lambda held: held.token,
}
"""By the argument of `shared-secret`, what stands in the place of S3's secret key."""


def objects(bends: Bends, held: Values, namespace: str) -> list[Mapping[str, Any]]:
    """Return the Secrets, bent."""
    way = bends.argument("shared-secret")
    secret_key = held.secret_key if way is None else SHARINGS[way](held)
    url = "postgres://attic:lab@attic-pg-rw/attic"
    mine = {"DATABASE_URL": url, "AWS_ACCESS_KEY_ID": held.access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
    made = {
        "attic-jwt-signing": {"hs256-secret-base64": _base64(_base64(held.jwt))},
        "attic-secrets": {name: _base64(value) for name, value in mine.items()},
    }
    gone = "attic-jwt-signing" if bends.on("secret-missing") else ""
    return [
        {"metadata": meta(name, namespace), "type": "Opaque", "data": data}
        for name, data in made.items()
        if name != gone
    ]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
