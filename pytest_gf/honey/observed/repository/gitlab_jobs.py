"""The jobs of a GitLab pipeline as GitLab makes them: local includes, ``extends``, ``default`` and ``!reference`` resolved."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from pytest_gf.honey.formats.yaml_nodes import Items, Malformed, Node, Scalar, Table, read_all
from pytest_gf.honey.observed.repository import Sources
from pytest_gf.honey.observed.repository.branches import words
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
_INHERITED = ("before_script", "after_script", "hooks", "image")


class Placed(NamedTuple):
    """A node, and the file in which it stands."""

    path: str
    node: Node


@dataclass(frozen=True)
class Job:
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
        found = ((path, table.get(key)) for path, table in reversed(self.layers))
        return next((Placed(path, node) for path, node in found if node is not None), None)

    def table(self, key: str) -> dict[str, Node]:
        """Return the entries of a mapping, of which each layer may have a part."""
        found: dict[str, Node] = {}
        for _, layer in self.layers:
            node = layer.get(key)
            found |= {name.text: each for name, each in node.entries} if isinstance(node, Table) else {}
        return found


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

    tops: list[tuple[str, Table]] = field(default_factory=list)
    absent: list[tuple[str, int, str]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    budget: Budget = field(default_factory=Budget)

    def jobs(self) -> Iterator[Job]:
        """Yield the jobs, the hidden ones too."""
        used = self._used()
        for name in dict.fromkeys(key.text for _, top in self.tops for key, _ in top.entries):
            layers, unseen = self._layers(name, ())
            if name not in NO_JOBS and layers:
                yield Job(name, (*self._defaults(), *layers), unseen, name in used)

    def job(self, name: str) -> Job:
        """Return a job by its name, without what is inherited from ``default``."""
        return Job(name, *self._layers(name, ()))

    def top(self) -> Job:
        """Return the top of the pipeline, as a job is read."""
        return Job("", tuple(self.tops))

    def listed(self, found: Placed | None, depth: int = 0) -> Iterator[Placed]:
        """Yield the entries of a list or of lists in it, and of those that ``!reference`` names; an unknown one as itself. Raises Malformed."""
        if found is None or depth > DEEPEST:
            return
        path, node = found
        self.budget.spend(_EACH, node.line)
        if not isinstance(node, Items):
            yield found
        elif node.tag == "!reference":
            target = self._referred(words(node))
            if target is None:
                yield found
            else:
                yield from self.listed(target, depth + 1)
        else:
            for each in node.nodes:
                yield from self.listed(Placed(path, each), depth + 1)

    def _referred(self, names: tuple[str, ...]) -> Placed | None:
        if len(names) < 2:  # noqa: PLR2004  # A job and a key.
            return None
        found = self.job(names[0]).get(names[1])
        for name in names[2:]:
            below = found.node.get(name) if found is not None and isinstance(found.node, Table) else None
            found = Placed(found.path, below) if found is not None and below is not None else None
        return found

    def _layers(self, name: str, above: tuple[str, ...]) -> tuple[tuple[tuple[str, Table], ...], str]:
        own = [(path, node) for path, top in self.tops if isinstance(node := top.get(name), Table)]
        extended = Job(name, tuple(own)).get("extends")
        made: list[tuple[str, Table]] = []
        unseen = ""
        for each in words(extended.node) if extended is not None else ():
            if each in above or len(above) > DEEPEST or len(made) > _MOST_LAYERS:
                unseen = f"extends: {each}"
                continue
            layers, inner = self._layers(each, (*above, name))
            unseen = unseen or inner or ("" if layers else f"extends: {each}")
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
        found: set[str] = set()
        pending: list[tuple[Node, int]] = [(top, 0) for _, top in self.tops]
        while pending:
            node, depth = pending.pop()
            if isinstance(node, Table):
                extended = node.get("extends") if depth == 1 else None
                found.update(words(extended))
                pending += [(each, depth + 1) for _, each in node.entries]
            elif isinstance(node, Items):
                found.update(words(node)[:1] if node.tag == "!reference" else ())
                pending += [(each, depth + 1) for each in node.nodes]
        return found


def pipeline(path: str, text: str, sources: Sources) -> Pipeline:
    """Read a pipeline's file, and what it includes of this checkout. Raises Malformed."""
    made = Pipeline()
    _take(made, path, text, sources)
    return made


def _take(made: Pipeline, path: str, text: str, sources: Sources) -> None:
    made.files.add(path)
    tables = [each for each in read_all(text) if isinstance(each, Table)]
    for table in tables:
        for line, kind, where in included(table.get("include")):
            below = local(where, sources) if kind == "local" else []
            if not below and kind != "template":
                made.absent.append((path, line, f"include: {kind}: {where}"))
            for each in below:
                if each in made.files:
                    continue
                if len(made.files) >= MOST_FILES:
                    made.absent.append((path, line, f"include: {where}, behind {MOST_FILES} other files"))
                    continue
                try:
                    _take(made, each, sources[each], sources)
                except Malformed as wrong:
                    made.absent.append((path, line, f"include: {each}, which can't be read: {wrong}"))
    made.tops += [(path, table) for table in tables]


def local(where: str, sources: Sources) -> list[str]:
    """Return the files of this checkout that a local include names; ``*`` stands for no ``/``, and ``**`` does."""
    path = posixpath.normpath(where.lstrip("/"))
    if "*" not in path:
        return [path] if path in sources else []
    deep = "**" in path
    return [each for each in sources if is_among(each, [path]) and (deep or each.count("/") == path.count("/"))]


def included(node: Node | None) -> Iterator[tuple[int, str, str]]:
    """Yield what ``include`` names: its line, its kind (local, remote, project, component, template …), and where it is."""
    for each in node.nodes if isinstance(node, Items) else (node,) if node is not None else ():
        if isinstance(each, Scalar):
            yield each.line, "remote" if "://" in each.text else "local", each.text
        elif isinstance(each, Table):
            known = {key.text: one for key, one in each.entries if isinstance(one, Scalar)}
            kind = next(
                (key for key in ("local", "project", "remote", "component", "template", "artifact") if key in known), ""
            )
            said = " ".join([known[kind].text if kind else "", *(words(each.get("file")) if kind == "project" else ())])
            if kind:
                yield each.line, kind, said
