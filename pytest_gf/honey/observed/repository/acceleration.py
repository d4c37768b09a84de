"""Acceleration is no publication: FlakeHub is never a substituter, a cache never a release, no claim outruns its proof."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.formats import markdown, nixconf
from pytest_gf.honey.formats.linear import Pattern, any_of, linear
from pytest_gf.honey.formats.workflow import Workflow
from pytest_gf.honey.formats.yaml_nodes import Items, Malformed, Node, Scalar, Table, read_all, within
from pytest_gf.honey.observed.repository import CLAIMED, FLAKEHUB, RELEASED, ROTATION, FileFinding, Findings, Sources
from pytest_gf.honey.observed.repository.searching import Lines, chosen, hits, shown

_RULE, _MEND = "flakehub-substituter", "FlakeHub publishes; Attic is the cache"
_SUBSTITUTERS = linear(
    r"(?:extra-|trusted-)?substituters?\b[\"']?\s*=\s*(?P<value>\[[^\]]*\]|[^\n;]*)|--(?:option\s+)?(?:extra-)?substituters\s+(?P<flag>[^\n]*)"
)
CACHE_ACTIONS = ("DeterminateSystems/flakehub-cache-action", "DeterminateSystems/magic-nix-cache-action")
SWITCH = "use-flakehub"
"""The input by which those of them that know it leave FlakeHub out."""
_CACHE_ACTION = linear(rf"(?m)^[ \t]*-?[ \t]*uses:[ \t]*[\"']?(?:{'|'.join(CACHE_ACTIONS)})\b[^\n]*")
_RELEASE = linear(r"(?i)\b(?:release|publish|deploy)\b")
_UPLOADS = linear(r"\b(?:push|upload|copy|put|url|endpoint)\b")
_DENIES = any_of(
    (
        r"\b(?:not?|never|without|narrow|non-goals?|future|planned|unless|until|roadmap|goal)\b",
        r"(?:does|is)(?:n't| not)",
    )
)
_ROTATES = linear(r"(?i)\brotat")
_UNITS = "(?:hours?|days?|weeks?|months?|quarters?|years?|releases?|deploys?)"
_CAUSES = (
    r"(?:leak|compromis|expos|disclos|suspect|suspicion|incident|breach|leav|depart|offboard|expir|lost|stolen|revok|repla|rebuil|upgrad|migrat"
    r"|request|chang|maintenance|release)\w*"
)
_WHEN = any_of(
    (
        r"\b(?:hourly|daily|weekly|fortnightly|monthly|quarterly|yearly|annual(?:ly)?|biannual(?:ly)?|half-yearly)\b",
        rf"\b(?:every|each|per|once a|once per)\s+(?:\w+\s+){{0,2}}{_UNITS}\b",
        rf"\b(?:\d+|one|two|three|six|nine|twelve|thirty|sixty|ninety)[ -]?(?:{_UNITS}|[hd])\b",
        rf"\b(?:after|upon|on|when(?:ever)?|if|once|following|with|at|in case of)\b[^.|]{{0,80}}\b{_CAUSES}",
    )
)
"""A period, or a trigger."""
_NEVER = any_of(
    (
        r"\b(?:never|(?:no|without) rotation)\b",
        r"\bnot (?:be )?rotat",
        r"(?:do|does|is|are)(?:n't| not) (?:be )?(?:ever )?rotat",
    )
)
WHERE = "docs/rotation.md"
"""Where a rotation rule that is missing could stand."""
CONFIGURATION = ("*.nix", "*.y*ml", "*nix.conf", "*.sh", "*Justfile", "*justfile", ".envrc")


def substituters(sources: Sources, rules: Repository) -> Findings:
    """Find FlakeHub as a substituter (S004)."""
    findings: list[FileFinding] = []
    files = chosen(sources, CONFIGURATION, rules.archived)
    hosts = sorted(rules.publication.hosts, key=len, reverse=True)
    for path, text in files.items():
        if path.endswith("nix.conf"):
            findings += _configured(path, text, sources, hosts)
        elif "substituter" in text:
            findings += _substituted(path, text, hosts)
        if "DeterminateSystems" in text:
            findings += _cached(path, text)
        if "NIX_" in text or "XDG_CONFIG_HOME" in text:
            findings += _by_variable(path, text, sources, hosts)
    return Findings(FLAKEHUB, "FlakeHub publishes, and substitutes nothing", f"{len(files)} file(s)", findings)


def _substituted(path: str, text: str, hosts: Sequence[str]) -> Iterator[FileFinding]:
    lines = Lines(text)
    for line, match in hits(lines, _SUBSTITUTERS):
        value = match["value"] or match["flag"] or ""
        host = next((name for name in hosts if name in value), None)
        if host is not None and not lines.line(line).lstrip().startswith(("#", "//")):
            yield _substitutes(path, line + value[: value.index(host)].count("\n"), host)


def _substitutes(path: str, line: int, host: str) -> FileFinding:
    return FileFinding(path, line, _RULE, f"{host} is a substituter", _MEND)


def _configured(path: str, text: str, sources: Sources, hosts: Sequence[str]) -> Iterator[FileFinding]:
    """Yield what a nix.conf and the files that it includes take from FlakeHub; a file that is not here is undecided."""
    for setting in nixconf.read(path, text, sources.get):
        if isinstance(setting, nixconf.Absent):
            file = shown(setting.included)
            what = f"it includes {file}, which this checkout does not hold"
            yield _unseen(setting.path, setting.line, what, "put its settings here", file)
        elif nixconf.is_substituters(setting.name):
            host = next((host for host in hosts if any(host in word for word in setting.words)), None)
            if host is not None:
                yield _substitutes(setting.path, setting.line, host)


def _by_variable(path: str, text: str, sources: Sources, hosts: Sequence[str]) -> Iterator[FileFinding]:
    """Yield what the files hold that a variable tells Nix to read, as far as they lie in this checkout."""
    for place, where in nixconf.files_by_variable(text):
        plain = where.rpartition("}")[2].rpartition("$")[2]
        _, _, below = plain.partition("/") if "$" in where or "}" in where else ("", "", plain)
        target = posixpath.normpath(below) if below else ""
        if target in sources:
            yield from _configured(target, sources[target], sources, hosts)
        elif where.endswith(".conf") and "nix" in where and not where.startswith(("/dev/null", "~", "/etc", "$HOME")):
            line = text.count("\n", 0, place) + 1
            yield _unseen(path, line, f"Nix is told to read {shown(where)}", "keep it in this checkout", shown(where))


def _unseen(path: str, line: int, what: str, mend: str, file: str) -> FileFinding:
    return FileFinding(path, line, "unseen-include", what, mend, f"what {file} sets")


def _cached(path: str, text: str) -> Iterator[FileFinding]:
    """Yield the steps that make FlakeHub a cache, unless they leave FlakeHub out."""
    lines = Lines(text)
    actions = {line: shown(match[0].strip()) for line, match in hits(lines, _CACHE_ACTION)}
    given: dict[int, str] = {}
    unread = ""
    try:
        given = {line: switch for top in read_all(text) for line, switch in _switches(top)} if actions else {}
    except Malformed as wrong:
        unread = wrong.what
    for line, what in actions.items():
        value = given.get(line, "")
        if value != "false":
            undecided = unread or (value if "${{" in value else "")
            yield FileFinding(path, line, _RULE, f"{what} makes FlakeHub a cache", _MEND, undecided)


def _switches(node: Node | None) -> Iterator[tuple[int, str]]:
    """Yield the line of each ``uses`` with what its step says of FlakeHub ("" for nothing)."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, Items):
            pending += current.nodes
        elif isinstance(current, Table):
            pending += [below for _, below in current.entries]
            uses, switch = current.get("uses"), within(current, "with", SWITCH)
            if isinstance(uses, Scalar):
                yield uses.line, switch.value if isinstance(switch, Scalar) else ""


