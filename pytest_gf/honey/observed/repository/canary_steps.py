"""The canary's commands, the team's old ones and pytest's: which step each is, which target it observes, how strictly."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from pytest_gf.honey.contract.repository import CanaryStep
from pytest_gf.honey.formats import shell
from pytest_gf.honey.formats.bash import Unread
from pytest_gf.honey.formats.commands import Script, Word
from pytest_gf.honey.formats.expression import texts
from pytest_gf.honey.formats.expression_values import UNKNOWN
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.formats.templates import GITHUB, rendered
from pytest_gf.honey.formats.workflow import Job, Step, Workflow
from pytest_gf.honey.formats.yaml_nodes import Malformed
from pytest_gf.honey.observed.repository import FileFinding, Sources
from pytest_gf.honey.observed.repository.calling import local_action
from pytest_gf.honey.observed.repository.scene import Scene, View

TARGET = "GF_TARGET"
ADDOPTS = "PYTEST_ADDOPTS"
LAB = "lab"
_PYTEST = re.compile(r"(?:.*/)?(?:pytest|py\.test)")
_SAYS = ("echo", "printf", "#")
_ASSIGNS = re.compile(r"[A-Za-z_]\w*=")
_LOOKS_ONLY = {"--collect-only", "--co", "--gf-plan", "--gf-faults", "--setup-plan", "--help", "-h", "--version"}


@dataclass(frozen=True)
class CanaryCommand:
    """A command of a workflow: its words, its line, and the variables that it is given around it."""

    words: tuple[str, ...]
    line: int
    step: Step
    env: Mapping[str, str] = field(default_factory=dict)
    written: bool = False
    """Whether an earlier step of its job may give it variables by GITHUB_ENV."""

    @property
    def arguments(self) -> list[str] | None:
        """The arguments of pytest, where this runs it."""
        at = next((at for at, word in enumerate(self.words) if _PYTEST.fullmatch(word)), None)
        return None if at is None or self.words[0] in _SAYS else list(self.words[at + 1 :])


def commands(read: Workflow) -> Iterator[CanaryCommand]:
    """Yield every command of a workflow's own steps, in their order."""
    for job in read.jobs:
        written = False
        for step in job.steps:
            if step.run is None:
                continue
            script = step.run.text
            for offset, words, env in _script(script):
                line = step.run.line + offset + ("\n" in script)
                yield CanaryCommand(words, line, step, {**_given(read, job, step), **env}, written)
            written = written or ("GITHUB_ENV" in script and "GF_TARGET" in script)


def elsewhere(jobs: Iterable[Job], sources: Sources, *words: str) -> str:
    """Return the first thing that jobs run, that is not read here, and that may do what one of ``words`` stands for; "" for none.

    It is a called workflow, a script that is not understood, or a local action: one that is not here, that is given inputs, or
    whose text has one of the words.
    """
    for job in jobs:
        if job.uses is not None:
            return job.uses.text
        for step in job.steps:
            if step.uses is not None and step.uses.text.startswith("./") and _may(step.uses.text, step, sources, words):
                return step.uses.text
            script = _read(step.run.text) if step.run is not None else None
            if step.run is not None and (script is None or script.broken):
                return f"the script of line {step.run.line}"
    return ""


def _may(uses: str, step: Step, sources: Sources, words: Sequence[str]) -> bool:
    action = local_action(uses, sources)
    if action is None or isinstance(action[1], Malformed) or step.inputs:
        return True
    text = sources[action[0]]
    return any(word in text for word in (*words, "uses: ./"))


def _read(script: str) -> Script | None:
    """Return what a shell script does; None for one that can't be read."""
    try:
        return shell.read_rendered(rendered(script, (GITHUB,)))
    except Unread:
        return None


def _given(read: Workflow, job: Job, step: Step) -> dict[str, str]:
    return {name: value.value for env in (read.env, job.env, step.env) for name, value in env.items()}


def _script(script: str) -> Iterator[tuple[int, tuple[str, ...], dict[str, str]]]:
    """Yield each command of a shell script: its line, its words, the variables given to it there."""
    exported: dict[str, str] = {}
    read = _read(script)
    for command in read.commands if read is not None else ():
        env = {name: _said(word) for name, word in command.assigned.items()}
        words = [_said(word) for word in command.words]
        while words and (_ASSIGNS.match(words[0]) or words[0] in {"env", "export"}):
            name, sign, value = words.pop(0).partition("=")
            env |= {name: value} if sign else {}
        if words:
            yield command.offset, tuple(words), {**exported, **env}
        else:
            exported |= env


