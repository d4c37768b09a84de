"""What a script does that the contract speaks of: it writes to Attic, logs in, sets variables, runs what stands elsewhere."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_gf.honey.formats import shell, wrappers
from pytest_gf.honey.formats.bash import Unread
from pytest_gf.honey.formats.commands import Command, Script, Word
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.formats.shell_words import echoed, from_subcommand, installable, option, program_file, text_of
from pytest_gf.honey.formats.templates import HOLE, Rendered, rendered
from pytest_gf.honey.formats.wrappers import program
from pytest_gf.honey.observed.repository import attic
from pytest_gf.honey.observed.repository.effect import (
    NAMES_ATTIC,
    NAMES_PUSH,
    Effect,
    Opaque,
    Runs,
    Sets,
    Writes,
    broken,
    eaten,
    fallen,
    hooked,
    redirected,
    shells_out,
    unclosed,
    unread,
)
from pytest_gf.honey.observed.repository.searching import shown

DEEPEST = 12
"""How many wrappers, strings and functions may stand in one another."""
MOST = 2_000
"""Commands of one script, those of called functions counted each time."""
_OTHERS = frozenset(
    {"python", "python3", "node", "ruby", "perl", "deno", "bun", "php", "pwsh", "fish", "nu", "tsx", "ts-node", "lua"}
)
_FROM_FILE = linear(r"\"?\$\(\s*(?:cat\s+|<\s*)([\w./-]+)\s*\)\"?")
"""A substitution that is the text of a file."""
_NAME = linear(r"[^\s\"';|&()$]+")
_FEEDERS = frozenset({"xargs", "parallel"})
_BUILDERS = frozenset({"docker", "podman", "nerdctl", "buildah"})
_SYSTEM = ("/System/", "/bin/", "/usr/", "/sbin/", "/run/current-system/", "/opt/homebrew/")


Text = str | Rendered


@dataclass(frozen=True)
class Around:
    """What stands around a script: the contract's caches, known variables, how a file that it sources is read, what was written before it."""

    caches: Sequence[str] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    load: Callable[[str], str | None] = lambda _: None
    written: dict[str, Word] = field(default_factory=dict)
    """Texts that scripts wrote to files, by path."""


def effects(text: Text, around: Around) -> list[Effect]:
    """Return what a script does, in the order of its commands."""
    given = text if isinstance(text, Rendered) else rendered(text, ())
    try:
        script = shell.read_rendered(given, around.known)
    except Unread as wrong:
        original = given.original(given.text, 0)
        why = str(wrong)
        return [unread(original, why) if NAMES_PUSH.search(original) else Opaque(0, "", why, why)]
    except RecursionError:
        return [Opaque(0, "", "its shell is nested too deeply", "")]
    swallowed = unclosed(script)
    judged = [
        replace(effect, unknown=swallowed[1])
        if swallowed is not None and isinstance(effect, Writes) and not effect.unknown and effect.offset >= swallowed[0]
        else effect
        for effect in _Judge(script, around).all()
    ]
    return [*judged, *fallen(script, judged)]


