"""A contract document beside the contract's data: addresses, stacks and keys agree; sentences that no statement covers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    systems = (
        "the page promises {name} at {said}, and the data knows no such system",
        "the page says {name} is at {said}, and the data says {wanted}",
        "the data says {name} is at {wanted}, and no table of the page names it",
    )
    stacks = (
        "the page names the stack {name} with the key {said}, and the data knows no such stack",
        "the page says the key of {name} is {said}, and the data says {wanted}",
        "the data names the stack {name} with the key {wanted}, and no table of the page does",
    )
    findings = [
        *_differ(path, _cells(rows, "System", "address"), promised.addresses, systems, of="://"),
        *_differ(path, _cells(rows, "Stack", "key"), promised.stacks, stacks),
    ]
    strange = uncovered(text, statements)
    listed = "".join(f"\n  no statement covers: {sentence}" for sentence in strange[:MOST_LISTED])
    looked = (
        f"{path}, {len(rows)} row(s) of tables, {len(strange)} sentence(s) that no statement covers{listed}\n{path}"
    )
    return Findings(STALE, "the contract document and the contract's data say the same", looked, findings)


def _cells(rows: Iterable[TableRow], names: str, values: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, name and value of each row that has both columns; the value's column is known by a word in its head."""
    for row in rows:
        value = next((cell for column, cell in row.cells.items() if values in column.lower()), None)
        if value is not None and names in row.cells:
            yield row.line, _bare(row.cells[names]), _bare(value)


def _differ(
    path: str, rows: Iterable[tuple[int, str, str]], promised: Mapping[str, str], says: Sequence[str], of: str = ""
) -> Iterator[FileFinding]:
    """Yield what the data does not know (if it holds ``of``), what it says otherwise, and what the page lacks, each in its words."""
    missing = dict(promised)
    for line, name, said in rows:
        missing.pop(name, None)
        wanted = promised.get(name)
        if wanted is None and of in said:
            mend = "add it to the contract's data, or take it off the page"
            yield FileFinding(path, line, "page-differs", says[0].format(name=name, said=said), mend)
        elif wanted not in {None, said}:
            what = says[1].format(name=name, said=said, wanted=wanted)
            yield FileFinding(path, line, "page-differs", what, "change the one that is wrong")
    for name, wanted in missing.items():
        what = says[2].format(name=name, wanted=wanted)
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
