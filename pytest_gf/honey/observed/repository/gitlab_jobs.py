"""The jobs of a GitLab pipeline as GitLab makes them: local includes, ``extends``, ``default`` and ``!reference`` resolved."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pytest_gf.honey.formats.yaml_nodes import (
    Items,
    Malformed,
    Node,
    Scalar,
    Table,
    entries,
    items,
    read_all,
    within,
    words,
)
from pytest_gf.honey.observed.repository import Sources
from pytest_gf.honey.observed.repository.searching import is_among

NO_JOBS = frozenset(
    {"default", "variables", "stages", "workflow", "include", "spec", "image", "services", "cache", "pages:deploy"}
)
DEEPEST = 30
MOST_FILES = 150
"""Files of one pipeline; GitLab allows as many includes."""
_MOST_LAYERS = 200
_MOST = 5_000_000
"""Characters of all jobs of a pipeline, with what they inherit, that are read; a list or a reference costs as much as ten."""
_EACH = 10
_INCLUDES = ("local", "project", "remote", "component", "template", "artifact")
_INHERITED = ("before_script", "after_script", "hooks", "image")


class Placed(NamedTuple):
    """A node, and the file in which it stands."""

    path: str
    node: Node


@dataclass(frozen=True)
class GitLabJob:
    """A job: the mappings that it is made of, the nearest one last. ``unseen``: what it extends and nobody shows."""

    name: str
    layers: tuple[tuple[str, Table], ...]
    unseen: str = ""
    used: bool = False
    """Whether another job extends it, or refers to it."""

    @property
    def hidden(self) -> bool:
        """Whether GitLab never runs it by itself."""
        return self.name.startswith(".")

    def get(self, key: str) -> Placed | None:
        """Return the value that counts for a key."""
        nodes = ((path, table.get(key)) for path, table in reversed(self.layers))
        return next((Placed(path, node) for path, node in nodes if node is not None), None)

    def table(self, key: str) -> dict[str, Node]:
        """Return the entries of a mapping, of which each layer may have a part."""
        return {name.text: node for _, layer in self.layers for name, node in entries(layer.get(key))}


@dataclass
class Budget:
    """What may still be read of a pipeline and the ones below it: inherited scripts and references multiply."""

    left: int = _MOST

    def spend(self, count: int, line: int) -> None:
        """Take that much. Raises Malformed where nothing is left."""
        self.left -= count
        if self.left < 0:
            raise Malformed(line, f"its jobs come to more than the {_MOST} characters that are read")


@dataclass
class Pipeline:
    """The mappings at the top of a pipeline's files, what is included first; ``absent``: includes that the checkout does not hold."""

    sources: Sources
    tops: list[tuple[str, Table]] = field(default_factory=list)
    absent: list[tuple[str, int, str]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    budget: Budget = field(default_factory=Budget)

    def jobs(self) -> Iterator[GitLabJob]:
        """Yield the jobs, the hidden ones too."""
        used = self._used()
        for name in dict.fromkeys(key.text for _, top in self.tops for key, _ in top.entries):
            layers, unseen = self._layers(name, ())
            if name not in NO_JOBS and layers:
                yield GitLabJob(name, (*self._defaults(), *layers), unseen, name in used)

    def job(self, name: str) -> GitLabJob:
        """Return a job by its name, without what is inherited from ``default``."""
        return GitLabJob(name, *self._layers(name, ()))

    def top(self) -> GitLabJob:
        """Return the top of the pipeline, as a job is read."""
        return GitLabJob("", tuple(self.tops))

    def listed(self, placed: Placed | None, depth: int = 0) -> Iterator[Placed]:
        """Yield the entries of a list or of lists in it, and of those that ``!reference`` names; an unknown one as itself. Raises Malformed."""
        if placed is None or depth > DEEPEST:
            return
        path, node = placed
        self.budget.spend(_EACH, node.line)
        if not isinstance(node, Items):
            yield placed
        elif node.tag == "!reference":
            target = self._referred(words(node))
            if target is None:
                yield placed
            else:
                yield from self.listed(target, depth + 1)
        else:
            for item in node.nodes:
                yield from self.listed(Placed(path, item), depth + 1)

    def _referred(self, names: tuple[str, ...]) -> Placed | None:
        if len(names) < 2:  # noqa: PLR2004  # A job and a key.
            return None
        placed = self.job(names[0]).get(names[1])
        node = within(placed.node, *names[2:]) if placed is not None else None
        return Placed(placed.path, node) if placed is not None and node is not None else None

    def _layers(self, name: str, above: tuple[str, ...]) -> tuple[tuple[tuple[str, Table], ...], str]:
        own = [(path, node) for path, top in self.tops if isinstance(node := top.get(name), Table)]
        extended = GitLabJob(name, tuple(own)).get("extends")
        made: list[tuple[str, Table]] = []
        unseen = ""
        for base in words(extended.node) if extended is not None else ():
            if base in above or len(above) > DEEPEST or len(made) > _MOST_LAYERS:
                unseen = f"extends: {base}"
                continue
            layers, inner = self._layers(base, (*above, name))
            unseen = unseen or inner or ("" if layers else f"extends: {base}")
            made += layers
        return (*made, *own), unseen

    def _defaults(self) -> Iterator[tuple[str, Table]]:
        """Yield what each job inherits: the keys that may stand at the top, and ``default``."""
        for path, top in self.tops:
            entries = tuple((key, node) for key, node in top.entries if key.text in _INHERITED)
            yield path, Table(entries, top.line)
            default = top.get("default")
            if isinstance(default, Table):
                yield path, default

    def _used(self) -> set[str]:
        names: set[str] = set()
        pending: list[tuple[Node, int]] = [(top, 0) for _, top in self.tops]
        while pending:
            node, depth = pending.pop()
            if isinstance(node, Table):
                extended = node.get("extends") if depth == 1 else None
                names.update(words(extended))
                pending += [(below, depth + 1) for _, below in node.entries]
            elif isinstance(node, Items):
                names.update(words(node)[:1] if node.tag == "!reference" else ())
                pending += [(item, depth + 1) for item in node.nodes]
        return names


def pipeline(path: str, text: str, sources: Sources) -> Pipeline:
    """Read a pipeline's file, and what it includes of this checkout. Raises Malformed."""
    made = Pipeline(sources)
    _take(made, path, text)
    return made


def _take(made: Pipeline, path: str, text: str) -> None:
    made.files.add(path)
    tables = [top for top in read_all(text) if isinstance(top, Table)]
    for table in tables:
        for line, kind, where in included(table.get("include")):
            below = local(where, made.sources) if kind == "local" else []
            if not below and kind != "template":
                made.absent.append((path, line, f"include: {kind}: {where}"))
            for inner in below:
                if inner in made.files:
                    continue
                if len(made.files) >= MOST_FILES:
                    made.absent.append((path, line, f"include: {where}, behind {MOST_FILES} other files"))
                    continue
                try:
                    _take(made, inner, made.sources[inner])
                except Malformed as wrong:
                    made.absent.append((path, line, f"include: {inner}, which can't be read: {wrong}"))
    made.tops += [(path, table) for table in tables]


def local(where: str, sources: Sources) -> list[str]:
    """Return the files of this checkout that a local include names; ``*`` stands for no ``/``, and ``**`` does."""
    path = posixpath.normpath(where.lstrip("/"))
    if "*" not in path:
        return [path] if path in sources else []
    deep = "**" in path
    return [file for file in sources if is_among(file, [path]) and (deep or file.count("/") == path.count("/"))]


def included(node: Node | None) -> Iterator[tuple[int, str, str]]:
    """Yield what ``include`` names: its line, its kind (local, remote, project, component, template …), and where it is."""
    for entry in items(node) or (node,):
        if isinstance(entry, Scalar):
            yield entry.line, "remote" if "://" in entry.text else "local", entry.text
        elif isinstance(entry, Table):
            known = {key.text: one.text for key, one in entry.entries if isinstance(one, Scalar)}
            kind = next((kind for kind in _INCLUDES if kind in known), "")
            files = words(entry.get("file")) if kind == "project" else ()
            if kind:
                yield entry.line, kind, " ".join((known[kind], *files))
