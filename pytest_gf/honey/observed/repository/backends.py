"""The backend that OpenTofu would use for a stack: its last init's record, or the block and what init is given; workspace and lock."""

from __future__ import annotations

import dataclasses
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pytest_gf.honey.formats import hcl
from pytest_gf.honey.formats.hcl import NoHcl
from pytest_gf.honey.observed.repository import BACKEND, FileFinding, Findings, Sources
from pytest_gf.honey.observed.repository.machine import ENVIRONMENT, address
from pytest_gf.honey.observed.repository.searching import chosen, shown
from pytest_gf.honey.observed.repository.stacks import block_of

RECORD = "terraform.tfstate"
WORKSPACE = "environment"
"""Files of OpenTofu's data folder: what init settled, and the workspace that is selected."""
DEFAULT = "default"
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT", "AWS_ENDPOINT_URL")
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""What OpenTofu reads where a setting is not given, the first one first."""
SHOWN = (
    *("encrypt", "use_path_style", "skip_credentials_validation", "skip_metadata_api_check", "skip_region_validation"),
    *("skip_requesting_account_id", "skip_s3_checksum"),
)
_SCHEME = re.compile(r"[a-z]*://")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Promise:
    """Where the state of a stack is promised. ``endpoints`` are the target's own.

    ``is_known`` is False where no target says where the state lies; another endpoint is undecided then. One of ``perhaps`` is
    undecided too: the target's address is one of this machine's own, and may lead there.
    """

    stack: str
    bucket: str
    key: str
    endpoints: tuple[str, ...]
    is_known: bool = True
    perhaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class BackendPlace:
    """Where a stack's backend may be given: its folder, patterns of backend files, and the machine.

    ``single``: by setting, the variable that ``tofu-init`` takes it from; ``named``: the backend files that
    TOFU_BACKEND_CONFIG_FILE or TOFU_BACKEND_CONFIG_DIR name, which then stand in the place of the patterns.
    """

    folder: str
    patterns: tuple[str, ...]
    variables: Mapping[str, str]
    single: Mapping[str, str] = dataclasses.field(default_factory=dict)
    named: Mapping[str, str] | None = None


@dataclass(frozen=True)
class ConfiguredBackend:
    """One backend as OpenTofu would have it: its settings, and where each was given (path and line; "": the block).

    ``is_whole`` is False where the settings are a file's alone, and the block below it is not known.
    """

    path: str
    settings: Mapping[str, object]
    at: Mapping[str, tuple[str, int]]
    is_whole: bool = True

    def where(self, name: str) -> tuple[str, int]:
        return self.at.get(name) or self.at.get("") or (self.path, 1)


@dataclass(frozen=True)
class Effective:
    """What init settled, or else each backend that it may be given here; ``unread`` is what could not be read of them."""

    backends: tuple[ConfiguredBackend, ...]
    unread: tuple[FileFinding, ...]
    workspace: str
    workspace_at: str
    variables: Mapping[str, str]


def effective(sources: Sources, place: BackendPlace) -> Effective:
    """Return the backends that OpenTofu would use for a stack, in this checkout and on this machine."""
    data = posixpath.normpath(posixpath.join(place.folder, place.variables.get("TF_DATA_DIR") or ".terraform"))
    backends: list[ConfiguredBackend] = []
    unread: list[FileFinding] = []
    if posixpath.isabs(data) or data.startswith("../"):
        given = place.variables["TF_DATA_DIR"]
        what, mend = "TF_DATA_DIR leads out of the checkout", "look at its terraform.tfstate by hand"
        unread.append(FileFinding(ENVIRONMENT, 1, "data-elsewhere", what, mend, given))
    record = f"{data}/{RECORD}"
    recorded = _record(record, sources[record]) if record in sources else None
    if isinstance(recorded, ConfiguredBackend):
        backends.append(recorded)
    else:
        backends, strange = _given(sources, place)
        unread += [*filter(None, [recorded]), *strange]
    workspace, at = _workspace(sources, data, place.variables)
    base = block(sources, place.folder)
    if not backends and not unread and base is not None and workspace != DEFAULT:
        backends.append(base)
    return Effective(tuple(backends), tuple(unread), workspace, at, place.variables)


def _given(sources: Sources, place: BackendPlace) -> tuple[list[ConfiguredBackend], list[FileFinding]]:
    """Return each backend that init may be given, and what can't be read of them."""
    base = block(sources, place.folder)
    backends: list[ConfiguredBackend] = []
    unread: list[FileFinding] = []
    for path, text in (chosen(sources, place.patterns) if place.named is None else place.named).items():
        if place.named is None and posixpath.basename(path).startswith("."):
            continue  # A lock file of providers, or a linter's: no file that init is given.
        try:
            if place.named is None and _is_other(text):
                continue
            backends.append(_over(base, path, text))
        except NoHcl:
            mend = "write it again"
            unread.append(FileFinding(path, 1, "unreadable-backend-config", "it can't be read", mend, "no HCL"))
    backends += _single(base, place) if place.named is None else []
    return backends, unread