def _said(word: Word) -> str:
    """Return a word without its quotes; one that only a run would know as it stands."""
    return word.text if word.known else word.raw.strip("\"'")


def runs(command: CanaryCommand, wanted: CanaryStep) -> bool:
    """Return whether a command is this step, in its old form or by pytest."""
    arguments = command.arguments
    if arguments is None:
        return linear(wanted.was).search(" ".join(command.words)) is not None and command.words[0] not in _SAYS
    given = _parsed(arguments)
    return given is not None and _chooses(given, wanted) and all(_has(given, option) for option in wanted.options)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace | None:
    """Return pytest's options; None where they can't be read, or where it runs no test."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    for name in ("-m", "-k", "--gf-target"):
        parser.add_argument(name, default="")
    for name in ("--gf-bucket", "--gf-stack", "--gf-store-hash", "--gf-fault", "-o"):
        parser.add_argument(name, action="append", default=[])
    for name in ("--gf-strict", "--gf-expect-interim"):
        parser.add_argument(name, action="store_true")
    try:
        options, rest = parser.parse_known_args(arguments)
    except ValueError:
        return None
    return None if _LOOKS_ONLY & set(rest) else options


def _chooses(given: argparse.Namespace, wanted: CanaryStep) -> bool:
    """Return whether the clauses of this step are chosen, and not narrowed further than it says."""
    keyword = str(given.k).strip()
    narrowed = keyword and not (wanted.keyword and re.search(rf"(?<!not )\b{re.escape(wanted.keyword)}\b", keyword))
    return _selects(given.m, wanted.marker) and not narrowed and not given.gf_stack


def _selects(expression: str, marker: str) -> bool:
    """Return whether an expression of ``-m`` takes in the clauses of a marker."""

    def value(node: ast.expr) -> bool:
        if isinstance(node, ast.BoolOp):
            parts = [value(operand) for operand in node.values]
            return all(parts) if isinstance(node.op, ast.And) else any(parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not value(node.operand)
        return isinstance(node, ast.Name) and node.id == marker

    try:
        return value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _has(given: argparse.Namespace, option: str) -> bool:
    """Return whether an option is given; a bucket also where none is named, since all are looked at then."""
    name, _, value = option.partition("=")
    chosen = getattr(given, name.lstrip("-").replace("-", "_"), None)
    if not value:
        return bool(chosen)
    return value in (chosen or []) or (name == "--gf-bucket" and not chosen)


def observed(path: str, command: CanaryCommand, ini: Mapping[str, str]) -> Iterator[FileFinding]:
    """Yield why a command of pytest observes no real target, or takes for green what it could not observe."""
    arguments = command.arguments
    if arguments is None:
        return
    added = [word for text in (ini.get("addopts", ""), command.env.get(ADDOPTS, "")) for word in _words(text)]
    given = _parsed([*added, *arguments])
    if given is None:
        return
    overridden = dict(setting.partition("=")[::2] for setting in given.o)
    named = (given.gf_target, command.env.get(TARGET, ""), overridden.get("gf_target", ini.get("gf_target", "")))
    target = next((candidate for candidate in named if candidate), "")
    mend = f"say --gf-target=FILE, or env: {{{TARGET}: FILE}}"
    unknown = _unknown(target, command)
    if unknown or (not target and command.written):
        what = "which target this canary observes is not written here"
        yield FileFinding(path, command.line, "canary-lab", what, mend, unknown or f"{TARGET} in GITHUB_ENV")
    elif target in {"", LAB} or given.gf_fault:
        yield FileFinding(path, command.line, "canary-lab", "this canary observes the lab", mend)
    if not given.gf_strict:
        what = "without --gf-strict what could not be observed is green"
        yield FileFinding(path, command.line, "canary-lenient", what, "add --gf-strict")


def _unknown(target: str, command: CanaryCommand) -> str:
    """Return what would have to be known to tell which target is meant, "" where that is clear."""
    name = re.fullmatch(r"\$\{?(\w+)\}?", target)
    if name is not None and name[1] in command.env:
        target = command.env[name[1]]
    if "${{" in target:
        view = View(Scene("push", "refs/heads/main")).below(command.step.env)
        values = texts(target, view)
        return target if UNKNOWN in values or values & {"", LAB} else ""
    return target if "$" in target or "`" in target else ""


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
