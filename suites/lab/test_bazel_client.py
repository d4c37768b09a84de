"""A real Bazel builds with the lab as its remote cache, hits it, and names the digest that a wrong blob has."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.honey.formats import casblob
from pytest_gf.lab import Lab
from pytest_gf.lab.bazel import content

BAZEL = shutil.which("bazel-4")
"""Debian's: a newer one, or bazelisk, would want the network for its modules."""
LONGEST = 300.0
"""Seconds for one command of Bazel's; the first starts its server."""
TARGETS = {"small": 'seq 1 300 > "$@"', "large": 'cat $(SRCS) > "$@"'}

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(BAZEL is None, reason="no bazel-4 here: apt-get install bazel-bootstrap"),
]


@dataclass(frozen=True)
class Workspace:
    """A workspace of two genrules; the output of ``large`` is the lab's largest seeded blob."""

    folder: Path
    root: Path

    def bazel(self, *arguments: str) -> str:
        """Run a command and return what it said."""
        assert BAZEL is not None
        # The system's bazelrc stays: Debian's says where its install base is.
        command = [BAZEL, "--nohome_rc", f"--output_user_root={self.root}", "--max_idle_secs=60", *arguments]
        # PATH is an input of every action: so a fixed one, as what `bazel shutdown` must find of the first call.
        environment = {"PATH": os.defpath, "HOME": str(self.folder), "USER": "lab"}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def build(self, lab: Lab) -> str:
        """Build everything anew, with the lab as remote cache, and return what Bazel said."""
        self.bazel("clean")
        return self.bazel("build", "--color=no", "--curses=no", f"--remote_cache={lab.addresses['bazel']}", "//:all")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("bazel")
    made = Workspace(folder / "workspace", folder / "root")
    made.folder.mkdir()
    (made.folder / "WORKSPACE").touch()
    (made.folder / "largest.bin").write_bytes(content.largest())
    rules = [
        f"genrule(name = {name!r}, srcs = ['largest.bin'], outs = ['{name}.out'], cmd = {command!r})"
        for name, command in TARGETS.items()
    ]
    (made.folder / "BUILD").write_text("\n".join((*rules, "")))
    yield made
    made.bazel("shutdown")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.start(tmp_path / "lab") as started:
        yield started


def chill(lab: Lab) -> None:
    """Empty the hot cache, which hides what S3 has."""
    shutil.rmtree(lab.folder / "bazel-data", ignore_errors=True)


def outputs(workspace: Workspace) -> dict[str, bytes]:
    return {name: (workspace.folder / "bazel-bin" / f"{name}.out").read_bytes() for name in TARGETS}


def test_the_second_build_comes_from_the_lab(lab: Lab, workspace: Workspace, s3: Any) -> None:
    first = workspace.build(lab)
    assert "remote cache hit" not in first
    built = outputs(workspace)
    assert built["large"] == content.largest()
    key = content.blob_key(content.digest(built["small"]))
    stored = s3.get_object(Bucket="bazel-cache", Key=key)["Body"].read()
    assert b"".join(casblob.decode(stored)) == built["small"], "what Bazel wrote reached the bucket"
    chill(lab)
    lab.reset()
    second = workspace.build(lab)
    assert "2 remote cache hit" in second, second
    assert outputs(workspace) == built
    assert lab.counts()["bazel GetActionResult"] == 2
    assert "bazel UpdateActionResult" not in lab.counts()


def test_a_wrong_blob_is_the_mismatch_that_bazel_prints(lab: Lab, workspace: Workspace) -> None:
    """The same words as in a diagnosis of ours; Bazel builds it itself then: a cache slows work and fails nothing."""
    workspace.build(lab)
    chill(lab)
    lab.bend("bazel-blob:other")
    said = workspace.build(lab)
    digest = content.digest(content.largest())
    assert f"Expected digest '{digest}/{len(content.largest())}' does not match received digest" in said, said
    assert "1 remote cache hit" in said
    assert outputs(workspace)["large"] == content.largest()
    lab.mend()
    chill(lab)
    assert "2 remote cache hit" in workspace.build(lab)


def test_without_its_bucket_the_cache_fails_no_build(lab: Lab, workspace: Workspace) -> None:
    lab.bend("bucket-index-lost:bazel-cache")
    said = workspace.build(lab)
    assert "remote cache hit" not in said
    assert outputs(workspace)["large"] == content.largest()
