"""Recipes of just and targets of make: each with its line, what it depends on, and the shell that it runs. Read, never run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pytest_gf.honey.formats.templates import JUST, Rendered, rendered

MOST_LINES = 20_000
LONGEST_LINE = 4_000
"""Characters of a line that is read. The patterns below take the square of it."""
_RECIPE = re.compile(r"@?([A-Za-z_][\w-]*)((?:\s+[^:=\s][^:]*)?)\s*:(?!=)([^=].*|)$")
_TARGET = re.compile(r"([^\s:=#][^:=#]*?)\s*::?(?!=)([^=].*|)$")
_ASSIGNED = re.compile(r"(?:export\s+|override\s+)*(\.?[A-Za-z_][\w-]*)\s*(:=|\?=|:::?=|\+=|!=|=)\s*(.*)$")
_BRANCH = re.compile(r"\s*(ifeq|ifneq|ifdef|ifndef|else|endif)\b")
_OF_TARGET = re.compile(r"\s*(?:export\s+|private\s+|override\s+)*[\w.-]+\s*(?::|\?|\+|::)?=")
"""What stands behind ``target:`` where a variable is set for it alone."""
_ALIAS = re.compile(r"alias\s+([\w-]+)\s*:=\s*([\w-]+)")
_IMPORT = re.compile(r"import\??\s+(['\"])(.+?)\1")
_LITERAL = re.compile(r"(['\"])([^'\"\\]*)\1")
_PREFIX = re.compile(r"^(\s*)[@+-]+(?=\S)")
_NEED = re.compile(r"\(([\w-]+)([^)]*)\)|([\w-]+)")
_RUN = re.compile(r"(?i)\s*(?:ONBUILD\s+)?RUN\s+(?:--[\w-]+=\S+\s+)*")
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")
_PREFIXED = re.compile(r"\.RECIPEPREFIX\s*:?=\s*(\S?)")
_MADE = (("$(", ")"), ("${", "}"))
_DOLLAR = "\x01"


class Need(NamedTuple):
    """A recipe that another one needs, and the literal words that it is given."""

    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A recipe: its parameters with their defaults (None: none), what it depends on, its body, and the line (from 1) of its first line."""

    name: str
    line: int
    parameters: tuple[tuple[str, str | None], ...]
    needs: tuple[Need, ...]
    body: str
    interpreter: str = ""
    """The program of a shebang, or of `set shell`; "" for a shell."""


@dataclass(frozen=True)
class Recipes:
    """A Justfile or a Makefile: recipes by name, variables with a literal value, and the files that it imports."""

    recipes: Mapping[str, Recipe]
    variables: Mapping[str, str]
    imports: tuple[str, ...] = ()
    is_makefile: bool = False
    """Whether it is a Makefile."""
    over: Mapping[str, str] = field(default_factory=dict)
    """What a call sets, and for `weak` variables the environment."""
    weak: frozenset[str] = frozenset()
    """Variables of a Makefile that count only where the environment has none of that name: ``?=``."""
    whole: bool = True
    """Whether every recipe stands in it and in its imports: no modules, no included makefiles, no patterns, no line too long or too late to be read."""

    @property
    def first(self) -> str:
        """The recipe that is run where none is named; make passes over those whose names begin with a dot."""
        goal = self.variables.get(".DEFAULT_GOAL", "") if self.is_makefile else ""
        passed = (name for name in self.recipes if not (self.is_makefile and (name.startswith(".") or "%" in name)))
        return goal or next(passed, "")

    def recipe(self, name: str) -> Recipe | None:
        """Return the recipe of a name: its own, or the one of a pattern that it fits."""
        fit = (goal for goal in self.recipes if self.is_makefile and "%" in goal and _fits(goal, name))
        return self.recipes.get(name) or next((self.recipes[goal] for goal in fit), None)

    def with_imported(self, other: Recipes) -> Recipes:
        """Return both as one; what stands here counts before what is imported."""
        return replace(
            self,
            recipes={**other.recipes, **self.recipes},
            variables={**other.variables, **self.variables},
            whole=self.whole and other.whole,
        )

    def rendered(self, recipe: Recipe, arguments: Sequence[str]) -> Rendered:
        """Return a recipe's body as a shell gets it; what only a run would know is an unknown word."""
        given = dict(zip((name for name, _ in recipe.parameters), arguments, strict=False))
        make = {"MAKE": "make"} if self.is_makefile else {}
        known = {**make, **self.variables, **self.over, **dict(recipe.parameters), **given}
        body = "\n".join(_PREFIX.sub(r"\1", line) for line in recipe.body.splitlines())
        if not self.is_makefile:
            return rendered(body, (JUST,), lambda text: known.get(text.strip()))
        filled = rendered(body.replace("$$", _DOLLAR), _MADE, lambda text: known.get(text.strip()))
        return replace(filled, text=filled.text.replace(_DOLLAR, "$"))


def just(text: str) -> Recipes:
    """Read a Justfile."""
    return _read(text, is_makefile=False)


