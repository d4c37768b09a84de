"""This machine against the contract: the runner's variables, its state path, its substituters; dead addresses in use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.formats import nixconf
from pytest_gf.honey.observed.repository import BACKEND, DEAD, FLAKEHUB, HELD, SETTINGS, SHARED, FileFinding, Findings
from pytest_gf.honey.observed.repository.addresses import either_of

ENVIRONMENT = "environment"
"""The path that findings about variables carry; their line is always 1."""
S3_FAMILY = "TOFU_BACKEND_S3_"
BACKEND_FILES = ("TOFU_BACKEND_CONFIG_FILE", "TOFU_BACKEND_CONFIG_DIR")


def variable(variables: Mapping[str, str], name: str, promised: str) -> Findings:
    """Find a variable that is set to something else (S060, S061). An empty variable counts as not set."""
    given = variables.get(name, "")
    what, mend = f"{name}={address(given)}, and {promised} is promised", f"set it to {promised}, or not at all"
    findings = () if not given or given.rstrip("/") == promised else (_wrong(name, what, mend),)
    looked = f"{name}={address(given) or 'not set'}"
    return Findings(SETTINGS, f"{name} is {promised}, or not set", looked, findings)


def tokens(names: Collection[str], patterns: Sequence[str], named: Collection[str] = ()) -> Findings:
    """Find tokens of Attic that are set (S027): variables of these patterns (fnmatch), and those that a target names for one."""
    findings = tuple(
        _wrong("token", f"{name} is set in a pull request's job", "give it to no job of a pull request")
        for name in sorted(names)
        if name in named or any(fnmatchcase(name, pattern) for pattern in patterns)
    )
    looked = f"{len(names)} variable(s) of the contract"
    return Findings(HELD, "a pull request's job holds no token of Attic's", looked, findings)


def state_path(names: frozenset[str], kept: Sequence[str] = ()) -> Findings:
    """Find TF_HTTP_* in the environment (S076). Only names are looked at."""
    findings = [
        _wrong("TF_HTTP_*", f"{name} is set, and is for compatibility only", "unset it; use TOFU_BACKEND_S3_*")
        for name in sorted(names - set(kept))
        if name.startswith("TF_HTTP_")
    ]
    return Findings(BACKEND, "no TF_HTTP_* is set", f"{len(names)} variable(s) of the contract", findings)


def operator_path(names: frozenset[str], known: Sequence[str] = ()) -> Findings:
    """Find a half-given state path: TOFU_BACKEND_* as the operator's way to the state (S075).

    ``known`` are the single variables that the contract names; without any, only the family is judged.
    """
    family = sorted(name for name in names if name.startswith("TOFU_BACKEND_"))
    single = [name for name in family if not name.startswith(BACKEND_FILES)]
    strange = [name for name in single if (name not in known if known else not name.startswith(S3_FAMILY))]
    missing = [name for name in known if name not in names] if single == family else []
    use = f"use {', '.join(known) or 'TOFU_BACKEND_S3_*'}"
    findings = [_wrong(name, f"{name} is of no family that just tofu-init reads", use) for name in strange]
    findings += [
        _wrong(name, f"{name} is not set, and no backend file is", "set it, or TOFU_BACKEND_CONFIG_FILE")
        for name in missing
    ]
    promise = "the state is reached by TOFU_BACKEND_S3_* or a backend file"
    return Findings(BACKEND, promise, f"{len(family)} variable(s)", findings)


def executor(variables: Mapping[str, str]) -> Findings:
    """Find an executor that is the cache (S050)."""
    cache, given = variables.get("BAZEL_REMOTE_CACHE", ""), variables.get("BAZEL_REMOTE_EXECUTOR", "")
    same = bool(given) and given.rstrip("/") == cache.rstrip("/")
    what = f"BAZEL_REMOTE_EXECUTOR and BAZEL_REMOTE_CACHE are both {address(given)}"
    findings = (_wrong("BAZEL_REMOTE_EXECUTOR", what, "set the executor by itself, or not at all"),) if same else ()
    looked = f"executor {address(given) or 'not set'}"
    return Findings(SHARED, "an executor is set apart from the cache", looked, findings)


def retired(variables: Mapping[str, str], files: Mapping[str, str], names: Mapping[str, str]) -> Findings:
    """Find dead addresses in variables, bazelrc and nix.conf (S131 to S135)."""
    pattern = either_of(names)
    findings = [
        _wrong(name, f"{name} names {match[0]}, which is out of contract", names[match[0]])
        for name, value in variables.items()
        for match in pattern.finditer(value)
    ]
    for path, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            findings += [
                FileFinding(path, number, "retired-address", f"{match[0]} is out of contract", names[match[0]])
                for match in pattern.finditer(line.partition("#")[0])
            ]
    looked = f"{len(files)} file(s), {len(variables)} variable(s)"
    return Findings(DEAD, "no address that is out of contract is in use", looked, findings)


def substituters(variables: Mapping[str, str], files: Mapping[str, str], rules: Repository) -> Findings:
    """Find FlakeHub as a substituter, or the shared cache under another address (S004, S066)."""
    texts = {**files, **({"NIX_CONFIG": variables["NIX_CONFIG"]} if "NIX_CONFIG" in variables else {})}
    findings = [
        finding
        for path, text in texts.items()
        if not path.endswith("bazelrc")
        for setting in nixconf.read(path, text, texts.get)
        for finding in _set(setting, rules)
    ]
    promise = f"FlakeHub substitutes nothing here; the shared cache is {rules.attachment.attic_cache}"
    return Findings(FLAKEHUB, promise, f"{len(texts)} configuration(s)", findings)


def _set(setting: nixconf.Setting | nixconf.Absent, rules: Repository) -> Iterator[FileFinding]:
    if isinstance(setting, nixconf.Absent):
        what, sets = f"it includes {setting.included}, which was not read", f"what {setting.included} sets"
        yield FileFinding(setting.path, setting.line, "unseen-include", what, "let this user read it", sets)
        return
    promised = f"{rules.attachment.https_server}/{rules.attachment.attic_cache}"
    own = urlsplit(rules.attachment.https_server).hostname or ""
    for url in setting.words if nixconf.is_substituters(setting.name) else ():
        host = _host(url)
        if host in rules.publication.hosts:
            what = f"{host} is a substituter"
            yield FileFinding(setting.path, setting.line, "flakehub-substituter", what, "take it out")
        elif host == own and url.rstrip("/") != promised:
            what = f"{address(url)} is no cache that is promised"
            yield FileFinding(setting.path, setting.line, "other-cache", what, f"use {promised}")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _wrong(name: str, what: str, mend: str) -> FileFinding:
    return FileFinding(ENVIRONMENT, 1, f"variable-{name.lower().replace('_', '-')}", what, mend)


def address(url: str) -> str:
    """Return an address without user, password and query: they may be secrets."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "<no URL>"
    return f"{parts.scheme}://{host}{port}{parts.path}" if parts.scheme and host else parts.path[:60]
