"""Following what a script calls in its checkout: other scripts, recipes of just and make, scripts of npm, Nix's hooks."""

from __future__ import annotations

import functools
import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_gf.honey.formats import recipes, wrappers
from pytest_gf.honey.formats.commands import Word
from pytest_gf.honey.formats.recipes import Recipes
from pytest_gf.honey.formats.templates import HOLE
from pytest_gf.honey.observed.repository import Sources
from pytest_gf.honey.observed.repository.effect import NAMES_ATTIC, NAMES_PUSH, Effect, Opaque, Runs, Writes
from pytest_gf.honey.observed.repository.effects import Around, Text, effects
from pytest_gf.honey.observed.repository.searching import chosen, shown

DEEPEST = 8
_JUSTFILES = ("justfile", "Justfile", ".justfile", "JUSTFILE")
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


@dataclass(frozen=True)
class Reached:
    """An effect, and the file and line (from 1) in the checkout where it stands; no path where that is the script itself."""

    effect: Effect
    path: str = ""
    line: int = 0

    @property
    def where(self) -> str:
        return f" (in {self.path}:{self.line})" if self.path else ""


@dataclass(frozen=True)
class Reader:
    """Reads scripts of one checkout. ``directory``: where a script runs, below the checkout's root."""

    sources: Sources
    caches: Sequence[str] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    written: dict[str, Word] = field(default_factory=dict)
    directory: str = ""
    at: str = ""
    """The path of the script itself, where it is a file."""
    depth: int = 0

    def reached(self, text: Text) -> Iterator[Reached]:
        """Yield what a script does, and what the scripts and recipes do that it calls."""
        around = Around(self.caches, self.known, self._load, self.written)
        for effect in effects(text, around):
            if isinstance(effect, Runs):
                for reached in self.followed(effect):
                    guard = effect.guard or reached.effect.guard
                    yield replace(reached, effect=replace(reached.effect, offset=effect.offset, guard=guard))
            else:
                yield Reached(effect)

    def followed(self, call: Runs) -> Iterator[Reached]:
        """Yield what a call does; one that leads out of the checkout is opaque."""
        text = " ".join(call.words).replace(HOLE, "?")
        if self.depth >= DEEPEST:
            yield _opaque(call, f"{shown(text)}: called too deeply", text)
            return
        follow = dict.fromkeys(("just", "make"), self._recipes) | {"npm": self._npm, "docker": self._docker}
        follow |= {"flake": self._flake, "runner": self._runner}
        yield from follow.get(call.kind, self._file)(call, text)

    def find(self, target: str) -> str:
        """Return the path in this checkout that a word means; "" for none. What stands before an unknown part is left out."""
        return next((path for path in self._places(target) if path in self.sources), "")

    def _places(self, target: str) -> list[str]:
        known = target.rpartition(HOLE)[2]
        folders = [self.directory, posixpath.dirname(self.at), ""] if HOLE in target else [self.directory]
        part = known.lstrip("/") if HOLE in target else known
        return [posixpath.normpath(posixpath.join(folder, part)) for folder in folders]

    def _load(self, target: str) -> str | None:
        return self.sources.get(self.find(target))

    def _file(self, call: Runs, said: str) -> Iterator[Reached]:
        path = self.find(posixpath.join(call.folder, call.target))
        text = self.sources.get(path)
        written = self.written.get(posixpath.normpath(call.target))
        if text is None and written is not None:
            yield from map(Reached, effects(written.text, Around(self.caches, self.known, written=self.written)))
        elif text is None:
            what = f"{'post-build-hook ' if call.kind == 'hook' else ''}{shown(said)} is no file of this checkout"
            yield _opaque(call, what, said)
        elif call.kind == "other" or recipes.interpreter(text):
            yield from _foreign(path, text, call)
        else:
            yield from self.below(path, text, 1)

    def below(self, path: str, text: Text, first: int) -> Iterator[Reached]:
        """Yield what a file of the checkout does whose first line is that one."""
        inner = replace(self, at=path, depth=self.depth + 1)
        for reached in inner.reached(text):
            yield reached if reached.path else Reached(reached.effect, path, first + reached.effect.offset)

    def _recipes(self, call: Runs, said: str) -> Iterator[Reached]:
        is_just = call.kind == "just"
        goals, given, path = _called(call.words, _FILE[call.kind], _FOLDER[call.kind])
        if path:
            path = self.find(posixpath.join(call.folder, path))
        else:
            places = self._places(posixpath.join(call.folder, given))
            path = next((nearest for place in places if (nearest := self._nearest(place, call.kind))), "")
        text = self.sources.get(path)
        if text is None:
            yield _opaque(call, f"{call.kind} {shown(said)}: no recipes are found", f"{call.kind} {said}")
            return
        read = self._with_imports(path, recipes.just(text) if is_just else recipes.make(text))
        known = {name: self.known[name] for name in read.weak & set(self.known)}
        read = replace(read, over={**known, **_set(call.words)})
        goals = goals or [read.first]
        at = 0
        while at < len(goals):
            recipe = read.recipe(goals[at])
            if recipe is None:
                if not read.whole or HOLE in goals[at] or "::" in goals[at]:
                    what = f"{call.kind} {shown(said)}: {path} may have {shown(goals[at].replace(HOLE, '?'))} elsewhere"
                    yield _opaque(call, what, f"{call.kind} {said}")
                return  # Without the recipe nothing is run.
            behind = at + 1 + (len(recipe.parameters) if is_just else 0)
            yield from self._recipe(path, read, goals[at], goals[at + 1 : behind], ())
            at = behind

    def _recipe(
        self, path: str, read: Recipes, name: str, arguments: Sequence[str], above: tuple[str, ...]
    ) -> Iterator[Reached]:
        recipe = read.recipe(name)
        if recipe is not None and len(above) > DEEPEST:
            yield Reached(Opaque(0, "", f"{path}: {name} is needed too deeply", name), path, recipe.line)
            return
        if recipe is None or name in above:
            return
        for need in recipe.needs:
            yield from self._recipe(path, read, need.name, need.arguments, (*above, name))
        if recipe.interpreter:
            yield from _foreign(path, recipe.body, Runs(0, "", "", "other", name), recipe.line)
        else:
            inner = replace(self, directory=posixpath.dirname(path))
            text = read.rendered(recipe, [argument for argument in arguments if HOLE not in argument])
            yield from inner.below(path, text, recipe.line)

    def _with_imports(self, path: str, read: Recipes) -> Recipes:
        for name in read.imports:
            text = self.sources.get(posixpath.normpath(posixpath.join(posixpath.dirname(path), name)))
            read = read.with_imported(recipes.just(text)) if text is not None else replace(read, whole=False)
        return read

    def _nearest(self, folder: str, kind: str) -> str:
        """Return the file of recipes of a folder; just also looks above it."""
        names = _JUSTFILES if kind == "just" else _MAKEFILES
        while True:
            paths = (posixpath.normpath(posixpath.join(folder, name)) for name in names)
            nearest = next((path for path in paths if path in self.sources), "")
            if nearest or not folder or folder == "." or kind != "just":
                return nearest
            folder = posixpath.dirname(folder)

    def _npm(self, call: Runs, _: str) -> Iterator[Reached]:
        """Yield what scripts of package.json do: those that are named, with those around them, and those of an installation."""
        named, folder, _ = _called(call.words, (), _PACKAGES)
        own = self.find(posixpath.join(call.folder, folder, "package.json"))
        everywhere = bool(_WORKSPACES & set(call.words))
        for path in chosen(self.sources, ("package.json", "*/package.json")) if everywhere else filter(None, (own,)):
            scripts = _scripts(self.sources[path])
            goals = [name for name in named if name not in _RUN][: None if everywhere else 1]
            wanted = _INSTALLS if set(goals[:1]) & _INSTALLING else [near for name in goals for near in _around(name)]
            for name in dict.fromkeys(wanted):
                yield from self._script(path, scripts, name)

    def _script(self, path: str, scripts: Mapping[str, object], name: str) -> Iterator[Reached]:
        text = scripts.get(name)
        if isinstance(text, str):
            line = self.sources[path].count("\n", 0, max(0, self.sources[path].find(json.dumps(name)))) + 1
            inner = replace(self, directory=posixpath.dirname(path))
            for reached in inner.below(path, text, line):
                yield replace(reached, line=line) if reached.path == path else reached

    def _docker(self, call: Runs, said: str) -> Iterator[Reached]:
        """Yield what the instructions RUN of a Dockerfile do."""
        contexts, _, given = _called(call.words, ("-f", "--file"), ())
        context = contexts[-1] if len(contexts) > 1 else "."
        names = [given] if given else [posixpath.join(context, name) for name in ("Dockerfile", "Containerfile")]
        path = next((there for name in names if (there := self.find(posixpath.join(call.folder, name)))), "")
        if path:
            yield from self.below(path, recipes.dockerfile(self.sources[path]), 1)
            if self.sources[path].count("\n") > recipes.MOST_LINES:
                yield _opaque(call, f"{path} is not read to its end", said)
        else:
            yield _opaque(call, f"{shown(said)}: no Dockerfile is found", said)

    def _runner(self, call: Runs, _: str) -> Iterator[Reached]:
        """Yield what a program may run that a file of another form tells it: a push where such a file names one."""
        named = [path for word in call.words[1:] if (path := self.find(posixpath.join(call.folder, word)))]
        words = [word.lstrip("/").partition(":")[0] for word in call.words[1:] if not word.startswith("-")]
        folders = [f"{posixpath.normpath(word)}/*" for word in words if "run" in words and word not in {"", "run"}]
        folder = posixpath.join(self.directory, call.folder)
        wanted = (*wrappers.runners()[call.target], *folders)
        patterns = [posixpath.normpath(posixpath.join(folder, pattern)) for pattern in wanted]
        for path, text in (chosen(self.sources, patterns) | {path: self.sources[path] for path in named}).items():
            if _names_push(text):
                yield from _foreign(path, text, call)

    def _flake(self, call: Runs, said: str) -> Iterator[Reached]:
        """Yield what may be run of the checkout's own flake: no Nix is read here, so a push in its text is undecided."""
        path = self.find(posixpath.join(call.folder, call.target))
        yield _opaque(call, f"nix {shown(said.removeprefix('nix '))}", said)
        if path:
            yield from _foreign(path, self.sources[path], call)