def make(text: str) -> Recipes:
    """Read a Makefile."""
    return _read(text, is_makefile=True)


def _read(text: str, *, is_makefile: bool) -> Recipes:
    given = text.splitlines()
    lines = _joined(_plain_make(given[:MOST_LINES])) if is_makefile else given[:MOST_LINES]
    branches = _within_branches(given[:MOST_LINES]) if is_makefile else frozenset[int]()
    weak: set[str] = set()
    unread = len(given) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines)
    recipes: dict[str, Recipe] = {}
    variables: dict[str, str] = {}
    aliases: dict[str, str] = {}
    imports: list[str] = []
    shell = ""
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if len(line) > LONGEST_LINE or not line.strip() or line[0].isspace() or line.startswith("#"):
            continue
        if alias := _ALIAS.match(line):
            aliases[alias[1]] = alias[2]
        elif imported := _IMPORT.match(line):
            imports.append(imported[2])
        elif not is_makefile and line.startswith("set shell"):
            quoted = _LITERAL.search(line)
            shell = _interpreter(f"#!{quoted[2]}") if quoted else ""
        elif assigned := _ASSIGNED.match(line):
            _assign(variables, weak, assigned, is_makefile=is_makefile, is_sure=at - 1 not in branches)
        elif header := (_TARGET if is_makefile else _RECIPE).match(line):
            end = _body_end(lines, at)
            for recipe in (
                _target(header, lines, at, end) if is_makefile else _just_recipe(header, lines, at, end, shell)
            ):
                before = recipes.get(recipe.name)
                recipes[recipe.name] = _with_rule(before, recipe) if is_makefile else before or recipe
            at = end
    recipes |= {name: recipes[goal] for name, goal in aliases.items() if goal in recipes}
    elsewhere = ("include", "-include", "sinclude", "%") if is_makefile else ("mod ", "mod? ", "set fallback")
    whole = not unread and not any(line.startswith(elsewhere) for line in lines)
    return Recipes(recipes, variables, tuple(imports), is_makefile, weak=frozenset(weak), whole=whole)


def _assign(
    variables: dict[str, str], weak: set[str], assigned: re.Match[str], *, is_makefile: bool, is_sure: bool
) -> None:
    """Note what a variable is from here on: a literal, or nothing where only a run would know."""
    name, sign, value = assigned.groups()
    quoted = None if is_makefile else _LITERAL.fullmatch(value.strip())
    literal = value.split(" #")[0].strip() if is_makefile else quoted[2] if quoted else "$"
    if sign == "?=":
        weak.add(name)
        if name in variables:
            return
    before = variables.pop(name, "" if sign != "+=" else "$")
    literal = f"{before} {literal}" if sign == "+=" else literal
    if is_sure and sign != "!=" and "$" not in literal and "`" not in literal:
        variables[name] = literal


def _fits(pattern: str, name: str) -> bool:
    before, _, after = pattern.partition("%")
    return len(name) > len(before) + len(after) and name.startswith(before) and name.endswith(after)


def _with_rule(first: Recipe | None, other: Recipe) -> Recipe:
    """Return two rules of one target as make has them: what both need, and the commands; two with commands may both run (``::``)."""
    if first is None:
        return other
    needs = (*first.needs, *other.needs)
    if not first.body.strip() or not other.body.strip():
        return replace(other if other.body.strip() else first, needs=needs)
    gap = "\n" * max(1, other.line - first.line - first.body.count("\n"))
    return replace(first, needs=needs, body=f"{first.body}{gap}{other.body}")


def _plain_make(lines: Sequence[str]) -> list[str]:
    """Return a Makefile's lines with a tab before each command and without comments.

    A conditional among a recipe's commands becomes one of the shell, so that what it holds stands behind a condition.
    """
    prefix, plain, opened = "\t", list[str](), list[bool]()
    in_recipe = False
    for at, line in enumerate(lines):
        if len(line) > LONGEST_LINE:
            plain.append(line)
            continue
        branch = _BRANCH.match(line) if line[:1] != prefix else None
        if chosen := _PREFIXED.match(line):
            prefix = chosen[1] or "\t"
        if branch is not None:
            if branch[1] not in {"else", "endif"}:
                opened.append(in_recipe and _next(lines, at)[:1] == prefix)
                plain.append(f"\tif [ {shlex.quote(line.strip())} ]; then :" if opened[-1] else "")
            else:
                ours = bool(opened) and (opened[-1] if branch[1] == "else" else opened.pop())
                plain.append(("\telse :" if branch[1] == "else" else "\tfi") if ours else "")
        elif line.startswith("#") and not line.endswith("\\"):
            plain.append("")
        elif in_recipe and line[:1] == prefix:
            plain.append(f"\t{line[1:]}")
        else:
            in_recipe = in_recipe if not line.strip() else bool(_TARGET.match(line) and line[:1].strip())
            plain.append(line)
    return plain


