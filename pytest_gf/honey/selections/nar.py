"""``-m nar``: the archives of given store paths, streamed whole from Attic."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.house import BadInput, Given, Option, Selection
from pytest_gf.honey.target import is_store_hash

MOST = 1_000
LONGEST_LIST = 1024 * 1024
"""Bytes of a file of store paths."""


@dataclass(frozen=True)
class StoreHashes:
    """The store hashes of the command line, each once; a whole store path stands for its hash."""

    values: tuple[str, ...]


def _read(given: Given) -> StoreHashes:
    hashes: dict[str, None] = {}
    for said in given.option.gf_store_hash:
        for line in _lines(said, given):
            text = line.rpartition("/")[2].partition("-")[0]
            if not is_store_hash(text):
                shown = line[:60] if line is not said or not said.startswith("@") else "a list that is too long"
                raise BadInput(
                    f"--gf-store-hash={shown}: expected 32 characters of Nix's base 32, as in /nix/store/HASH-name"
                )
            hashes[text] = None
    if len(hashes) > MOST:
        raise BadInput(f"--gf-store-hash: {len(hashes)} paths; {MOST} in one run at most")
    if not hashes and given.selects("nar"):
        raise BadInput("-m nar: --gf-store-hash=HASH names what is to be streamed (repeatable, or @FILE)")
    return StoreHashes(tuple(hashes) if given.contract.attic is not None else ())


def _lines(said: str, given: Given) -> list[str]:
    if not said.startswith("@"):
        return [said]
    path = given.folder / said[1:]
    try:
        return path.read_text("ascii").split() if path.stat().st_size <= LONGEST_LIST else [""]
    except (OSError, UnicodeDecodeError) as wrong:
        raise BadInput(f"--gf-store-hash={said}: can't be read: {wrong}") from None


NAR = Selection(
    "nar",
    "The archives of --gf-store-hash, streamed whole from Attic.",
    options=(
        Option(
            "--gf-store-hash",
            {
                "action": "append",
                "default": [],
                "metavar": "HASH|@FILE",
                "help": "With -m nar: stream the archive of this store path from Attic and check it whole. A file has a path a line (repeatable).",
            },
            axis="store_hash",
        ),
    ),
    read=_read,
    fills="store_hash",
    values=lambda asked: asked.values,
)