def _workspace(sources: Sources, data: str, variables: Mapping[str, str]) -> tuple[str, str]:
    given = variables.get("TF_WORKSPACE", "")
    if given:
        return given, ENVIRONMENT
    path = f"{data}/{WORKSPACE}"
    return sources.get(path, "").strip() or DEFAULT, path


def block(sources: Sources, folder: str) -> ConfiguredBackend | None:
    """Return what the stack's own block says, where it is one of s3 that can be read."""
    own = block_of(sources, folder)
    if own is None or own[1].kind != "s3":
        return None
    path, made = own
    at = _lines(path, sources[path], made.attributes, made.line)
    return ConfiguredBackend(path, made.attributes, {"": (path, made.line), **at})


def _lines(path: str, text: str, settings: Mapping[str, object], block: int = 0) -> dict[str, tuple[str, int]]:
    """Return where each setting stands; for the endpoints it is the line of the one of S3."""
    at = {name: hcl.line_of(text, name, block) for name in settings}
    if "endpoints" in at:
        at["endpoints"] = hcl.line_of(text, "s3", at["endpoints"])
    return {name: (path, line) for name, line in at.items()}


def _over(base: ConfiguredBackend | None, path: str, text: str) -> ConfiguredBackend:
    """Return the block with a backend file laid over it, setting by setting, as init does. Raises NoHcl."""
    given = hcl.attributes(text)
    below = base or ConfiguredBackend(path, {}, {}, is_whole=False)
    at = {**below.at, **_lines(path, text, given)}
    return ConfiguredBackend(path, {**below.settings, **given}, at, below.is_whole)


def _is_other(text: str) -> bool:
    """Return whether a file in HCL sets nothing of backend s3: Terragrunt's, a test, a linter's. Raises NoHcl."""
    names = set(hcl.attributes(text))
    return bool(names) and not names & hcl.S3_SETTINGS


def _single(base: ConfiguredBackend | None, place: BackendPlace) -> Iterator[ConfiguredBackend]:
    given = {name: place.variables[variable] for name, variable in place.single.items() if variable in place.variables}
    if given:
        below = base or ConfiguredBackend(ENVIRONMENT, {}, {}, is_whole=False)
        at = {**below.at, **dict.fromkeys(given, (ENVIRONMENT, 1))}
        yield ConfiguredBackend(ENVIRONMENT, {**below.settings, **given}, at, below.is_whole)


def _record(path: str, text: str) -> ConfiguredBackend | FileFinding:
    try:
        backend = json.loads(text)["backend"]
        kind, config = backend["type"], backend["config"]
    except (ValueError, KeyError, TypeError, RecursionError):
        what = "no backend is recorded in it"
        return FileFinding(path, 1, "unreadable-record", what, "run just tofu-init", "no backend")
    if kind != "s3" or not isinstance(config, dict):
        what = f"init recorded backend {str(kind)[:20]!r}"
        line = _json_line(text, "type", text.find('"backend"'))
        return FileFinding(path, line, "record-not-s3", what, "run just tofu-init again")
    start = text.find('"config"')
    at = {name: (path, _json_line(text, name, start)) for name in config}
    if isinstance(config.get("endpoints"), dict):
        at["endpoints"] = (path, _json_line(text, "s3", text.find('"endpoints"', start)))
    return ConfiguredBackend(path, config, {"": (path, _json_line(text, "config")), **at})


def _json_line(text: str, name: str, start: int = 0) -> int:
    """Return the line of the first member of this name behind a place."""
    match = re.compile(rf'"{re.escape(name)}"\s*:').search(text, max(0, start))
    return text.count("\n", 0, match.start()) + 1 if match else 1


