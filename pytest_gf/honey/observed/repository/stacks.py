"""OpenTofu's stacks in a checkout: the backend that each declares, what was materialized, and what still speaks HTTP."""

from __future__ import annotations

import glob
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from pytest_gf.honey.formats import hcl
from pytest_gf.honey.formats.hcl import Backend, NoHcl
from pytest_gf.honey.formats.linear import any_of
from pytest_gf.honey.observed.repository import BACKEND, FileFinding, Findings, Sources
from pytest_gf.honey.observed.repository.searching import Lines, chosen, hits, is_among

SUFFIXES = (".tofu", ".tf", ".tofu.json", ".tf.json")
_MENTIONS = re.compile(r"\bbackend\b|\bcloud\"?\s*[:{]")
_SAID = any_of((r"compatib\w*", r"archiv\w*", r"repair", r"retired", r"legacy"))
_OVERRIDE = re.compile(r"(?:^|/|_)override\.(?:tofu|tf)(?:\.json)?$")
_HTTP_VARIABLE = re.compile(r"\bTF_HTTP_[A-Z_]+\b|\bTF_HTTP_\*")

Placed: TypeAlias = tuple[str, Backend]


def stack_files(sources: Sources, folder: str) -> dict[str, str]:
    """Return OpenTofu's files of a stack, those that count: ``x.tofu`` stands before ``x.tf``."""
    below = chosen(sources, [f"{glob.escape(folder)}/*"])
    own = {path: text for path, text in below.items() if path.endswith(SUFFIXES) and posixpath.dirname(path) == folder}
    files = {path: text for path, text in own.items() if not _is_ignored(posixpath.basename(path))}
    beaten = {path.replace(".tofu", ".tf") for path in files if ".tofu" in posixpath.basename(path)}
    return {path: text for path, text in files.items() if path not in beaten}


def _is_ignored(name: str) -> bool:
    """Return whether OpenTofu takes a file for an editor's own."""
    return name.startswith((".", "#")) or name.endswith("~")


def declared(sources: Sources, stack: str, folder: str, key: str) -> Findings:
    """Find what is wrong with the backend that a stack declares: it is s3, once, with this literal key (S074)."""
    files = stack_files(sources, folder)
    base, over, findings = _blocks(files)
    if base or over or not findings:  # Where a file can't be read, its block may be the one that is missing.
        findings += _effective(base, over, files, folder, key)
    promise = f'stack {stack} declares backend "s3" with the key {key}'
    return Findings(BACKEND, promise, f"{len(files)} file(s) in {folder}", findings)


def block_of(sources: Sources, folder: str) -> tuple[str, Backend] | None:
    """Return the backend block that counts, with its file; None where OpenTofu would have none, or refuse them."""
    base, over, unread = _blocks(stack_files(sources, folder))
    return None if unread or len(base) > 1 or not (over or base) else (over or base)[-1]


def _blocks(files: Mapping[str, str]) -> tuple[list[Placed], list[Placed], list[FileFinding]]:
    """Return the backend blocks of a stack's files, those that override them, and what can't be read."""
    base: list[Placed] = []
    over: list[Placed] = []
    findings: list[FileFinding] = []
    for path, text in files.items():
        if not _MENTIONS.search(text):
            continue
        try:
            blocks = hcl.backends(text, is_json=path.endswith(".json"))
        except NoHcl as wrong:
            mend = "make it a file that OpenTofu reads"
            findings.append(FileFinding(path, 1, "unreadable-stack", "it can't be read", mend, str(wrong)))
            continue
        is_override = _OVERRIDE.search(path) is not None
        (over if is_override else base).extend((path, block) for block in blocks)
    return base, over, findings


def _effective(
    base: Sequence[Placed], over: Sequence[Placed], files: Mapping[str, str], folder: str, key: str
) -> Iterator[FileFinding]:
    for path, block in base[1:]:
        what = f"a second block of a backend, beside {base[0][0]}:{base[0][1].line}"
        yield FileFinding(path, block.line, "two-backends", what, "keep one")
    seen: set[str] = set()
    for path, block in over:
        if path in seen:
            what = "a second block of a backend in one overriding file"
            yield FileFinding(path, block.line, "two-backends", what, "keep one")
        seen.add(path)
    if base or over:
        yield from _block(*(over or base)[-1], key)
        return
    path, what = f"{folder}/backend.tf", "the stack is not in this checkout"
    if files:
        path, what = next(iter(files)), "no backend block: init warns and keeps the state in a local file"
    yield FileFinding(path, 1, "no-backend", what, 'declare backend "s3"')


def _block(path: str, block: Backend, key: str) -> Iterator[FileFinding]:
    """Yield what is wrong with the block that counts."""
    mend = f'write key = "{key}"'
    given = block.attributes.get("key")
    if block.kind != "s3":
        what = "a block cloud" if block.kind == hcl.CLOUD else f'backend "{block.kind}"'
        yield FileFinding(path, block.line, "backend-not-s3", what, f'declare backend "s3" with key = "{key}"')
    elif given is None:
        what = "the key is not in the block"
        yield FileFinding(path, block.line, "key-not-literal", what, mend, "the key that init is given")
    elif not isinstance(given, str) or not hcl.is_literal(given):
        yield FileFinding(path, block.key_line, "key-not-literal", "not literal, cannot prove", mend, str(given))
    elif given != key:
        what = f'key = "{given}", and the contract says "{key}"'
        yield FileFinding(path, block.key_line, "wrong-key", what, "change the one that is wrong")


def http_backends(sources: Sources, folders: Sequence[str], compatibility: Sequence[str]) -> Findings:
    """Find GitLab-managed HTTP state in the active stacks (S130)."""
    findings: list[FileFinding] = []
    count = 0
    for folder in folders:
        for path, text in chosen(stack_files(sources, folder), ("*",), compatibility).items():
            count += 1
            if _MENTIONS.search(text):
                findings += _http(path, text)
    return Findings(BACKEND, "no active stack keeps its state in GitLab over HTTP", f"{count} file(s)", findings)


def _http(path: str, text: str) -> Iterator[FileFinding]:
    try:
        blocks = hcl.backends(text, is_json=path.endswith(".json"))
    except NoHcl:
        return  # stack.backend-s3 names it.
    for block in blocks:
        if block.kind == "http":
            mend = 'declare backend "s3"; HTTP state is compatibility-only'
            yield FileFinding(path, block.line, "http-state", 'backend "http"', mend)


def http_variables(sources: Sources, compatibility: Sequence[str]) -> Findings:
    """Find TF_HTTP_* outside of what is archived, repairs, or says itself that it is for compatibility (S006, S076)."""
    findings: list[FileFinding] = []
    for path, text in sources.items():
        if "TF_HTTP_" not in text or is_among(path, compatibility):
            continue
        lines = Lines(text)
        standing = [
            (line, match[0])
            for line, match in hits(lines, _HTTP_VARIABLE)
            if not _SAID.search(lines.around(line)) and not _SAID.search(" ".join(lines.above(line)))
        ]
        if standing:
            line, name = standing[0]
            more = f" and {len(standing) - 1} more" if len(standing) > 1 else ""
            mend = "use TOFU_BACKEND_S3_*, or keep it in an archived or repair path"
            findings.append(FileFinding(path, line, "tf-http", f"{name}{more}", mend))
    return Findings(BACKEND, "TF_HTTP_* stands only where it is for compatibility", f"{len(sources)} file(s)", findings)
