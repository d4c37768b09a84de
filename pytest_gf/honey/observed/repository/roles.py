"""Which kind of credential a variable is used as, in workflows, GitLab's pipelines and compose files: never two kinds (S025)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.formats.yaml_nodes import Items, Malformed, Node, Scalar, Table, read_all, within
from pytest_gf.honey.observed.repository import CREDENTIALS, FileFinding, Findings, Sources
from pytest_gf.honey.observed.repository.quarantine import WORKFLOWS
from pytest_gf.honey.observed.repository.searching import Lines, chosen

FILES = (
    *(*WORKFLOWS, "*action.yml", "*action.yaml", "*compose*.yml", "*compose*.yaml"),
    *("*.gitlab-ci.yml", ".gitlab/*.yml"),
)
DEEPEST = 10
"""Variables that are given from one another."""
TOKEN = "ATTIC_TOKEN"  # noqa: S105  # A name.
MEND = "give each kind of credential a variable of its own, and rotate both"

_OF_FORGE = ("secrets.", "vars.")
_EXPRESSION = linear(r"(?s)\$\{\{(.*?)\}\}")
_NAMED = r"(?P<of>secrets|vars|env)(?:\.(?P<dotted>[A-Za-z_][\w-]*)|\[\s*'(?P<quoted>[^']+)'\s*\])"
_ONE = linear(rf"\s*(?:{_NAMED}|'[^']*')\s*")
_SECRET = linear(r"\bsecrets\b")
_SHELL = linear(r"\$(?:(?P<bare>\w+)|\{(?P<braced>\w+)(?::?[-?][^}]*)?\})")
_VALUE = r"(\$\{\{.*?\}\}|\$\w+|\$\{\w+(?::?[-?][^}]*)?\})"
_GIVEN = linear(rf"(?:^|[^\w.$-])([A-Za-z_]\w*)=[\"']?{_VALUE}")
_ENDS = frozenset(" \t\r\n;\"'&|)")
"""What stands behind the value of a variable; anything else goes on with it."""
_LOGIN = linear(rf"\battic\s+login\s+(?:--\S+\s+)*[^\s-]\S*\s+\S+\s+[\"']?{_VALUE}")


@dataclass(frozen=True)
class _Use:
    """A variable that gets a value: at which line, and the text that says which."""

    name: str
    line: int
    text: str


@dataclass(frozen=True)
class _Place:
    """Where a source is used: as which variable, and what would have to be known to be sure, "" where nothing would."""

    path: str
    line: int
    variable: str
    unsure: str = ""


Uses = dict[str, dict[str, list[_Place]]]
"""By source, as ``secrets.X``, and by kind of credential the places where it is used so."""


def apart(sources: Sources, kinds: Mapping[str, Sequence[str]], rules: Repository) -> Findings:
    """Find variables that are two kinds of credential. ``kinds``: by kind the names by which programs take it (fnmatch)."""
    texts = chosen(sources, FILES)
    findings: list[FileFinding] = []
    used: Uses = {}
    for path, text in texts.items():
        try:
            uses = [use for node in read_all(text) for use in _uses(node, rules)]
        except Malformed as wrong:
            findings.append(FileFinding(path, wrong.line, "no-yaml", wrong.what, "make it YAML", "what it holds"))
            continue
        findings += _take(path, uses, kinds, used)
    for name, places in used.items():
        own = _kind(name.removeprefix("secrets.").removeprefix("vars.").partition(" ")[0], kinds)
        findings += _double(name, places, own)
    return Findings(CREDENTIALS, "no variable is two kinds of credential", f"{len(texts)} file(s)", tuple(findings))


def _double(name: str, used: Mapping[str, Sequence[_Place]], own: str) -> Iterator[FileFinding]:
    """Yield each place of another kind than the name's own, where there are two kinds; ``own`` is "" where the name says none."""
    kinds = {*used, *filter(None, [own])}
    sure = {kind for kind, places in used.items() if not all(place.unsure for place in places)} | {*filter(None, [own])}
    for kind, places in used.items() if len(kinds) > 1 else ():
        for place in places if kind != own else ():
            unsure = place.unsure or ("" if sure - {kind} else "which of these it is")
            what = f"{name} is used as {place.variable}, and is {' and '.join(sorted(kinds))} at once"
            yield FileFinding(place.path, place.line, "two-kinds", what, MEND, unsure)