def materialized(seen: Effective, promise: Promise) -> Findings:
    """Find where a backend that OpenTofu would use is not the contract's: bucket, key with its workspace, endpoint (S075)."""
    findings = [*seen.unread, *(finding for backend in seen.backends for finding in _elsewhere(backend, seen, promise))]
    said = "; ".join(_in_a_line(backend, seen, promise.key) for backend in seen.backends)
    looked = f"{len(seen.backends)} backend(s), workspace {shown(seen.workspace)}{f': {said}' if said else ''}"
    return Findings(
        BACKEND,
        f"what OpenTofu would use has bucket {promise.bucket}, key {promise.key} and endpoint {promise.endpoints[0]}",
        looked,
        findings,
    )


def _elsewhere(backend: ConfiguredBackend, seen: Effective, promise: Promise) -> Iterator[FileFinding]:
    yield from _other(backend, "bucket", backend.settings.get("bucket"), promise.bucket)
    key = backend.settings.get("key")
    used = used_key(backend.settings, seen.workspace)
    if seen.workspace != DEFAULT and used is not None and used != promise.key:
        what = f"workspace {shown(seen.workspace)}: OpenTofu uses the key {shown(used)}, not {promise.key}"
        mend = "unset TF_WORKSPACE" if seen.workspace_at == ENVIRONMENT else "select the workspace default"
        yield FileFinding(seen.workspace_at, 1, "other-workspace", what, mend)
    else:
        yield from _other(backend, "key", key, promise.key)
    yield from _endpoint(backend, seen.variables, promise)


def _other(backend: ConfiguredBackend, name: str, given: object, promised: str) -> Iterator[FileFinding]:
    path, line = backend.where(name)
    if given is None or given == "":
        what = f"no {name} is given"
        yield FileFinding(path, line, "not-given", what, f"give init the {name}", f"the {name} that init is given")
    elif not isinstance(given, str) or not hcl.is_literal(given):
        what = f"the {name} is not literal"
        yield FileFinding(path, line, "not-literal", what, f'write {name} = "{promised}"', shown(str(given)))
    elif given != promised:
        what = f"{name} is {shown(given)!r}, and the contract says {promised!r}"
        yield FileFinding(path, line, "materialized-elsewhere", what, "materialize it again")


def used_key(settings: Mapping[str, object], workspace: str) -> str | None:
    """Return the key that OpenTofu uses in a workspace; None where no key is known."""
    key, prefix = settings.get("key"), settings.get("workspace_key_prefix")
    if not isinstance(key, str) or not hcl.is_literal(key):
        return None
    if workspace == DEFAULT:
        return key
    return posixpath.normpath(posixpath.join(prefix if isinstance(prefix, str) else "env:", workspace, key))


def _endpoint(backend: ConfiguredBackend, variables: Mapping[str, str], promise: Promise) -> Iterator[FileFinding]:
    name, given = endpoint_of(backend.settings, variables)
    path, line = (ENVIRONMENT, 1) if name in ENDPOINT_VARIABLES else backend.where(name)
    if given is None:
        what = "no endpoint is given, and without one OpenTofu asks AWS"
        mend = f'write endpoints = {{ s3 = "{promise.endpoints[0]}" }}'
        yield FileFinding(path, line, "no-endpoint", what, mend, f"{ENDPOINT_VARIABLES[0]} where OpenTofu runs")
    elif not hcl.is_literal(given):
        yield FileFinding(path, line, "not-literal", "the endpoint is not literal", "write it out", shown(given))
    elif _same(given) not in {_same(endpoint) for endpoint in promise.endpoints}:
        whose = "the target is at" if promise.is_known else "no target is named, and the contract's RustFS is at"
        what = f"{name} is {shown(address(given))}: a plan there asks another server; {whose} {promise.endpoints[0]}"
        mend = "materialize it again, or judge the target that it names"
        unknown = "" if promise.is_known else "the endpoint of a target (--gf-target=FILE)"
        if _same(given) in {_same(endpoint) for endpoint in promise.perhaps}:
            unknown = f"whether {promise.endpoints[0]}, of this machine, leads there"
        yield FileFinding(path, line, "other-endpoint", what, mend, unknown)


