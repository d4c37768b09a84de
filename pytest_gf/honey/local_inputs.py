"""What clauses about files and variables judge: a checkout and this machine, or the lab's model of both."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import Unproven
from pytest_gf.engine.house import BadInput
from pytest_gf.honey.formats import nixconf

if TYPE_CHECKING:
    from pytest_gf.engine.run import Run
    from pytest_gf.honey.target import Target

LAB = "lab"
LARGEST = 1_000_000
"""Bytes of one configuration file of the machine."""
PREFIXES = ("ATTIC_", "BAZEL_REMOTE_", "TF_HTTP_", "TOFU_BACKEND_", "NIX_CONFIG")
SHOWN = (
    *("ATTIC_SERVER", "ATTIC_CACHE", "BAZEL_REMOTE_CACHE", "BAZEL_REMOTE_EXECUTOR", "NIX_CONFIG"),
    *("TOFU_BACKEND_CONFIG_FILE", "TOFU_BACKEND_CONFIG_DIR", "TF_WORKSPACE", "TF_DATA_DIR", "AWS_REGION"),
    *("AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT", "AWS_ENDPOINT_URL"),
)
"""The variables whose values are read, none of them a credential; of the other ones only the names are."""
BAZEL_FILES = ("~/.bazelrc", "/etc/bazel.bazelrc")
MOST_INCLUDES = 50


@dataclass(frozen=True)
class Machine:
    """This machine's variables and configuration files. ``set_names`` holds every name that `PREFIXES` fits."""

    variables: Mapping[str, str]
    set_names: frozenset[str]
    files: Mapping[str, str]


@dataclass(frozen=True)
class LocalInputs:
    """What the command line and the target chose: a checkout, or the lab's model with its faults (``is_model``)."""

    checkout: Path | None = None
    page: Path | None = None
    run_just: bool = False
    is_model: bool = False
    model: Path | None = None
    """Where the lab's model lies, once it does."""

    def repository(self) -> Path:
        """Return the checkout to judge. Raises Unproven where none was given."""
        if self.model is not None:
            return self.model / "repository"
        if self.checkout is None:
            raise Unproven("no checkout was given", "say --gf-repository=PATH, or [repository] path in the target")
        return self.checkout

    def contract_page(self) -> Path:
        """Return the contract document to compare. Raises Unproven where none was given."""
        if self.page is not None:
            return self.page
        if self.model is not None:
            return self.model / "repository" / "docs" / "contract.md"
        raise Unproven("no contract document was given", "say --gf-contract-page=FILE")

    def machine(self, also: Sequence[str] = ()) -> Machine:
        """Return this machine's variables and files, or the model's; the values of ``also`` are read too."""
        if self.model is None:
            return machine(os.environ, [*BAZEL_FILES, *nixconf.files(os.environ)], also)
        folder = self.model / "environment"
        given = (line.partition("=") for line in (folder / "variables").read_text(encoding="utf-8").splitlines())
        return machine(
            {name: value for name, _, value in given if name},
            [str(folder / "bazelrc"), str(folder / "nix.conf")],
            also,
        )


def chosen(option: Any, target: Target | None) -> LocalInputs:
    """Return what the options choose. Raises `BadInput` for a path that is not there."""
    given = option.gf_repository
    page = Path(os.path.abspath(option.gf_contract_page)) if option.gf_contract_page else None
    if page is not None and not page.is_file():
        raise BadInput(f"--gf-contract-page={option.gf_contract_page}: no such file")
    if given == LAB or (option.gf_fault and given is None):
        return LocalInputs(page=page, run_just=option.gf_run_just, is_model=True)
    checkout = Path(os.path.abspath(given)) if given else target.repository if target is not None else None
    if checkout is not None and not checkout.is_dir():
        raise BadInput(f"--gf-repository={checkout}: no such folder")
    return LocalInputs(checkout, page, option.gf_run_just)


def banner(run: Run) -> list[str]:
    """Return what a run says first where it judges the lab's model of a checkout and a machine."""
    if not run.options_of(LocalInputs).is_model:
        return []
    return ["gf: the checkout and the machine are the lab's model (--gf-repository=PATH for a real checkout)"]


def with_model(inputs: LocalInputs, folder: Path, faults: Sequence[str]) -> LocalInputs:
    """Return the inputs with the lab's model of them laid out and bent in a folder, where the model was chosen."""
    if not inputs.is_model:
        return inputs
    from pytest_gf.lab import model

    model.lay(folder, faults)
    return replace(inputs, model=folder)


def machine(variables: Mapping[str, str], files: Sequence[str], also: Sequence[str] = ()) -> Machine:
    """Return what these variables and files say, and what the files of Nix include; a file that is not there is left out.

    Raises Unproven for one that is there and can't be read.
    """
    begun = time.monotonic()
    names = frozenset(name for name, value in variables.items() if name.startswith(PREFIXES) and value)
    texts: dict[str, str] = {}
    pending = list(files)
    while pending and len(texts) < MOST_INCLUDES:
        name = pending.pop(0)
        text = None if name in texts else _text(name)
        if text is not None:
            texts[name] = text
            if not name.endswith("bazelrc"):
                entries = nixconf.read(name, text, lambda _: None)
                pending += [_beside(name, entry.included) for entry in entries if isinstance(entry, nixconf.Absent)]
    evidence.record("machine", "read", seconds=time.monotonic() - begun, variables=sorted(names), files=sorted(texts))
    return Machine({name: variables[name] for name in (*SHOWN, *also) if variables.get(name)}, names, texts)


def _beside(name: str, included: str) -> str:
    return os.path.normpath(Path(name).parent / included)


def _text(name: str) -> str | None:
    """Return a file's text; None where there is none. Raises Unproven for one that is there and can't be read."""
    path = Path(name).expanduser()
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return stream.read(LARGEST).decode("utf-8", "replace")
    except OSError as wrong:
        raise Unproven(f"{name}: {wrong.strerror or 'can not be read'}", "let this user read it") from None
