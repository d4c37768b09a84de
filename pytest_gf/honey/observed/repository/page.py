"""A contract document beside the contract's data: addresses, stacks and keys agree; sentences that no statement covers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pytest_gf.honey.formats import markdown
from pytest_gf.honey.formats.markdown import TableRow
from pytest_gf.honey.observed.repository import STALE, FileFinding, Findings

COVERED = 0.5
"""The part of a sentence's words that statements must share with it."""
MOST_TOGETHER = 3
"""Statements that may cover one sentence together."""
FEWEST_WORDS = 4
MOST_LISTED = 40
_WORD = re.compile(r"[a-z0-9][\w./:-]*[\w]")
_SMALL = re.compile(
    r"about|also|and|any|are|been|before|both|but|can|currentl?y?|does|each|ever|for|from|has|have|into|its|itself|like|more|"
    r"most|must|not|only|other|same|shall|should|some|such|than|that|the|their|them|then|there|these|they|this|those|under|"
    r"until|upon|very|was|were|what|when|where|which|while|will|with|without|would|now|still|yet|example"
)
"""Words that say nothing of what a sentence is about."""


class Promised(NamedTuple):
    """What the contract's data says: each system's address, each stack's key."""

    addresses: Mapping[str, str]
    stacks: Mapping[str, str]


def agrees(path: str, text: str, promised: Promised, statements: Iterable[str] = ()) -> Findings:
    """Find where the tables of a contract document and the contract's data differ, either way (S009)."""
    rows = list(markdown.rows(text))
    findings = [*_addresses(path, rows, promised.addresses), *_stacks(path, rows, promised.stacks)]
    strange = uncovered(text, statements)
    listed = "".join(f"\n  no statement covers: {sentence}" for sentence in strange[:MOST_LISTED])
    looked = (
        f"{path}, {len(rows)} row(s) of tables, {len(strange)} sentence(s) that no statement covers{listed}\n{path}"
    )
    return Findings(STALE, "the contract document and the contract's data say the same", looked, findings)


def _addresses(path: str, rows: Iterable[TableRow], promised: Mapping[str, str]) -> Iterator[FileFinding]:
    seen: set[str] = set()
    for row in rows:
        address = next((cell for name, cell in row.cells.items() if "address" in name.lower()), None)
        system = _bare(next(iter(row.cells.values()), ""))
        if address is None or "System" not in row.cells:
            continue
        seen.add(system)
        said, wanted = _bare(address), promised.get(system)
        if wanted is None and "://" in said:
            what = f"the page promises {system} at {said}, and the data knows no such system"
            yield FileFinding(
                path, row.line, "page-differs", what, "add it to the contract's data, or take it off the page"
            )
        elif wanted is not None and said != wanted:
            what = f"the page says {system} is at {said}, and the data says {wanted}"
            yield FileFinding(path, row.line, "page-differs", what, "change the one that is wrong")
    for system in promised:
        if system not in seen:
            what = f"the data says {system} is at {promised[system]}, and no table of the page names it"
            yield FileFinding(path, 1, "page-differs", what, "add its row, or take it out of the data")


def _stacks(path: str, rows: Iterable[TableRow], promised: Mapping[str, str]) -> Iterator[FileFinding]:
    seen: set[str] = set()
    for row in rows:
        key = next((cell for name, cell in row.cells.items() if "key" in name.lower()), None)
        if key is None or "Stack" not in row.cells:
            continue
        stack, said = _bare(row.cells["Stack"]), _bare(key)
        seen.add(stack)
        if stack not in promised:
            what = f"the page names the stack {stack} with the key {said}, and the data knows no such stack"
            yield FileFinding(
                path, row.line, "page-differs", what, "add it to the contract's data, or take it off the page"
            )
        elif said != promised[stack]:
            what = f"the page says the key of {stack} is {said}, and the data says {promised[stack]}"
            yield FileFinding(path, row.line, "page-differs", what, "change the one that is wrong")
    for stack in promised:
        if stack not in seen:
            what = f"the data names the stack {stack} with the key {promised[stack]}, and no table of the page does"
            yield FileFinding(path, 1, "page-differs", what, "add its row, or take it out of the data")


def _bare(cell: str) -> str:
    return cell.strip().strip("`").strip()


def uncovered(text: str, statements: Iterable[str]) -> tuple[str, ...]:
    """Return the sentences of a document that no statement covers, by the words that they share."""
    known = [_words(statement) for statement in statements]
    return tuple(
        sentence
        for sentence in _sentences(text)
        if len(words := _words(sentence)) >= FEWEST_WORDS and _covered(words, known) < COVERED
    )


def _covered(words: frozenset[str], known: list[frozenset[str]]) -> float:
    """Return the part of a sentence's words that the best few statements have: a sentence may say several things."""
    left, count = set(words), len(words)
    for _ in range(MOST_TOGETHER):
        best = max(known, key=lambda statement: len(left & statement), default=frozenset[str]())
        left -= best
    return 1 - len(left) / count


def _sentences(text: str) -> Iterator[str]:
    """Yield the sentences of paragraphs and lists; tables and headings are none."""
    held: list[str] = []
    text = re.sub(r"(?<=\S)- (?=\w)", "\n- ", text)  # A page that lost its line breaks.
    for line in [*markdown.prose(text), markdown.Line(0, "", ())]:
        plain = line.text.strip()
        begins = plain.startswith(("- ", "* ", "#", "|")) or not plain
        if begins and held:
            yield from (sentence for sentence in re.split(r"(?<=[.!?;])\s+", " ".join(held)) if sentence)
            held = []
        if plain and not plain.startswith(("#", "|")) and not plain.endswith("|"):
            held.append(plain.removeprefix("- ").removeprefix("* "))


def _words(text: str) -> frozenset[str]:
    words = _WORD.findall(text.lower().replace("`", " "))
    return frozenset(word.rstrip("s").strip(".") for word in words if len(word) > 2 and not _SMALL.fullmatch(word))  # noqa: PLR2004  # Shorter ones say nothing.