def endpoint_of(settings: Mapping[str, object], variables: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the setting or variable that gives the endpoint of S3, and the endpoint as OpenTofu takes it."""
    nested = settings.get("endpoints")
    for name, given in (
        ("endpoints", nested.get("s3") if isinstance(nested, Mapping) else None),
        ("endpoint", settings.get("endpoint")),
        *((variable, variables.get(variable)) for variable in ENDPOINT_VARIABLES),
    ):
        if isinstance(given, str) and given:
            return name, given if _SCHEME.match(given) or not hcl.is_literal(given) else f"https://{given}"
    return "endpoints", None


def _same(endpoint: str) -> tuple[str, str, int | None, str]:
    """Return what two spellings of one endpoint share."""
    try:
        parts = urlsplit(endpoint)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return (endpoint, "", None, "")
    return (parts.scheme, (parts.hostname or "").rstrip("."), port, parts.path.rstrip("/"))


def _in_a_line(backend: ConfiguredBackend, seen: Effective, key: str) -> str:
    """Return a backend's settings in a line: those named here and no other, since some are credentials."""
    _, endpoint = endpoint_of(backend.settings, seen.variables)
    regions = (backend.settings.get("region"), *(seen.variables.get(variable) for variable in REGION_VARIABLES))
    region = next(filter(None, regions), None)
    known = {
        "endpoint": address(endpoint) if endpoint is not None else None,
        "region": region,
        "bucket": backend.settings.get("bucket"),
        "key": used_key(backend.settings, seen.workspace) or key,
        "lock": lock_of(backend.settings) or "none",
        **{name: backend.settings.get(name) for name in SHOWN},
    }
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in known.items()}
    said = (f"{name} {shown(text)}" for name, text in texts.items() if known[name] is not None)
    return f"{backend.path} has {', '.join(said)}"


def lock_of(settings: Mapping[str, object]) -> str:
    """Return what locks a state: ``lockfile``, ``DynamoDB table NAME``, both, or "" where nothing does."""
    table = settings.get("dynamodb_table")
    kinds = ["lockfile"] if str(settings.get("use_lockfile")).lower() == "true" else []
    kinds += [f"DynamoDB table {shown(table)}"] if isinstance(table, str) and table else []
    return " and ".join(kinds)


def locking(seen: Effective, declared: ConfiguredBackend | None, stack: str, *, table: str = "") -> Findings:
    """Find a backend without a lock: two applies at once both run, and one's write is lost (S095).

    ``table`` is the one of DynamoDB that is looked at, "" where none is.
    """
    backends = seen.backends or ((declared,) if declared is not None else ())
    findings = [
        dataclasses.replace(finding, undecided=finding.undecided or "what locks it there") for finding in seen.unread
    ]
    for backend in backends:
        findings += _unlocked(backend, may_be_given=backend is declared, table=table)
    said = ", ".join(f"{backend.path}: {lock_of(backend.settings) or 'none'}" for backend in backends)
    return Findings(BACKEND, f"OpenTofu locks the state of {stack}", f"lock by {said or 'nothing'}", findings)


def _unlocked(backend: ConfiguredBackend, *, may_be_given: bool, table: str) -> Iterator[FileFinding]:
    lock, mend = lock_of(backend.settings), "write use_lockfile = true, and run just tofu-init"
    given = backend.settings.get("use_lockfile")
    path, line = backend.where("use_lockfile" if "use_lockfile" in backend.at else "dynamodb_table")
    if isinstance(given, str) and not hcl.is_literal(given):
        yield FileFinding(path, line, "lock-not-literal", "use_lockfile is not literal", mend, shown(given))
    elif not lock and given is None and (may_be_given or not backend.is_whole):
        unknown = "use_lockfile that init is given"
        unknown = unknown if backend.is_whole else "the block that counts, see stack.backend-s3"
        yield FileFinding(path, line, "no-lock", "no lock is given here", mend, unknown)
    elif not lock:
        what = "no lock: two applies at once both run, and what one of them wrote is lost"
        yield FileFinding(path, line, "no-lock", what, mend)
    elif "DynamoDB" in lock and backend.settings.get("dynamodb_table") != table:
        what = f"the lock is the {lock.rpartition(' and ')[2]}, which nobody looked at"
        mend = "name it in [dynamodb] of the target, or move to use_lockfile"
        yield FileFinding(path, line, "lock-in-dynamodb", what, mend, "who holds the lock in that table")
