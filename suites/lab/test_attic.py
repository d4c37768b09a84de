"""The lab's Attic, and our probe against it: uploads, tokens, bodies cut at any byte, redirects; a real Nix beside it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.engine.errors import DeadlineExceeded
from pytest_gf.honey.formats import closure, narinfo
from pytest_gf.honey.formats.nar import Directory, Regular, write
from pytest_gf.honey.formats.narbody import NarBody
from pytest_gf.honey.probes.attic import Attic, Upload
from pytest_gf.honey.probes.attic_answers import S3Endpoint
from pytest_gf.lab import Lab
from pytest_gf.lab.attic.tokens import CLAIM, token

STORE = "/nix/store"


def section(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(lab.target_file.read_text())["attic"]
    return found


def probe(lab: Lab, *, deadline: float = 10.0) -> Attic:
    return Attic(section(lab)["api"], "main", ca_file=None, deadline=deadline)


def push(lab: Lab, name: str, data: bytes, *, bearer: str | None = None, hashed: str = "") -> httpx.Response:
    """Upload an archive as Attic's client does."""
    digest = hashed or hashlib.sha256(data).hexdigest()
    path = f"{STORE}/{name:0<32}-pushed"
    said = {
        "cache": "main",
        "store_path_hash": path[11:43],
        "store_path": path,
        "references": [],
        "nar_hash": f"sha256:{digest}",
    }
    bearer = lab.environment["GF_LAB_ATTIC_TOKEN"] if bearer is None else bearer
    headers = {"X-Attic-Nar-Info": json.dumps(said | {"nar_size": len(data)}), "Authorization": f"Bearer {bearer}"}
    return httpx.put(f"{section(lab)['api']}/_api/v1/upload-path", content=data, headers=headers, trust_env=False)


def streamed(lab: Lab, store_hash: str) -> tuple[Any, NarBody]:
    """Read a path by our probe, its redirect followed."""
    attic = probe(lab)
    info = narinfo.parse(attic.narinfo(store_hash).body)
    body = NarBody(info.compression, info.nar_size)
    return attic.nar(info.url, info.nar_size, body, S3Endpoint(lab.addresses["s3"]))[-1], body


def test_a_pushed_path_reads_back(lab: Lab) -> None:
    for name, size in (("s1", 100), ("s2", 200_000)):
        data = b"".join(write(Directory({b"f": Regular(os.urandom(size))})))
        assert push(lab, name, data).json()["kind"] == "Uploaded"
        assert push(lab, name, data).json()["kind"] == "Deduplicated"
        transfer, body = streamed(lab, f"{name:0<32}")
        body.finish()
        assert (transfer.status, transfer.cut, body.trouble) == (200, "", "")
        assert body.sha256 == hashlib.sha256(data).digest()


def test_a_lost_bucket_fails_new_uploads_and_hides_behind_known_paths(lab: Lab) -> None:
    data = os.urandom(1000)
    assert push(lab, "d1", data).status_code == 200
    lab.bend("bucket-index-lost:attic")
    assert push(lab, "d1", data).json()["kind"] == "Deduplicated", "a dead store says so too"
    assert push(lab, "d2", os.urandom(1000)).status_code == 500
    assert probe(lab).narinfo("d1".ljust(32, "0")).status == 200


def test_a_push_whose_chunk_was_lost_stays_so_and_keeps_no_later_fault_off(lab: Lab) -> None:
    lab.bend("attic-push-gone")
    assert push(lab, "g1", os.urandom(1000)).json()["kind"] == "Deduplicated"
    lab.mend()
    small = section(lab)["nar_paths"]["small"]
    lab.bend("attic-chunk-deleted")
    assert streamed(lab, small)[0].status != 200
    lab.mend()
    assert streamed(lab, small)[0].cut == ""
    assert streamed(lab, "g1".ljust(32, "0"))[0].status != 200