def release_targets(workflows: Mapping[str, Workflow], caches: Sequence[str]) -> Findings:
    """Find a release job that uploads to a cache (S002)."""
    findings: list[FileFinding] = []
    for path, read in workflows.items():
        releases = "release" in read.triggers or bool(_RELEASE.search(read.name))
        for job in read.jobs:
            if not releases and not _RELEASE.search(job.id):
                continue
            for step in job.steps:
                texts = [step.run] if step.run is not None else list(step.inputs.values())
                for text in texts:
                    if any(cache in text.text for cache in caches) and _UPLOADS.search(text.text):
                        what, mend = f"release job {job.id} publishes to a cache", "release to FlakeHub or GitHub"
                        findings.append(FileFinding(path, text.line, "cache-as-release", what, mend))
    return Findings(RELEASED, "no release goes to Attic or the Bazel cache", f"{len(workflows)} workflow(s)", findings)


def claims(sources: Sources, rules: Repository) -> Findings:
    """Find documents that claim full remote execution (S007)."""
    pattern = any_of(rules.publication.claims)
    findings: list[FileFinding] = []
    files = chosen(sources, ("*.md",), rules.archived)
    for path, text in files.items():
        if "remot" not in text.lower():
            continue
        lines = Lines(text)
        judged: dict[int, bool] = {}
        for line, _ in hits(lines, pattern):
            if line not in judged:
                judged[line] = bool(_DENIES.search(f"{lines.around(line)} {' '.join(lines.above(line))}"))
                if not judged[line]:
                    mend = "claim the target classes that are proved, and no more"
                    findings.append(FileFinding(path, line, "claims-remote-execution", shown(lines.line(line)), mend))
    return Findings(CLAIMED, "no document claims full remote execution", f"{len(files)} document(s)", findings)


