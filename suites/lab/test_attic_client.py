"""Attic's own client, where it is installed, pushes to the lab; a stand-in of it shows what a run makes of what it says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.honey import clients
from pytest_gf.lab import Lab

ONE = (
    "-m",
    "publication",
    "--gf-profile=one-path",
    "--gf-confirm=probe-attic-publication",
    "-k",
    "not stores-in-bucket",
)
NAMES = ("5jibcb4hhpcr8s664mpfm6ivwiq8rkdq-a", "g0aqify4xbbajwl2vzb50gd9bpv25jw2-b.c")
STDERR = f"""⚙️ Pushing 2 paths to "main" on "gf" (0 already cached, 0 in upstream)...
\x1b[32m✅ {NAMES[0]} (389.99 KiB/s)\x1b[0m
❌ {NAMES[1]}: InternalServerError: The server encountered an internal error or misconfiguration.
Error: InternalServerError: The server encountered an internal error or misconfiguration.
"""
"""As attic-client 0.1.0 of 2026-06 wrote it."""


def on(lab: Lab, run_pytest: Any, *arguments: str, path: str = "") -> Any:
    environment = dict(lab.environment) | {
        "PATH": f"{path}{os.pathsep}{os.environ['PATH']}" if path else os.environ["PATH"]
    }
    return run_pytest(*ONE, *arguments, f"--gf-target={lab.target_file}", lean=True, environment=environment)


def test_what_the_client_says_of_each_path_is_read() -> None:
    said = clients.Outcome(1, "", STDERR)
    assert said.answers == {
        NAMES[0]: (True, "389.99 KiB/s"),
        NAMES[1]: (False, "InternalServerError: The server encountered an internal error or misconfiguration."),
    }
    assert said.last.startswith("Error: InternalServerError")
    assert clients.Outcome(1, "", "").last == "it said nothing"
    assert clients.Outcome(0, "", "✅ All done! (2 already cached, 0 in upstream)\n").answers == {}


@pytest.mark.parametrize(
    ("said", "says"),
    [("nix", "--gf-client=nix: expected attic"), ("attic", "is not on PATH; nothing was sent")],
)
def test_without_it_nothing_is_sent(said: str, says: str, lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    environment = dict(lab.environment) | {"PATH": str(tmp_path)}
    outcome = run_pytest(
        *ONE, f"--gf-client={said}", f"--gf-target={lab.target_file}", lean=True, environment=environment
    )
    assert outcome.exit == 4
    assert says in outcome.text
    assert lab.counts().get("attic UploadPath", 0) == 0


FAKE = """#!/bin/sh
token=$(sed -n 's/^token-file = "\\(.*\\)"/\\1/p' "$XDG_CONFIG_HOME/attic/config.toml")
echo "endpoint and token: $(cat "$XDG_CONFIG_HOME/attic/config.toml") $(cat "$token")"
env >&2
for each in "$@"; do case "$each" in
*short) echo "✅ ${each#/nix/store/} (1 KiB/s)" >&2;;
*long) echo "❌ ${each#/nix/store/}: HTTP 507 Insufficient Storage" >&2;;
esac; done
exit 1
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nix") is None, reason="no nix here: apt-get install nix-bin")
def test_what_it_says_is_kept_and_classed_and_no_secret_is_in_it(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    (tmp_path / "attic").write_text(FAKE)
    (tmp_path / "attic").chmod(0o755)
    outcome = on(lab, run_pytest, "--gf-client=attic", path=str(tmp_path))
    row = outcome.verdicts()["publication.pushed[one-path]"]
    assert row["verdict"] == "violated"
    assert "1 of 2 pushes were not taken (server full)" in row["reason"]
    assert "one-path by Attic's own client: 2 paths requested" in row["reason"]
    kept = {path.name: path.read_text() for path in (outcome.folder / "publication").iterdir()}
    assert "❌" in kept["push.stderr.txt"]
    assert "endpoint and token" in kept["push.stdout.txt"]
    held = [value for name, value in lab.environment.items() if "TOKEN" in name or "KEY" in name]
    for text in (outcome.text, *kept.values()):
        assert not [value for value in held if value and value in text]
    assert "GF_LAB_ATTIC_TOKEN" not in kept["push.stderr.txt"], "it gets no variable of the run's"


@pytest.mark.real
@pytest.mark.skipif(clients.is_missing() != "", reason="no attic here: build attic-client from its source")
def test_the_real_client_pushes_to_the_lab(lab: Lab, run_pytest: Any) -> None:
    outcome = on(lab, run_pytest, "--gf-client=attic")
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("holds") == set(outcome.verdicts())
    kept = (outcome.folder / "publication" / "push.stderr.txt").read_text()
    assert kept.count("✅") == 2
    lab.bend("attic-upload-error")
    refused = on(lab, run_pytest, "--gf-client=attic")
    assert "2 of 2 pushes were not taken (unknown)" in refused.verdicts()["publication.pushed[one-path]"]["reason"]