def test_who_may_not_push_is_refused_in_one_way(lab: Lab) -> None:
    secret = lab.environment["GF_LAB_ATTIC_SECRET"]
    strange: list[str] = [
        "x",
        "no.token",
        "a.b.c",
        token("another secret", r=1, w=1),
        token(secret, r=1),
        token(secret, life=-10, r=1, w=1),
        token(secret, r=1, w=True),
    ]
    assert CLAIM.endswith("/v1")
    for bearer in strange:
        answer = push(lab, "w1", b"data", bearer=bearer)
        assert (answer.status_code, answer.json()["error"]) == (403, "AccessError")
    assert push(lab, "w1", b"data", hashed="0" * 64).status_code == 400


@pytest.mark.parametrize("at", [0, 1, 37, 262_143, 300_000, 500_000])
def test_a_body_that_is_cut_is_seen_as_cut(lab: Lab, at: int) -> None:
    lab.bend(f"attic-body-cut:{at}")
    transfer, _ = streamed(lab, section(lab)["nar_paths"]["large"])
    assert transfer.status == 200
    assert transfer.cut
    assert transfer.received == at


def test_who_never_answers_is_no_verdict(lab: Lab) -> None:
    lab.bend("attic-silent")
    with pytest.raises(DeadlineExceeded):
        probe(lab, deadline=0.5).cache_info()


def test_a_redirect_is_a_credential_and_is_shown_nowhere(lab: Lab) -> None:
    attic, url = probe(lab), f"nar/{section(lab)['nar_paths']['small']}.nar"
    way = S3Endpoint(lab.addresses["s3"])
    (first,) = attic.nar(url, 5000, NarBody("zstd", 5000), S3Endpoint("http://s3.invalid"))
    assert "X-Amz-Signature" in first.location, "another host than the way's is not asked"
    assert "X-Amz" not in repr(first)
    assert [each.status for each in attic.nar(url, 5000, NarBody("zstd", 5000), way)] == [307, 200]
    lab.bend("unreachable")
    nobody = attic.nar(url, 5000, NarBody("zstd", 5000), way)[-1]
    assert nobody.refused
    assert "Signature" not in repr(nobody)


@pytest.mark.parametrize("url", ["http://elsewhere.invalid/nar/x.nar", "http://[", "file:///etc/hosts"])
def test_a_url_that_leads_away_is_not_asked(lab: Lab, url: str) -> None:
    assert probe(lab).elsewhere(url)
    assert not probe(lab).elsewhere("nar/x.nar")


@pytest.mark.parametrize("compression", ["none", "xz", "zstd"])
def test_each_compression_is_read_strictly(compression: str) -> None:
    data, packed = _packed(compression)
    body = NarBody(compression, len(data))
    for at in range(0, len(packed), 1000):
        body.feed(packed[at : at + 1000])
    body.finish()
    assert (body.trouble, body.size, body.sha256) == ("", len(data), hashlib.sha256(data).digest())


@given(compression=st.sampled_from(["none", "xz", "zstd"]), cut=st.integers(0, 10**6), flip=st.integers(0, 10**6))
def test_no_cut_and_no_flip_passes(compression: str, cut: int, flip: int) -> None:
    data, packed = _packed(compression)
    short = NarBody(compression, len(data))
    short.feed(packed[: cut % len(packed)])
    short.finish()
    assert short.trouble
    altered = bytearray(packed)
    altered[flip % len(packed)] ^= 1 + cut % 255
    other = NarBody(compression, len(data))
    other.feed(bytes(altered))
    other.finish()
    assert other.trouble or other.sha256 != hashlib.sha256(data).digest() or other.size == len(data)
    if not other.trouble and other.sha256 == hashlib.sha256(data).digest():
        assert compression != "none", "only a frame's own fields can differ and leave the archive the same"


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    import lzma

    import zstandard

    zeros = bytes(64 * 1024 * 1024)
    for compression, packed in (("zstd", zstandard.compress(zeros)), ("xz", lzma.compress(zeros))):
        body = NarBody(compression, 1000)
        body.feed(packed)
        assert body.trouble
        assert body.size <= 2 * 1024 * 1024


