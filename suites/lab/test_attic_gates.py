"""The lab's Attic tells who may push as a real atticd does (the same table was asked of one): tokens, caches, gates."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import tomllib
from typing import Any

import httpx
import pytest

from pytest_gf.honey.formats import closure
from pytest_gf.honey.probes.attic import Attic, Upload
from pytest_gf.lab import Lab
from pytest_gf.lab.attic.tokens import Issuer

PUSH, PULL = {"r": 1, "w": 1}, {"r": 1}
ANSWERS: dict[str, tuple[dict[str, Any] | None, int, int]] = {
    "none": (None, 403, 401),
    "push": ({"caches": {"main": PUSH}}, 200, 401),
    "by RS256": ({"caches": {"main": PUSH}, "algorithm": "RS256"}, 200, 401),
    "pull": ({"caches": {"main": PULL}}, 403, 401),
    "another cache": ({"caches": {"other": PUSH}}, 403, 401),
    "a pattern": ({"caches": {"m*": PUSH}}, 200, 401),
    "everything": ({"caches": {"*": PUSH}}, 200, 404),
    "its name before a pattern": ({"caches": {"*": PUSH, "main": PULL}}, 403, 404),
    "expired": ({"caches": {"main": PUSH}, "life": -10}, 403, 401),
    "not yet": ({"caches": {"main": PUSH}, "nbf": int(time.time()) + 999}, 403, 401),
    "issued tomorrow": ({"caches": {"main": PUSH}, "iat": int(time.time()) + 99_999}, 403, 401),
    "true for one": ({"caches": {"main": {"w": True}}}, 403, 401),
    "alg none": ({"caches": {"main": PUSH}, "algorithm": "none"}, 403, 401),
    "HS512": ({"caches": {"main": PUSH}, "algorithm": "HS512"}, 403, 401),
}


def address(lab: Lab) -> str:
    return str(tomllib.loads(lab.target_file.read_text())["attic"]["api"])


def bearer(lab: Lab, said: dict[str, Any] | None) -> dict[str, str]:
    issuer = Issuer(lab.environment["GF_LAB_ATTIC_SECRET"], lab.folder)
    return {} if said is None else {"Authorization": f"Bearer {issuer.token(**said)}"}


@pytest.mark.parametrize("name", ANSWERS)
def test_who_may_ask_what_is_missing(name: str, lab: Lab) -> None:
    said, known, unknown = ANSWERS[name]
    for cache, status in (("main", known), ("unknown", unknown)):
        asked = {"cache": cache, "store_path_hashes": ["0" * 32]}
        url = f"{address(lab)}/_api/v1/get-missing-paths"
        answer = httpx.post(url, headers=bearer(lab, said), json=asked, trust_env=False)
        assert answer.status_code == status, answer.text
        error = {401: "Unauthorized", 403: "AccessError", 404: "NoSuchCache"}.get(status)
        assert answer.json().get("error") == error


def test_a_private_cache_is_401_without_a_grant_and_403_with_another(lab: Lab) -> None:
    lab.bend("attic-private")
    url = f"{address(lab)}/main/nix-cache-info"
    for said, status in ((None, 401), ({"caches": {"main": PULL}}, 200), ({"caches": {"main": {"w": 1}}}, 403)):
        assert httpx.get(url, headers=bearer(lab, said), trust_env=False).status_code == status


def test_gates_that_publish_nothing(lab: Lab) -> None:
    info = {"cache": "main", "store_path": f"/nix/store/{'1' * 32}-x", "nar_hash": f"sha256:{'0' * 64}", "nar_size": 1}
    url = f"{address(lab)}/_api/v1/upload-path"
    header = {"X-Attic-Nar-Info": json.dumps(info)}
    for said, headers, status, says in (
        ({"caches": {"main": PUSH}}, header, 400, "Bad chunk hash or size"),
        ({"caches": {"main": PULL}}, header, 403, "AccessError"),
        (None, header, 403, "AccessError"),
        (None, {}, 400, "X-Attic-Nar-Info must be set"),
    ):
        answer = httpx.put(url, headers=bearer(lab, said) | headers, content=b"x", trust_env=False)
        assert answer.status_code == status
        assert says in answer.text
    bad = {"cache": "main", "store_path_hashes": ["short"]}
    missing = f"{address(lab)}/_api/v1/get-missing-paths"
    answer = httpx.post(missing, headers=bearer(lab, {"caches": {"main": PUSH}}), json=bad, trust_env=False)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (422, "text/plain")


def test_a_token_comes_as_a_bearer_in_any_case_or_as_the_password_of_basic(lab: Lab) -> None:
    """Attic's own client writes `bearer`, and a .netrc makes it basic."""
    token = Issuer(lab.environment["GF_LAB_ATTIC_SECRET"], lab.folder).token(caches={"main": PUSH})
    basic = base64.b64encode(f"anybody:{token}".encode()).decode()
    asked = {"cache": "main", "store_path_hashes": ["0" * 32]}
    url = f"{address(lab)}/_api/v1/get-missing-paths"
    for said, status in (
        (f"bearer {token}", 200),
        (f"BEARER {token}", 200),
        (f"basic {basic}", 200),
        (f"Basic {token}", 403),
        (f"Token {token}", 403),
        (token, 403),
    ):
        answer = httpx.post(url, headers={"Authorization": said}, json=asked, trust_env=False)
        assert answer.status_code == status, said


def test_what_is_long_to_say_of_an_upload_goes_before_it_and_a_content_address_is_given_back(lab: Lab) -> None:
    nar = closure.archive(b"a test of the lab")
    digest = hashlib.sha256(nar).hexdigest()
    names = [f"{at:032x}-x".replace("e", "d") for at in range(120)]
    token = lab.environment["GF_LAB_ATTIC_TOKEN"]
    attic = Attic(address(lab), "main", ca_file=None, deadline=10)
    for references in ((), tuple(names)):
        path = f"/nix/store/{len(references):032d}-x"
        assert attic.upload(token, Upload(path, nar, references, f"fixed:r:sha256:{digest}")).ok
        info = attic.narinfo(path[11:43]).body.decode()
        assert f"CA: fixed:r:sha256:{digest}\n" in info
        assert f"References: {' '.join(sorted(references))}\n" in info
    for size, says in (("x", "must be a valid"), ("9999999", "too large"), ("99", "doesn't match")):
        headers = bearer(lab, {"caches": {"main": PUSH}}) | {"X-Attic-Nar-Info-Preamble-Size": size}
        answer = httpx.put(f"{address(lab)}/_api/v1/upload-path", headers=headers, content=b"{}", trust_env=False)
        assert answer.status_code == 400
        assert says in answer.json()["message"]