def rotation(sources: Sources, rules: Repository) -> Findings:
    """Find a kind of credential without a rotation rule of its own: a period or a trigger (S026)."""
    files = chosen(sources, ("*.md",), rules.archived)
    rotating = {path: text for path, text in files.items() if "rotat" in text.lower()}
    blocks = [(path, block) for path, text in rotating.items() for block in markdown.blocks(text)]
    findings: list[FileFinding] = []
    owners: dict[tuple[str, int], str] = {}
    for kind, words in rules.rotation.items():
        said = list(_said(blocks, any_of(words)))
        ruled = [(path, line) for path, line, text in said if _WHEN.search(text) and not _NEVER.search(text)]
        own = [place for place in ruled if place not in owners]
        if not own:
            findings.append(_ruleless(kind, said, ruled, owners))
        owners |= dict.fromkeys(own[:1], kind)
    promise = "each kind of credential has a rotation rule of its own"
    return Findings(ROTATION, promise, f"{len(rotating)} document(s)", findings)


def _ruleless(
    kind: str,
    said: Sequence[tuple[str, int, str]],
    ruled: Sequence[tuple[str, int]],
    owners: Mapping[tuple[str, int], str],
) -> FileFinding:
    path, line, what = WHERE, 1, f"no rotation rule for the {kind}"
    if ruled:
        (path, line), what = ruled[0], f"the {kind} shares the rule of the {owners[ruled[0]]}"
    elif said:
        path, line, text = said[0]
        what += f": {shown(text)!r} says neither when nor after what"
    mend = "write a rule of its own: a period, or what sets it off"
    return FileFinding(path, line, "no-rotation-rule", what, mend)


def _said(blocks: Sequence[tuple[str, markdown.Block]], kind: Pattern) -> Iterator[tuple[str, int, str]]:
    """Yield where a document speaks of rotating this kind of credential: in a paragraph, a list's item or a table's row."""
    for path, block in blocks:
        match = kind.search(block.text)
        if match is not None and (_ROTATES.search(block.text) or _ROTATES.search(" ".join(block.headings))):
            yield path, block.line + block.text.count("\n", 0, match.start()), block.text