def _packed(compression: str) -> tuple[bytes, bytes]:
    import lzma

    import zstandard

    data = b"".join(write(Directory({b"a": Regular(b"hello\n" * 500), b"b": Regular(b"x" * 77, executable=True)})))
    ways: dict[str, Callable[[bytes], bytes]] = {
        "none": lambda plain: plain,
        "xz": lambda plain: b"".join(lzma.compress(plain[at : at + 1500]) for at in range(0, len(plain), 1500)),
        "zstd": lambda plain: b"".join(zstandard.compress(plain[at : at + 1500]) for at in range(0, len(plain), 1500)),
    }
    return data, ways[compression](data)


@pytest.mark.real
@pytest.mark.skipif(shutil.which("nix") is None, reason="no nix here: apt-get install nix-bin")
class TestNix:
    """A real Nix substitutes from the lab, and says of a cut body what the incident is known by."""

    def copy(
        self, lab: Lab, folder: Path, name: str, *, surface: str = "api", key: str = ""
    ) -> subprocess.CompletedProcess[str]:
        store_hash = section(lab)["nar_paths"][name]
        path = narinfo.parse(probe(lab).narinfo(store_hash).body).store_path
        return self.copied(lab, folder, path, surface=surface, key=key)

    def copied(
        self, lab: Lab, folder: Path, *paths: str, surface: str = "api", key: str = ""
    ) -> subprocess.CompletedProcess[str]:
        said = section(lab)
        places = {name: str(folder / name) for name in ("NIX_STATE_DIR", "NIX_LOG_DIR", "NIX_CONF_DIR", "HOME")}
        environment = places | {"PATH": os.environ["PATH"], "NIX_SSL_CERT_FILE": str(lab.folder / "ca.pem")}
        command = ["nix", "--extra-experimental-features", "nix-command", "copy", "--from", f"{said[surface]}/main"]
        command += ["--to", str(folder / "store"), "--option", "trusted-public-keys", key or said["public_key"]]
        command += ["--option", "narinfo-cache-positive-ttl", "0", "--option", "download-attempts", "1", *paths]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)

    @pytest.mark.parametrize(("name", "surface"), [("small", "api"), ("large", "api"), ("incident", "https")])
    def test_it_copies_and_verifies(self, lab: Lab, tmp_path: Path, name: str, surface: str) -> None:
        done = self.copy(lab, tmp_path, name, surface=surface)
        assert done.returncode == 0, done.stderr
        assert list((tmp_path / "store" / "nix" / "store").glob(f"*-gf-{name}"))

    def test_it_copies_a_closure_that_was_pushed_to_it(self, lab: Lab, tmp_path: Path) -> None:
        """The probe sorts references, which the server signs as they come; a content address is given back."""
        made = [*closure.synthetic(22, b"for nix"), *closure.fresh_pair(b"for nix")]
        attic = Attic(section(lab)["api"], "main", ca_file=None, deadline=10)
        for member, nar in made:
            upload = Upload(member.store_path, nar, member.references, member.ca)
            assert attic.upload(lab.environment["GF_LAB_ATTIC_TOKEN"], upload).ok
        for paths in ((made[21][0].store_path,), tuple(member.store_path for member, _ in made[22:])):
            done = self.copied(lab, tmp_path, *paths)
            assert done.returncode == 0, done.stderr
        there = {path.name for path in (tmp_path / "store" / "nix" / "store").iterdir()}
        assert {member.name for member, _ in made} <= there, "the root's closure came with it"

    def test_it_refuses_another_key(self, lab: Lab, tmp_path: Path) -> None:
        lab.bend("attic-wrong-key")
        done = self.copy(lab, tmp_path, "small")
        assert done.returncode != 0
        assert "lacks a valid signature" in done.stderr

    def test_a_cut_body_is_a_partial_file(self, lab: Lab, tmp_path: Path) -> None:
        lab.bend("attic-chunk-deleted")
        done = self.copy(lab, tmp_path, "large")
        assert done.returncode != 0
        assert "Transferred a partial file" in done.stderr

    def test_a_flipped_byte_is_a_hash_mismatch(self, lab: Lab, tmp_path: Path) -> None:
        lab.bend("attic-flipped")
        done = self.copy(lab, tmp_path, "small")
        assert done.returncode != 0
        assert "hash mismatch" in done.stderr
