"""`pytest -m nar --gf-store-hash=…`: archives on demand, told apart; and Attic through a route, with no secret shown."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.lab import Lab

NEVER = "0" * 32


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="module")
def hashes(lab: Lab) -> dict[str, str]:
    """The seeded paths' store hashes, which are the same in every lab."""
    found: dict[str, str] = tomllib.loads(lab.target_file.read_text())["attic"]["nar_paths"]
    return found


def test_a_named_archive_streams_whole(hashes: dict[str, str], run_pytest: Any, tmp_path: Path) -> None:
    listed = tmp_path / "paths"
    listed.write_text(f"/nix/store/{hashes['large']}-gf-large\n{hashes['small']}\n")
    outcome = run_pytest("-m", "nar", f"--gf-store-hash={hashes['small']}", f"--gf-store-hash=@{listed}")
    assert outcome.exit == 0, outcome.text
    rows = {
        f"attic.store-hash-whole[{surface}-{hashes[name]}]"
        for surface in ("api", "https")
        for name in ("small", "large")
    }
    assert outcome.rows("holds") == rows


@pytest.mark.upholds("S112")
@pytest.mark.parametrize(
    ("fault", "name", "says"),
    [
        ("attic-chunk-deleted", "large", "cut body"),
        ("attic-chunk-deleted", "small", "404 NoSuchKey"),
        ("bucket-index-lost:attic", "small", "404 NoSuchBucket"),
        ("bucket-index-lost:attic", "large", "the cause: bucket-index loss or bucket gone"),
        ("attic-wrong-secret", "small", "403 SignatureDoesNotMatch"),
        ("unreachable", "small", "refused: nobody answers"),
        ("attic-chunk-unreferenced", "large", "503 IncompleteNar"),
        ("attic-nar-error", "large", "500 InternalServerError"),
        ("attic-flipped", "large", "hash mismatch"),
    ],
)
def test_each_failure_of_a_body_has_its_name(  # noqa: PLR0917  # pytest's fixtures.
    fault: str, name: str, says: str, hashes: dict[str, str], lab: Lab, drill: Any, tmp_path: Path
) -> None:
    outcome = drill("-m", "nar", f"--gf-store-hash={hashes[name]}").judge(tmp_path, fault, lab=lab)
    assert outcome.verdicts()
    for row in outcome.verdicts().values():
        assert row["verdict"] == "violated"
        assert says in row["reason"]
        assert "keep --fallback: this is cache-object availability debt, and not the HA decision" in row["next_step"]
        assert ("re-pushing the path does not repair it" in row["next_step"]) == (fault != "attic-chunk-unreferenced")


def test_what_is_not_in_the_cache_is_said_so(run_pytest: Any) -> None:
    outcome = run_pytest("-m", "nar", f"--gf-store-hash={NEVER}")
    assert outcome.exit == 1
    assert "not in the cache: 404 NoSuchObject" in outcome.text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "-m nar: --gf-store-hash=HASH names what is to be streamed"),
        (("--gf-store-hash=short",), "--gf-store-hash=short: expected 32 characters of Nix's base 32"),
        (("--gf-store-hash=" + "e" * 32,), "expected 32 characters of Nix's base 32"),
        (("--gf-store-hash=@/nowhere/at/all",), "--gf-store-hash=@/nowhere/at/all: can't be read"),
    ],
)
def test_a_bad_hash_is_one_line(arguments: tuple[str, ...], says: str, refused: Any) -> None:
    outcome = refused("-m", "nar", *arguments)
    assert outcome.exit == 4
    assert says in outcome.text
    assert "Traceback" not in outcome.text


def test_a_redirect_goes_through_the_route(lab: Lab, run_pytest: Any) -> None:
    """S3 inside of the cluster is named by the redirect, and reached by the port-forward of [routes]."""
    outcome = run_pytest(
        "-m",
        "canary",
        "-k",
        "nar-whole",
        f"--gf-target={lab.folder / 'routed.toml'}",
        environment=dict(lab.environment),
    )
    assert outcome.exit == 0, outcome.text
    row = "attic.nar-whole[api-small]"
    assert row in outcome.rows("holds")
    evidence = "".join(path.read_text() for path in (outcome.folder / "evidence").glob("*attic_nar*"))
    assert "svc.cluster.local:9000" in evidence
    assert "X-Amz-Signature" not in evidence


def test_without_paths_bodies_are_unproven(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    target = tmp_path / "target.toml"
    text = (
        lab.target_file.read_text()
        .replace('"ca.pem"', f'"{lab.folder / "ca.pem"}"')
        .replace('"kubeconfig"', f'"{lab.folder / "kubeconfig"}"')
    )
    target.write_text("\n".join(line for line in text.splitlines() if not line.startswith(("nar_paths", "public_key"))))
    outcome = run_pytest(
        "-m",
        "canary",
        "-k",
        "attic and not rustfs and not state",
        f"--gf-target={target}",
        environment=dict(lab.environment),
    )
    unproven = {row.partition("[")[0] for row in outcome.rows("unproven")}
    assert unproven == {"attic.nar-whole", "attic.narinfo-signed", "attic.key-pinned"}
    assert "Attic has no listing" in outcome.text
