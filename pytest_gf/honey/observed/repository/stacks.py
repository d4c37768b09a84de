"""OpenTofu's stacks in a checkout: the backend that each declares, what was materialized, and what still speaks HTTP."""

from __future__ import annotations

import glob
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from pytest_gf.honey.formats import hcl
from pytest_gf.honey.formats.hcl import Backend, NoHcl
from pytest_gf.honey.observed.repository import BACKEND, Finding, Findings, Sources
from pytest_gf.honey.observed.repository.searching import any_of, around, chosen, headings_above, hits, is_among

SUFFIXES = (".tofu", ".tf", ".tofu.json", ".tf.json")
_MENTIONS = re.compile(r"\bbackend\b|\bcloud\"?\s*[:{]")
_SAID = any_of([r"compatib\w*", r"archiv\w*", r"repair", r"retired", r"legacy"])
_HTTP_VARIABLE = re.compile(r"\bTF_HTTP_[A-Z_]+\b|\bTF_HTTP_\*")


def stack_files(sources: Sources, folder: str) -> dict[str, str]:
    """Return OpenTofu's files of a stack, those that count: ``x.tofu`` stands before ``x.tf``."""
    below = chosen(sources, [f"{glob.escape(folder)}/*"])
    found = {
        path: text
        for path, text in below.items()
        if path.endswith(SUFFIXES) and posixpath.dirname(path) == folder and not _is_ignored(posixpath.basename(path))
    }
    beaten = {path.replace(".tofu", ".tf") for path in found if ".tofu" in posixpath.basename(path)}
    return {path: text for path, text in found.items() if path not in beaten}


def _is_ignored(name: str) -> bool:
    """Return whether OpenTofu takes a file for an editor's own."""
    return name.startswith((".", "#")) or name.endswith("~")


def declared(sources: Sources, stack: str, folder: str, key: str) -> Findings:
    """Find what is wrong with the backend that a stack declares: it is s3, once, with this literal key (S074)."""
    files = stack_files(sources, folder)
    base, over, found = _blocks(files)
    if base or over or not found:  # Where a file can't be read, its block may be the one that is missing.
        found += _effective(base, over, files, folder, key)
    return Findings(
        BACKEND, f'stack {stack} declares backend "s3" with the key {key}', f"{len(files)} file(s) in {folder}", found
    )


def block_of(sources: Sources, folder: str) -> tuple[str, Backend] | None:
    """Return the backend block that counts, with its file; None where OpenTofu would have none, or refuse them."""
    base, over, unread = _blocks(stack_files(sources, folder))
    return None if unread or len(base) > 1 or not (over or base) else (over or base)[-1]


def _blocks(
    files: Mapping[str, str],
) -> tuple[list[tuple[str, Backend]], list[tuple[str, Backend]], list[Finding]]:
    """Return the backend blocks of a stack's files, those that override them, and what can't be read."""
    base: list[tuple[str, Backend]] = []
    over: list[tuple[str, Backend]] = []
    found: list[Finding] = []
    for path, text in files.items():
        if not _MENTIONS.search(text):
            continue
        try:
            blocks = hcl.backends(text, is_json=path.endswith(".json"))
        except NoHcl as wrong:
            mend = "make it a file that OpenTofu reads"
            found.append(Finding(path, 1, "unreadable-stack", "it can't be read", mend, str(wrong)))
            continue
        suffix = max((each for each in SUFFIXES if path.endswith(each)), key=len, default="")
        stem = posixpath.basename(path).removesuffix(suffix)
        is_override = stem == "override" or stem.endswith("_override")
        (over if is_override else base).extend((path, each) for each in blocks)
    return base, over, found


def _effective(
    base: Sequence[tuple[str, Backend]],
    over: Sequence[tuple[str, Backend]],
    files: Mapping[str, str],
    folder: str,
    key: str,
) -> Iterator[Finding]:
    for path, each in base[1:]:
        yield Finding(
            path,
            each.line,
            "two-backends",
            f"a second block of a backend, beside {base[0][0]}:{base[0][1].line}",
            "keep one",
        )
    for path, line in _repeated(over):
        yield Finding(path, line, "two-backends", "a second block of a backend in one overriding file", "keep one")
    if not base and not over:
        path = next(iter(files), f"{folder}/backend.tf")
        what = (
            "no backend block: init warns and keeps the state in a local file"
            if files
            else "the stack is not in this checkout"
        )
        yield Finding(path, 1, "no-backend", what, 'declare backend "s3"')
        return
    yield from _block(*(over or base)[-1], key)


def _repeated(over: Sequence[tuple[str, Backend]]) -> Iterator[tuple[str, int]]:
    paths = [path for path, _ in over]
    yield from ((path, each.line) for at, (path, each) in enumerate(over) if path in paths[:at])


def _block(path: str, block: Backend, key: str) -> Iterator[Finding]:
    """Yield what is wrong with the block that counts."""
    mend = f'write key = "{key}"'
    given = block.attributes.get("key")
    if block.kind != "s3":
        what = "a block cloud" if block.kind == hcl.CLOUD else f'backend "{block.kind}"'
        yield Finding(path, block.line, "backend-not-s3", what, f'declare backend "s3" with key = "{key}"')
    elif given is None:
        yield Finding(
            path, block.line, "key-not-literal", "the key is not in the block", mend, "the key that init is given"
        )
    elif not isinstance(given, str) or not hcl.is_literal(given):
        yield Finding(path, block.key_line, "key-not-literal", "not literal, cannot prove", mend, str(given))
    elif given != key:
        what = f'key = "{given}", and the contract says "{key}"'
        yield Finding(path, block.key_line, "wrong-key", what, "change the one that is wrong")


def http_backends(sources: Sources, folders: Sequence[str], compatibility: Sequence[str]) -> Findings:
    """Find GitLab-managed HTTP state in the active stacks (S130)."""
    found: list[Finding] = []
    count = 0
    for folder in folders:
        for path, text in chosen(stack_files(sources, folder), ("*",), compatibility).items():
            count += 1
            if _MENTIONS.search(text):
                found += _http(path, text)
    return Findings(BACKEND, "no active stack keeps its state in GitLab over HTTP", f"{count} file(s)", found)


def _http(path: str, text: str) -> Iterator[Finding]:
    try:
        blocks = hcl.backends(text, is_json=path.endswith(".json"))
    except NoHcl:
        return  # stack.backend-s3 names it.
    for block in blocks:
        if block.kind == "http":
            mend = 'declare backend "s3"; HTTP state is compatibility-only'
            yield Finding(path, block.line, "http-state", 'backend "http"', mend)


def http_variables(sources: Sources, compatibility: Sequence[str]) -> Findings:
    """Find TF_HTTP_* outside of what is archived, repairs, or says itself that it is for compatibility (S006, S076)."""
    found: list[Finding] = []
    for path, text in sources.items():
        if "TF_HTTP_" not in text or is_among(path, compatibility):
            continue
        standing = [
            (line, match[0])
            for line, match in hits(text, _HTTP_VARIABLE)
            if not _SAID.search(around(text, line)) and not _SAID.search(" ".join(headings_above(text, line)))
        ]
        if standing:
            line, name = standing[0]
            more = f" and {len(standing) - 1} more" if len(standing) > 1 else ""
            mend = "use TOFU_BACKEND_S3_*, or keep it in an archived or repair path"
            found.append(Finding(path, line, "tf-http", f"{name}{more}", mend))
    return Findings(BACKEND, "TF_HTTP_* stands only where it is for compatibility", f"{len(sources)} file(s)", found)
