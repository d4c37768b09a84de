"""Signature Version 4 as the audit makes it, by its own HMAC: compared with the lab's check, which boto3 is compared with."""

from __future__ import annotations

import pytest

from pytest_gf.honey.probes import sigv4
from pytest_gf.lab.rustfs import sigv4 as server_side
from pytest_gf.lab.rustfs.call import Call, Refusal


def test_a_server_that_checks_signatures_accepts_ours() -> None:
    """The lab's own check of signature version 4 is compared with boto3 elsewhere."""
    identities = {"KEY": "SECRET-OF-THE-TEST"}
    signer = sigv4.Signer(("KEY", "SECRET-OF-THE-TEST"), "us-east-1", "h:1")
    query = f"list-type=2&prefix={sigv4.encoded('a b/ü+~')}"
    for path, asked in (("/b", query), (f"/b/{sigv4.encoded('cas.v2/00/é', safe='/')}", "")):
        lines = signer.request("GET", path, asked).decode().split("\r\n")
        headers = tuple((name.lower(), value) for name, _, value in (line.partition(": ") for line in lines[1:-2]))
        signed = server_side.check(Call("GET", path, asked, headers, b""), identities)
        assert signed is not None
        assert signed.access_key == "KEY"
        with pytest.raises(Refusal, match="SignatureDoesNotMatch"):
            server_side.check(Call("GET", f"{path}x", asked, headers, b""), identities)