def _next(lines: Sequence[str], at: int) -> str:
    """Return the next line that says something, conditionals and comments passed over."""
    rest = (line for line in lines[at + 1 : at + 50] if line.strip() and not line.startswith("#"))
    return next((line for line in rest if line[:1] == "\t" or not _BRANCH.match(line)), "")


def _within_branches(lines: Sequence[str]) -> frozenset[int]:
    """Return the lines (from 0) that stand in a conditional of make."""
    depth, inside = 0, set[int]()
    for at, line in enumerate(lines):
        branch = _BRANCH.match(line) if not line.startswith("\t") else None
        depth = max(0, depth + {"endif": -1, "else": 0}.get(branch[1], 1)) if branch else depth
        inside.update((at,) if depth else ())
    return frozenset(inside)


def _joined(lines: Sequence[str]) -> list[str]:
    """Return the lines of a Makefile, those that go on with a backslash as one; empty ones keep the count."""
    made: list[str] = []
    first = 0
    for at, line in enumerate(lines):
        if at and lines[at - 1].endswith("\\") and made[first].endswith("\\") and made[first][:1].strip():
            made[first] = f"{made[first][:-1]} {line.strip()}"
            made.append("")
        else:
            first = at
            made.append(line)
    return made


def dockerfile(text: str) -> str:
    """Return a Dockerfile's instructions RUN as a shell gets them, each on its own line; what else stands there is left empty."""
    made: list[str] = []
    goes_on, until, kept = False, "", ""
    for line in text.splitlines()[:MOST_LINES]:
        if until or kept:
            # A here-document of the instruction's own ends in a line that no shell sees.
            made.append(line if kept or line.strip() != until else "")
            until, kept = ("" if line.strip() == mark else mark for mark in (until, kept))
            continue
        run = _RUN.match(line)
        body = line[run.end() :] if run else line if goes_on else ""
        heredoc = _HEREDOC.fullmatch(body.strip()) if run else None
        fed = _HEREDOC.search(body) if run and not heredoc else None
        until = heredoc[1] if heredoc else ""
        kept = fed[1] if fed else ""
        goes_on = (bool(run) or goes_on) and (line.rstrip().endswith("\\") or line.lstrip().startswith("#"))
        made.append("" if heredoc or line.lstrip().startswith("#") else _plain(body))
    return "\n".join(made)


def _plain(body: str) -> str:
    """Return an instruction's command: the words of its JSON form quoted as a shell quotes them."""
    try:
        words = json.loads(body) if body.startswith("[") else None
    except (ValueError, RecursionError):
        return body
    return shlex.join(map(str, words)) if isinstance(words, list) else body


def _body_end(lines: Sequence[str], at: int) -> int:
    end = at
    while end < len(lines) and (not lines[end].strip() or lines[end][0].isspace()):
        end += 1
    return end


def _just_recipe(header: re.Match[str], lines: Sequence[str], at: int, end: int, shell: str) -> Iterator[Recipe]:
    parameters = []
    for word in re.findall(r"[*+$]*[\w-]+(?:\s*=\s*(?:'[^']*'|\"[^\"]*\"|[^\s]+))?", header[2]):
        name, sign, default = word.partition("=")
        literal = _LITERAL.fullmatch(default.strip())
        parameters.append((name.strip().lstrip("*+$"), literal[2] if sign and literal else None))
    first = lines[at].strip() if at < end else ""
    interpreter = _interpreter(first) if first.startswith("#!") else shell
    needs = tuple(
        Need(need[1] or need[3], tuple(argument[2] for argument in _LITERAL.finditer(need[2] or "")))
        for need in _NEED.finditer(header[3])
    )
    yield Recipe(header[1], at + 1, tuple(parameters), needs, "\n".join(lines[at:end]), interpreter)


def _target(header: re.Match[str], lines: Sequence[str], at: int, end: int) -> Iterator[Recipe]:
    if _OF_TARGET.match(header[2]):
        return
    names, _, command = header[2].partition(";")
    first = command.strip()
    needs = tuple(map(Need, names.split("#")[0].split()))
    body = (f"{first}\n" if first else "") + "\n".join(lines[at:end])
    for name in header[1].split():
        if name != ".PHONY":
            yield Recipe(name, at + (not first), (), needs, body)


def _interpreter(shebang: str) -> str:
    words = [word for word in shebang.removeprefix("#!").split() if not word.startswith("-")]
    name = words[0].rpartition("/")[2] if words else ""
    if name == "env" and len(words) > 1:
        name = words[1].rpartition("/")[2]
    return "" if name in {"bash", "sh", "dash", "ash"} else name


def interpreter(text: str) -> str:
    """Return the program of a script's shebang; "" where it is a shell's, or there is none. nix-shell says it in a line of its own."""
    if not text.startswith("#!"):
        return ""
    lines = text[:2_000].splitlines()
    program = _interpreter(lines[0])
    inner = [words for line in lines[1:] if line.startswith("#!") and "-i" in (words := line.split())]
    if program == "nix-shell" and inner and inner[0][-1] != "-i":
        return _interpreter(f"#!{inner[0][inner[0].index('-i') + 1]}")
    return program