_PACKAGES = ("--prefix", "-C", "--dir", "--cwd")
_WORKSPACES = frozenset(
    {"workspace", "workspaces", "-w", "--workspace", "--workspaces", "-ws", "--filter", "-r", "--recursive"}
)
_RUN = frozenset({"run", "run-script"})
_INSTALLING = frozenset({"ci", "install", "i"})
_INSTALLS = ("preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare")


def _around(name: str) -> tuple[str, str, str]:
    """Return the scripts that npm runs for a name, in their order."""
    name = {"t": "test", "tst": "test"}.get(name, name)
    return f"pre{name}", name, f"post{name}"


def _scripts(text: str) -> Mapping[str, object]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    scripts = read.get("scripts") if isinstance(read, dict) else None
    return scripts if isinstance(scripts, dict) else {}


_FILE = {"just": ("-f", "--justfile"), "make": ("-f", "--file", "--makefile")}
_FOLDER = {"just": ("-d", "--working-directory"), "make": ("-C", "--directory")}


def _called(words: Sequence[str], files: Sequence[str], folders: Sequence[str]) -> tuple[list[str], str, str]:
    """Return the goals that a call names, and the folder and the file that its options give."""
    goals: list[str] = []
    folder = file = ""
    at = 0
    while at < len(words):
        word = words[at]
        name, sign, value = word.partition("=")
        short = word[:2]
        if short in (*files, *folders) and short != word and not sign:
            folder, file = (folder, word[2:]) if short in files else (word[2:], file)
            at += 1
            continue
        if name in (*files, *folders):
            given = value if sign else words[at + 1] if at + 1 < len(words) else ""
            folder, file = (folder, given) if name in files else (given, file)
            at += 1 if sign else 2
            continue
        if word in {"--set", "-j", "--shell", "--dotenv-path"}:
            at += 3 if word == "--set" else 2
            continue
        if not word.startswith("-") and not (sign and not goals):
            goals.append(word)
        at += 1
    return goals, folder, file


@functools.lru_cache(maxsize=4_096)
def _names_push(text: str) -> bool:
    return NAMES_PUSH.search(text) is not None


def _set(words: Sequence[str]) -> dict[str, str]:
    """Return the variables that a call of just or make sets: ``NAME=value``, ``--set NAME value``."""
    pairs = (word.partition("=") for word in words)
    given = {name: value for name, sign, value in pairs if sign and name.isidentifier()}
    return given | {words[at + 1]: words[at + 2] for at in range(len(words) - 2) if words[at] == "--set"}


def _opaque(call: Runs, unknown: str, text: str) -> Reached:
    return Reached(Opaque(call.offset, "", unknown, text))


def _foreign(path: str, text: str, call: Runs, first: int = 1) -> Iterator[Reached]:
    """Yield what a script may do that is no shell: a push where its text names one."""
    match = NAMES_PUSH.search(text)
    if match:
        line = text.count("\n", 0, match.start())
        what = f"{path} is no shell, and it says {shown(match[0])}"
        yield Reached(Writes(call.offset, "", what, "push"), path, first + line)
    elif NAMES_ATTIC.search(text):
        yield Reached(Opaque(call.offset, "", f"{path} is no shell", ""), path, first)