def _take(path: str, uses: Sequence[_Use], kinds: Mapping[str, Sequence[str]], used: Uses) -> Iterator[FileFinding]:
    """Note the sources of each variable that is a kind of credential. Yields what can't be decided."""
    given: dict[str, set[str]] = {}
    for use in uses:
        given.setdefault(use.name, set()).add(use.text)
    for use in uses:
        kind = _kind(use.name, kinds)
        if not kind:
            continue
        names, unknown = _sources(use.text, given)
        if unknown:
            yield FileFinding(path, use.line, "unknown-source", f"{use.name} may be any secret", MEND, unknown)
        for name, unsure in names.items():
            at = name if name.startswith(_OF_FORGE) else f"{name} of {path}"  # A plain variable is the file's own.
            used.setdefault(at, {}).setdefault(kind, []).append(_Place(path, use.line, use.name, unsure))


def _sources(text: str, given: Mapping[str, set[str]], depth: int = 0) -> tuple[dict[str, str], str]:
    """Return where a value may come from, each with what would have to be known to be sure; and what is not known at all."""
    plain = text.strip().strip("\"'")
    shell = _SHELL.fullmatch(plain)
    if shell is not None:
        return _variable(shell["bare"] or shell["braced"], given, depth)
    expression = _EXPRESSION.fullmatch(plain)
    origins: dict[str, str] = {}
    for part in expression[1].split("||") if expression is not None else ():
        one = _ONE.fullmatch(part)
        if one is None:
            return origins, plain if _SECRET.search(part) else ""
        name = one["dotted"] or one["quoted"]
        if name and one["of"] == "env":
            names, unknown = _variable(name, given, depth)
            origins |= names
            if unknown:
                return origins, unknown
        elif name:
            origins[f"{one['of']}.{name.upper()}"] = ""
    return origins, ""


def _variable(name: str, given: Mapping[str, set[str]], depth: int) -> tuple[dict[str, str], str]:
    """Return where a variable of the same file may come from: itself, where nothing there gives it."""
    texts = sorted(text for text in given.get(name, set()) if name not in _names_in(text))
    if not texts or depth > DEEPEST:
        return {name: ""}, ""
    origins: dict[str, str] = {}
    for text in texts:
        names, unknown = _sources(text, given, depth + 1)
        if unknown:
            return origins, unknown
        origins |= names
    unsure = f"which value {name} has there" if len(texts) > 1 else ""
    return {origin: why or unsure for origin, why in origins.items()}, ""


def _names_in(text: str) -> set[str]:
    return {match["bare"] or match["braced"] for match in _SHELL.finditer(text)}


def _kind(name: str, kinds: Mapping[str, Sequence[str]]) -> str:
    """Return the kind of credential that a variable of this name is, "" for none; an input's name counts as a variable's."""
    plain = name.upper().replace("-", "_")
    return next((kind for kind in kinds if any(fnmatchcase(plain, pattern) for pattern in kinds[kind])), "")


def _uses(node: Node, rules: Repository) -> Iterator[_Use]:
    """Yield each variable that a document gives a value: by a mapping, in a list of NAME=VALUE, in a script."""
    if isinstance(node, Scalar):
        yield from _in_script(node)
    elif isinstance(node, Items):
        for item in node.nodes:
            yield from _uses(item, rules)
    else:
        yield from _of_action(node, rules)
        for key, below in node.entries:
            if isinstance(below, Scalar) and "\n" not in below.text:
                yield _Use(key.text, key.line, below.text)
            yield from _uses(below, rules)


def _of_action(table: Table, rules: Repository) -> Iterator[_Use]:
    """Yield the token that a step gives to an action that pushes."""
    uses = table.get("uses")
    name = uses.text.partition("@")[0] if isinstance(uses, Scalar) else ""
    for action in rules.quarantine.actions:
        token = within(table, "with", action.token_input)
        if action.token_input and action.uses == name and isinstance(token, Scalar):
            yield _Use(TOKEN, token.line, token.text)


def _in_script(node: Scalar) -> Iterator[_Use]:
    lines = Lines(node.text)
    above = node.line - ("\n" not in node.text)  # A block's text begins below its indicator.
    for match in _GIVEN.finditer(node.text):
        end = match.start(2) + len(match[2])
        if node.text[end : end + 1] in _ENDS or end == len(node.text):
            yield _Use(match[1], above + lines.at(match.start(1)), match[2])
    for match in _LOGIN.finditer(node.text):
        yield _Use(TOKEN, above + lines.at(match.start()), match[1])