class _Judge:
    """Goes through the commands of a script, into strings and functions that they run."""

    def __init__(self, script: Script, around: Around) -> None:
        self.script = script
        self.around = around
        self.caches = around.caches
        self.known = dict(around.known)
        self.functions: dict[str, list[Command]] = {}
        self.written = around.written
        self.count = 0
        self.until = ""
        """What ends the value that is being written to GITHUB_ENV over several lines."""
        self.called: set[str] = set()
        self.aliases: dict[str, str] = {}
        self.define(script)

    def define(self, script: Script) -> None:
        for command in script.commands:
            if command.function:
                self.functions.setdefault(command.function, []).append(command)

    def all(self) -> Iterator[Effect]:
        for command in self.script.commands:
            if not command.function:
                yield from self.command(command, (), 0)
                yield from hooked(command)
        yield from self.uncalled()

    def uncalled(self) -> Iterator[Effect]:
        """Yield what a function does that no command calls by its name, where a word names it or a program is unknown."""
        own = [command for command in self.script.commands if not command.function]
        said = {match[0] for command in own for word in command.words for match in _NAME.finditer(word.text)}
        loose = any(command.words and command.words[0].text == HOLE for command in self.script.commands)
        for name, body in self.functions.items():
            if name in self.called or not (loose or name in said):
                continue
            for command in body:
                for effect in self.command(command, (), DEEPEST - 1):
                    if isinstance(effect, Writes):
                        yield replace(effect, unknown=effect.unknown or f"whether {name} is called")

    def command(self, given: Command, arguments: tuple[Word, ...], depth: int) -> Iterator[Effect]:
        self.count += 1
        if self.count > MOST or depth > DEEPEST:
            if NAMES_PUSH.search(given.raw):
                yield Writes(given.offset, given.guard, f"nested too deeply: {shown(given.raw)}", "push")
            elif self.count == MOST + 1:
                yield Opaque(given.offset, given.guard, f"more than {MOST} commands, from here on", given.raw)
            return
        if not given.words:
            self.known |= {name: word.text for name, word in given.assigned.items() if word.known}
            return
        words = given.words
        if words[0].raw in {'"$@"', "$@", "$*", '"$*"'} and given.function:
            words = (*arguments, *words[1:])
        for effect in self.words(words, given, depth):
            judged = replace(effect, guard=effect.guard or given.guard, unknown=effect.unknown or broken(given))
            if isinstance(judged, Runs) and given.directory:
                judged = replace(judged, folder=posixpath.join(given.directory, judged.folder))
            yield judged
        yield from self.written_by(given)

    def words(self, words: Sequence[Word], given: Command, depth: int) -> Iterator[Effect]:
        """Yield what a command does, by the words that are its own or that a wrapper runs."""
        if not words:
            return
        name = program(words[0])
        raw = " ".join(word.raw for word in words)
        if not words[0].known and (HOLE in name or not name):
            yield from self.unknown(words, raw, given)
        elif name in attic.PROGRAMS:
            yield from attic.does(words[1:], given.offset, raw)
        elif name in self.functions and "/" not in words[0].text:
            yield from self.call(name, words, given, depth)
        elif name in {"nix", "nom"}:
            yield from self.nix(words, given, raw, depth)
        elif (inner := wrappers.inner(words)) is not None:
            yield from self.wrapped(inner, given, raw, depth)
        elif name in wrappers.inert() and name not in self.aliases:
            if shells_out(name, raw):
                yield Writes(given.offset, "", f"{shown(raw)}: what {name} does there is unknown", "push")
        else:
            yield from self.aliased(name, words, given, raw, depth)

    def unknown(self, words: Sequence[Word], raw: str, given: Command) -> Iterator[Effect]:
        """Yield what a command may do whose program is unknown."""
        verb = next((word.text for word in words[1:] if not word.text.startswith("-")), "")
        verb = verb if verb in attic.WRITES else "push"
        if NAMES_PUSH.search(raw):
            yield Writes(given.offset, "", f"{shown(words[0].raw)} is unknown", verb)
        else:
            yield Opaque(given.offset, "", f"{shown(raw)}: the program is unknown", raw)

    def call(self, name: str, words: Sequence[Word], given: Command, depth: int) -> Iterator[Effect]:
        self.called.add(name)
        for command in self.functions[name]:
            inner = replace(command, offset=given.offset) if command.offset < 0 else command
            for effect in self.command(inner, tuple(words[1:]), depth + 1):
                yield replace(effect, guard=effect.guard or given.guard)

    def wrapped(self, inner: wrappers.Inner, given: Command, raw: str, depth: int) -> Iterator[Effect]:
        for group in inner.words:
            does = list(self.words(group, given, depth + 1)) if depth < DEEPEST else []
            yield from does
            if not does and group and NAMES_PUSH.search(raw) and not self.understood(group):
                yield Writes(given.offset, "", f"{shown(raw)}: what it runs is unknown", "push")
            elif len(group) == 1 and program(group[0]) in attic.PROGRAMS and program(given.words[0]) in _FEEDERS:
                yield Writes(given.offset, "", f"{shown(raw)}: its verb comes in by the pipe", "push")
        for script in inner.scripts:
            yield from self.text(script, depth)
        if inner.file is not None:
            yield from self.file(inner.file, given, raw)
        if inner.stdin:
            yield from self.fed(given, raw, depth)

    def understood(self, words: Sequence[Word]) -> bool:
        name = program(words[0])
        is_known = name in wrappers.inert() or name in attic.PROGRAMS or name in self.functions
        return is_known or wrappers.inner(words) is not None

    def text(self, word: Word, depth: int) -> Iterator[Effect]:
        """Yield what a script in a word does; one that only a run would know is opaque."""
        if not word.known and not word.text.replace(HOLE, "").strip():
            source = _FROM_FILE.fullmatch(word.raw)
            if source is not None:
                yield Runs(word.offset, "", "", "file", source[1], (source[1],))
            else:
                yield Opaque(word.offset, "", f"{shown(word.raw)} is unknown", word.raw)
            return
        if depth > DEEPEST:
            return
        text = word.text
        given = rendered(text.replace(HOLE, "${{?}}"), (("${{", "}}"),)) if HOLE in text else text
        for effect in effects(given, replace(self.around, known=self.known)):
            yield replace(effect, offset=word.offset + effect.offset)

    def file(self, word: Word, given: Command, raw: str) -> Iterator[Effect]:
        path, is_sourced = posixpath.normpath(word.text), program(given.words[0]) in {"source", "."}
        if not word.known and HOLE in posixpath.basename(word.text):
            yield Opaque(given.offset, "", f"{shown(raw)}: the script is unknown", raw)
        elif path in self.written:
            yield from self.text(self.written[path], 1)
        elif is_sourced and (text := self.around.load(posixpath.join(given.directory, word.text))) is not None:
            yield from self.sourced(text, given)
        else:
            yield Runs(given.offset, "", "", "file", word.text, tuple(part.text for part in given.words))

    def sourced(self, text: str, given: Command) -> Iterator[Effect]:
        """Yield what a file does that is read into this script; its functions are this script's from then on."""
        try:
            script = shell.read(text, self.known)
        except Unread as wrong:
            yield Opaque(given.offset, "", f"{shown(given.raw)}: {wrong}", text[:10_000])
            return
        self.define(Script(tuple(replace(command, offset=-1) for command in script.commands)))
        for command in script.commands:
            if not command.function:
                here = replace(command, offset=given.offset, guard=command.guard or given.guard)
                yield from self.command(here, (), 1)

    def fed(self, given: Command, raw: str, depth: int) -> Iterator[Effect]:
        """Yield what a shell does with what comes in: a here-document, a file, or another command's output."""
        body, source = redirected(given, "<<", "<<<", "<<-"), redirected(given, "<")
        if body is not None:
            yield from self.text(body, depth + 1)
        elif source is not None:
            yield from self.file(source, given, raw)
        elif given.fed is not None:
            yield from self.piped(given.fed, given, depth)

    def piped(self, fed: Command, given: Command, depth: int) -> Iterator[Effect]:
        name = program(fed.words[0]) if fed.words else ""
        body = redirected(fed, "<<", "<<<")
        if name == "cat" and body is not None:
            yield from self.text(body, depth + 1)
        elif name == "cat" and len(fed.words) == 2 and fed.words[1].known:  # noqa: PLR2004  # cat FILE.
            yield from self.file(fed.words[1], given, given.raw)
        elif name in {"echo", "printf"} and all(word.known for word in fed.words):
            yield from self.text(replace(fed.words[-1], text=echoed(fed.words)), depth + 1)
        else:
            what = f"{shown(fed.raw)} | {shown(given.raw)}"
            if NAMES_PUSH.search(fed.raw):
                yield Writes(given.offset, "", what, "push")
            else:
                yield Opaque(given.offset, "", what, f"{fed.raw} {given.raw}")

    def nix(self, words: Sequence[Word], given: Command, raw: str, depth: int) -> Iterator[Effect]:
        hook = option(words, "--post-build-hook", "post-build-hook")
        words = (words[0], *from_subcommand(words[1:]))
        plain = [word for word in words[1:] if not word.text.startswith("-")]
        verb = plain[0].text if plain else ""
        if hook is not None:
            yield Runs(given.offset, "", "" if hook.known else raw, "hook", hook.text, (hook.text,))
        if verb == "copy" or any(word.text == "copy" for word in plain[:3]):
            yield from attic.copied(words, given.offset, raw, self.caches)
        elif verb == "run":
            yield from self.nix_run(words, given, raw)
        elif verb in {"develop", "shell", "env"}:
            inner = wrappers.inner(words)
            if inner is not None:
                yield from self.wrapped(inner, given, raw, depth)
        elif HOLE in verb and NAMES_PUSH.search(raw):
            yield Writes(given.offset, "", shown(raw), "push")

    def nix_run(self, words: Sequence[Word], given: Command, raw: str) -> Iterator[Effect]:
        app, after = installable([word for word in words[1:] if word.text != "run"])
        flake, sign, attribute = app.text.partition("#") if app is not None else ("", "", "")
        name = attribute.rpartition("#")[2].rpartition(".")[2] if sign else posixpath.basename(flake.partition("?")[0])
        if app is not None and HOLE not in name and name in attic.PROGRAMS:
            yield from attic.does(after, given.offset, raw)
        elif NAMES_PUSH.search(raw):
            yield Writes(given.offset, "", shown(raw), "push")
        elif app is not None and flake in {"", ".", "./", "path:."}:
            yield Runs(given.offset, "", "", "flake", "flake.nix", tuple(word.text for word in words))
        else:
            yield Opaque(given.offset, "", shown(raw), raw)

    def aliased(  # As `other`, and how deep.
        self, name: str, words: Sequence[Word], given: Command, raw: str, depth: int
    ) -> Iterator[Effect]:
        """Yield what an alias of this script does in the place of its name, or what another program does."""
        if name in self.aliases:
            text = " ".join((self.aliases[name], *(word.raw for word in words[1:])))
            yield from self.text(replace(words[0], text=text), depth + 1)
            return
        if name == "alias":
            pairs = [word.text.partition("=") for word in words[1:] if word.known]
            self.aliases |= {alias: text for alias, sign, text in pairs if sign}
        if (runner := wrappers.runner(words)) is not None:
            yield Runs(given.offset, "", "", "runner", runner, tuple(word.text for word in words))
        yield from self.other(name, words, given, raw)

    def other(self, name: str, words: Sequence[Word], given: Command, raw: str) -> Iterator[Effect]:
        """Yield what a program does that is neither Attic's, nor a wrapper, nor inert."""
        text, *arguments = texts = tuple(word.text for word in words)
        path = posixpath.normpath(text)
        if name in {"just", "make", "gmake"}:
            yield Runs(given.offset, kind="just" if name == "just" else "make", words=tuple(arguments))
        elif name in {"npm", "pnpm", "yarn", "bun"} and arguments:
            yield Runs(given.offset, kind="npm", words=tuple(arguments))
        elif name in _BUILDERS and {"build", "bud"} & set(arguments[:2]):
            yield Runs(given.offset, kind="docker", words=tuple(arguments))
        elif name in _OTHERS and (run := program_file(words[1:])) is not None and run.known:
            yield Runs(given.offset, "", "", "other", run.text, texts)
        elif NAMES_PUSH.search(raw) or (name in _OTHERS and NAMES_PUSH.search(eaten(given))):
            yield Writes(given.offset, "", f"{shown(raw)}: what {name} does is unknown", "push")
        elif path in self.written:
            yield from self.text(self.written[path], 1)
        elif "/" in text and not text.startswith(_SYSTEM):
            yield Runs(given.offset, "", "", "file", text, texts)
        elif NAMES_ATTIC.search(name):
            yield Opaque(given.offset, "", f"{shown(raw)}: what {name} does is unknown", raw)

    def written_by(self, given: Command) -> Iterator[Effect]:
        """Yield the variables that a command writes to GITHUB_ENV; note the text that it writes to a file."""
        into = [redirect.target for redirect in given.redirects if redirect.sign in {">", ">>", "&>", ">|"}]
        name = program(given.words[0]) if given.words else ""
        if name == "tee":
            into += [word for word in given.words[1:] if not word.text.startswith("-")]
        for target in into:
            body = text_of(given)
            if "GITHUB_ENV" in target.raw:
                yield from self.set_by(body, given)
            elif body is not None and target.known:
                path = posixpath.normpath(target.text)
                before = self.written.get(path)
                both = replace(body, text=f"{before.text}{body.text}", offset=before.offset) if before else body
                self.written[path] = both

    def set_by(self, body: Word | None, given: Command) -> Iterator[Effect]:
        if body is None:
            if not self.until:
                yield Sets(given.offset, given.guard)
            return
        for line in body.text.splitlines():
            if self.until:
                self.until = "" if line.strip() == self.until else self.until
                continue
            name, sign, value = line.partition("=")
            if "<<" in name and HOLE not in name.partition("<<")[0]:
                name, _, self.until = name.partition("<<")
                yield Sets(given.offset, given.guard, "", name.strip(), None)
            elif line.strip() and sign and HOLE not in name:
                yield Sets(given.offset, given.guard, "", name.strip(), None if HOLE in value else value)
            elif line.strip():
                yield Sets(given.offset, given.guard)
