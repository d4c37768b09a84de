"""deploy/Containerfile is built for real, on a base that debootstrap makes, and its canary on the lab is green inside of it.

buildah's chroot isolation needs root, and no daemon. It takes ten minutes, Debian's mirror and the package index: run it with
``GF_TEST_IMAGE=1 pytest suites/lab/test_image.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BUILDAH, DEBOOTSTRAP = shutil.which("buildah"), shutil.which("debootstrap")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
BASE, IMAGE = "localhost/debian-base:latest", "localhost/pytest-gf:latest"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BUILDAH is None or DEBOOTSTRAP is None or os.geteuid() != 0 or "GF_TEST_IMAGE" not in os.environ,
        reason="GF_TEST_IMAGE=1, buildah, debootstrap and root are needed (apt-get install buildah debootstrap)",
    ),
]
Buildah = Callable[..., str]


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """Run buildah over a storage of its own, which goes with the module."""
    storage = tmp_path_factory.mktemp("buildah")

    def run(*arguments: str, minutes: int = 20) -> str:
        command = [str(BUILDAH), f"--root={storage / 'root'}", f"--runroot={storage / 'run'}", "--storage-driver=vfs"]
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60 * minutes, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
        return done.stdout

    yield run
    shutil.rmtree(storage, ignore_errors=True)


@pytest.fixture(scope="module")
def image(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image, on Debian's Python."""
    base = tmp_path_factory.mktemp("base") / "root"
    packages = "--include=python3,python3-venv,ca-certificates"
    command = [str(DEBOOTSTRAP), "--variant=minbase", packages, "bookworm", str(base), "http://deb.debian.org/debian"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    container = buildah("from", "scratch").strip()
    buildah("add", "--quiet", container, str(base), "/")
    buildah("commit", "--quiet", "--rm", container, BASE)
    shutil.rmtree(base)
    authorities = (
        [f"--volume={AUTHORITIES.parent}:{AUTHORITIES.parent}:ro", f"--build-arg=PIP_CERT={AUTHORITIES}"]
        if AUTHORITIES.is_file()
        else []
    )
    files = ["--file=deploy/Containerfile", "--ignorefile=deploy/Containerfile.ignore"]
    buildah("bud", "--isolation=chroot", *files, *authorities, f"--build-arg=BASE={BASE}", f"--tag={IMAGE}", ".")
    return IMAGE


def test_the_image_is_what_the_pods_ask_for(image: str, buildah: Buildah) -> None:
    inspected: Any = json.loads(buildah("inspect", "--type=image", image))
    config = inspected["OCIv1"]["config"]
    assert config["User"] == "65534:65534"
    assert config["Entrypoint"][:2] == ["pytest", "--gf"]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert not [variable for variable in config["Env"] if "CERT" in variable], (
        "what the build needed is not in the image"
    )


def test_the_canary_is_green_inside_of_it(image: str, buildah: Buildah) -> None:
    """As nobody, with /tmp alone to write to; no compiler, no pip."""
    container = buildah("from", image).strip()
    script = (
        "for each in gcc cc make pip pip3; do ! command -v $each || exit 3; done; "
        "! touch /opt/x /opt/pytest-gf/x /x 2>/dev/null || exit 4; "
        "pytest --gf -p no:cacheprovider -m canary --gf-strict --gf-reports=/tmp/reports"
    )
    said = buildah("run", "--isolation=chroot", container, "--", "sh", "-c", script)
    assert "LAB - honey was not observed" in said
    assert " passed" in said
    buildah("rm", container)
