"""Attic's own client, where it is installed: it pushes out of a store that this run makes for it, and says how that went."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pytest_gf.engine.errors import DeadlineExceeded, ProbeError
from pytest_gf.engine.evidence import record
from pytest_gf.engine.redaction import redact
from pytest_gf.honey import closures
from pytest_gf.honey.formats.closure import Member

NAME = "attic"
PATIENCE = 900.0
"""Seconds of one push."""
LONGEST = 4 * 1024 * 1024
"""Bytes of its output that are kept."""
KEPT = (
    "PATH",
    "LANG",
    "TMPDIR",
    *(name for variable in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for name in (variable, variable.lower())),
)
"""The variables that it gets: no credential."""

_ANSWER = re.compile(r"^(?P<sign>✅|❌) (?P<name>[0-9a-z]{32}-[0-9A-Za-z+._?=-]+)(?P<rest>.*)$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Destination:
    """The cache that it pushes to."""

    address: str
    cache: str
    token: str = field(repr=False)
    ca_file: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a push ended, and what the client said, without a secret."""

    code: int
    stdout: str
    stderr: str

    @property
    def answers(self) -> Mapping[str, tuple[bool, str]]:
        """By base name, whether a path was taken, and what the client said of it."""
        plain = _COLOUR.sub("", self.stderr)
        return {
            answer["name"]: (answer["sign"] == "✅", answer["rest"].strip(" :()")) for answer in _ANSWER.finditer(plain)
        }

    @property
    def last(self) -> str:
        """Its error, or else its last line."""
        lines = [line for line in _COLOUR.sub("", self.stderr).splitlines() if line.strip()]
        return next((line for line in lines if line.startswith("Error")), lines[-1] if lines else "it said nothing")


def is_missing() -> str:
    """Return which program is not on PATH, "" where both are."""
    return next((name for name in (NAME, "nix") if shutil.which(name) is None), "")


def push(place: Destination, members: Iterable[tuple[Member, bytes]]) -> Outcome:
    """Push these paths. Raises ProbeError where the client can't be run to its end."""
    tried = f"attic push to {place.cache} at {place.address}"
    with tempfile.TemporaryDirectory(prefix="gf-attic-") as made:
        folder = Path(made)
        paths = _store(folder, members)
        begun = time.monotonic()
        with _token(folder, place.token) as (token_file, kept_open):
            _configure(folder, place, token_file)
            said = _run(tried, folder, ["push", f"gf:{place.cache}", "--no-closure", *paths], place, kept_open)
    record("Attic", "attic push", seconds=time.monotonic() - begun, paths=len(paths), code=said.code, last=said.last)
    return said


def _store(folder: Path, members: Iterable[tuple[Member, bytes]]) -> list[str]:
    """Make a store of Nix that holds these paths: Attic's client reads from one alone."""
    listed = []

    def noted() -> Iterator[tuple[Member, bytes]]:
        for member, nar in members:
            listed.append(member.store_path)
            yield member, nar

    closures.lay(folder / "cache", noted())
    words = ("copy", "--no-check-sigs", "--from", f"file://{folder / 'cache'}", "--to", str(folder / "root"), *listed)
    try:
        closures.run_nix(shutil.which("nix") or "nix", words, **_nix(folder))
    except closures.Unreadable as wrong:
        raise ProbeError("making a store for Attic's client", str(wrong), "push without --gf-client") from None
    return listed


def _nix(folder: Path) -> dict[str, str]:
    """Return the variables that keep Nix within this folder."""
    places = {name: str(folder / name.lower()) for name in ("HOME", "NIX_STATE_DIR", "NIX_LOG_DIR", "NIX_CONF_DIR")}
    return places | {"NIX_REMOTE": str(folder / "root"), "XDG_CONFIG_HOME": str(folder / "config")}


@contextmanager
def _token(folder: Path, token: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield where the client reads the token: in memory, and on disk only where the system can't do that."""
    if not hasattr(os, "memfd_create"):
        path = folder / "token"
        path.touch(mode=0o600)
        path.write_text(token, encoding="utf-8")
        yield str(path), ()
        return
    descriptor = os.memfd_create("gf-token", 0)
    try:
        os.write(descriptor, token.encode())
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def _configure(folder: Path, place: Destination, token_file: str) -> None:
    path = folder / "config" / NAME / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'[servers.gf]\nendpoint = "{place.address}"\ntoken-file = "{token_file}"\n', encoding="utf-8")


def _run(tried: str, folder: Path, words: Sequence[str], place: Destination, kept_open: tuple[int, ...]) -> Outcome:
    variables = {name: os.environ[name] for name in KEPT if name in os.environ} | _nix(folder)
    variables |= {"SSL_CERT_FILE": place.ca_file} if place.ca_file is not None else {}
    try:
        done = subprocess.run(  # noqa: S603  # The user said --gf-client=attic; the words are ours.
            [shutil.which(NAME) or NAME, *words],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            pass_fds=kept_open,
        )
    except subprocess.TimeoutExpired:
        raise DeadlineExceeded(
            tried, f"still running after {PATIENCE:g} s", "see Attic's log, and what S3 lists"
        ) from None
    except OSError as wrong:
        raise ProbeError(tried, str(wrong), "is the program attic for this machine?") from None
    return Outcome(done.returncode, _text(done.stdout), _text(done.stderr))


def _text(data: bytes) -> str:
    return redact(data[-LONGEST:].decode("utf-8", "replace"))
