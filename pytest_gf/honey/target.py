"""Targets: the system under test, as a TOML file of addresses, the names of credentials, and what a run may change."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from pytest_gf.engine.errors import ProbeError
from pytest_gf.engine.variables import Variable, Wrong, check_lengths, named
from pytest_gf.honey.contract.load import parse_toml
from pytest_gf.honey.formats import narinfo, nixbase32
from pytest_gf.honey.vantage import READ_ONLY, VANTAGES, Vantage

ALLOWED = ("scratch", "state-proof", "cache-blob", "cache-delete", "publication")
"""What a run may change: the words of ``allow``."""
CONFIRMED = {"cache-delete": "delete-from-bazel-cache"}
"""Words of ``allow`` that are not enough: each run says what it means, by ``--gf-confirm``."""

ROUTED = ("s3",)
"""The systems that a route can reach."""
HIGHEST_PORT = 65_535

STORE_HASH = 32
"""Characters."""
SECTIONS = ("s3", "kubernetes", "attic", "bazel", "repository", "flakehub")

_CACHE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,49}")
_ROUTE = re.compile(
    r"port-forward:(?P<namespace>[a-z0-9-]{1,63})/svc/(?P<service>[a-z0-9.-]{1,253}):(?P<port>[0-9]{1,5})"
)


class TargetError(ValueError):
    """A target that can't be used: one line with the file, the key and what was expected."""


class Unset(Exception):  # It is no error: the fact that meets it makes its clauses unproven.
    """A variable that the target names is not set, or empty."""

    def __init__(self, name: str) -> None:
        super().__init__(f"variable {name} is not set")
        self.name = name


class S3Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[s3]``: the S3 server, and the variables that hold the state's own credential."""

    endpoint: str
    region: str = "us-east-1"
    access_key_env: str = "AWS_ACCESS_KEY_ID"
    secret_key_env: str = "AWS_SECRET_ACCESS_KEY"  # noqa: S105  # The variable's name.
    ca_file: str | None = None


class KubernetesSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[kubernetes]``: a kubeconfig (relative to the target file, or ``~``) and a context; neither: this pod's ServiceAccount.

    ``namespace`` is where RustFS runs; the contract's where it is not given.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None


@dataclass(frozen=True)
class PortForward:
    """``port-forward:NAMESPACE/svc/NAME:PORT``: a way to a service of the cluster from outside of it."""

    namespace: str
    service: str
    port: int


class AtticSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[attic]``: the surfaces of one Attic, the key that its narinfos must be signed by, and store hashes to stream.

    ``public_key`` as ``main:<base64>``; ``nar_paths`` are store hashes (32 characters) by the contract's names.
    """

    api: str | None = None
    https: str | None = None
    cache: str = "main"
    public_key: str | None = None
    token_env: str | None = None
    ca_file: str | None = None
    nar_paths: dict[str, str] = {}


class BazelSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[bazel]``: a bazel-remote, as grpc:// (plain) or grpcs:// (TLS), and where its objects lie.

    ``bucket`` is the contract's where it is not given; ``prefix`` stands before every key, without a slash at its end.
    """

    grpc: str
    http: str | None = None
    bucket: str | None = None
    prefix: str = ""
    ca_file: str | None = None


class RepositorySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[repository]``: the checkout to judge; relative to the target file."""

    path: str


class FlakeHubSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[flakehub]``: the page that answers for the published flake."""

    page: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    vantage: Vantage
    allow: tuple[str, ...] = ()
    s3: S3Section | None = None
    kubernetes: KubernetesSection | None = None
    routes: dict[str, str] = {}
    attic: AtticSection | None = None
    bazel: BazelSection | None = None
    repository: RepositorySection | None = None
    flakehub: FlakeHubSection | None = None
    expects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """The system under test. Credentials are held, and shown nowhere."""

    name: str
    vantage: Vantage
    allow: frozenset[str] = frozenset()
    s3: S3Section | None = None
    kubernetes: KubernetesSection | None = None
    routes: Mapping[str, PortForward] = field(default_factory=dict)
    attic: AtticSection | None = None
    bazel: BazelSection | None = None
    repository: Path | None = None
    flakehub: str | None = None
    _credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    _shown: frozenset[str] = frozenset()
    """The variables that hold no secret."""
    _expected: Mapping[str, str] = field(default_factory=dict)
    """The section that the target expects, by each variable that it names."""

    def namespace(self, promised: str) -> str:
        """Return the namespace that RustFS runs in: the target's, or else the contract's."""
        return (self.kubernetes and self.kubernetes.namespace) or promised

    def permits(self, word: str) -> bool:
        """Return whether a run may change this. Never in the vantage pull-request."""
        return self.vantage != READ_ONLY and word in self.allow

    def credential(self, name: str) -> str:
        """Return the value of a variable that the target names. Raises Unset, or ProbeError where it is expected."""
        value = self._credentials.get(name, "")
        if not value and name in self._expected:
            raise ProbeError(
                f"reading the credentials of [{self._expected[name]}]",
                f"variable {name} is not set, and the target expects {self._expected[name]!r}",
                "set it in the environment of this run",
            )
        if not value:
            raise Unset(name)
        return value

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be shown."""
        return tuple(value for name, value in self._credentials.items() if value and name not in self._shown)

    def with_vantage(self, vantage: str) -> Target:
        """Return the target as seen from another vantage. Raises TargetError for an unknown one."""
        for known in VANTAGES:
            if vantage == known:
                return replace(self, vantage=vantage)  # type: ignore[arg-type]  # It is one of the literals, just checked.
        raise TargetError(f"unknown vantage {vantage!r}; expected one of {', '.join(VANTAGES)}")


def load(path: Path, environment: Mapping[str, str] | None = None) -> Target:
    """Return the target in a TOML file, with its credentials from ``environment`` (default: this process's).

    Only the variables that the file names are read. Raises TargetError.
    """
    tables = parse_toml(path, TargetError)
    try:
        read = msgspec.convert(tables, _File)
    except msgspec.ValidationError as wrong:
        raise TargetError(f"{path}: {wrong}") from None
    for word in read.allow:
        if word not in ALLOWED:
            raise TargetError(f"{path}: key 'allow': unknown word {word!r}; expected some of {', '.join(ALLOWED)}")
    s3 = None if read.s3 is None else _s3(read.s3, path)
    attic = None if read.attic is None else _attic(read.attic, path)
    bazel = None if read.bazel is None else _bazel(read.bazel, path)
    known, credentials = _credentials(read, os.environ if environment is None else environment, path)
    kubernetes = None if read.kubernetes is None else _kubernetes(read.kubernetes, path)
    routes = _routes(read, path)
    repository = None if read.repository is None else path.absolute().parent / Path(read.repository.path).expanduser()
    flakehub = None if read.flakehub is None else _page(read.flakehub.page, path)
    return Target(
        read.name,
        read.vantage,
        frozenset(read.allow),
        s3,
        kubernetes=kubernetes,
        routes=routes,
        attic=attic,
        bazel=bazel,
        repository=repository,
        flakehub=flakehub,
        _credentials=credentials,
        _shown=frozenset(each.name for each in known if each.is_shown),
        _expected={each.name: each.section for each in known if each.section in read.expects},
    )


def _credentials(read: _File, variables: Mapping[str, str], path: Path) -> tuple[list[Variable], dict[str, str]]:
    """Return the variables that the sections name, and their values ("" where one is not set). Raises TargetError."""
    try:
        known = named({name: getattr(read, name) for name in SECTIONS}, read.expects)
        credentials = {each.name: variables.get(each.name, "") for each in known}
        check_lengths(credentials, known)
    except Wrong as wrong:
        raise TargetError(f"{path}: {wrong}") from None
    return known, credentials


def _kubernetes(section: KubernetesSection, path: Path) -> KubernetesSection:
    if section.kubeconfig is None:
        if section.context is not None:
            raise TargetError(f"{path}: key 'kubernetes.context': expected a kubeconfig beside it")
        return section
    kubeconfig = path.absolute().parent / Path(section.kubeconfig).expanduser()
    return msgspec.structs.replace(section, kubeconfig=str(kubeconfig))


def _routes(read: _File, path: Path) -> dict[str, PortForward]:
    routes = {name: _route(name, text, path) for name, text in read.routes.items()}
    if routes and read.kubernetes is None:
        raise TargetError(f"{path}: key 'routes': a port-forward needs a [kubernetes] section")
    if "s3" in routes and (read.s3 is None or not read.s3.endpoint.startswith("http://")):
        raise TargetError(
            f"{path}: key 'routes.s3': expected an [s3] endpoint with http://, which a port-forward reaches"
        )
    return routes


def _route(name: str, text: str, path: Path) -> PortForward:
    if name not in ROUTED:
        raise TargetError(f"{path}: key 'routes.{name}': unknown system; expected one of {', '.join(ROUTED)}")
    found = _ROUTE.fullmatch(text)
    if found is None or not 0 < int(found["port"]) <= HIGHEST_PORT:
        raise TargetError(f"{path}: key 'routes.{name}': expected port-forward:NAMESPACE/svc/NAME:PORT, not {text!r}")
    return PortForward(found["namespace"], found["service"], int(found["port"]))


def _s3(section: S3Section, path: Path) -> S3Section:
    _check_endpoint(section.endpoint, "s3.endpoint", path)
    return msgspec.structs.replace(section, ca_file=_file(section.ca_file, "s3.ca_file", path))


def _attic(section: AtticSection, path: Path) -> AtticSection:
    for name, url in (("api", section.api), ("https", section.https)):
        if url is not None:
            _check_endpoint(url, f"attic.{name}", path)
    if section.https is not None and not section.https.startswith("https://"):
        raise TargetError(f"{path}: key 'attic.https': expected https://")
    if not _CACHE.fullmatch(section.cache):
        raise TargetError(f"{path}: key 'attic.cache': expected the name of a cache, not {section.cache!r}")
    for name, value in section.nar_paths.items():
        if not is_store_hash(value):
            raise TargetError(f"{path}: key 'attic.nar_paths.{name}': expected a store hash of 32 characters")
    if section.public_key is not None:
        try:
            narinfo.PublicKey.parse(section.public_key)
        except narinfo.Malformed:
            raise TargetError(f"{path}: key 'attic.public_key': expected NAME:BASE64 of 32 bytes") from None
    return msgspec.structs.replace(section, ca_file=_file(section.ca_file, "attic.ca_file", path))


def _bazel(section: BazelSection, path: Path) -> BazelSection:
    parts = _split(section.grpc)
    good = parts is not None and parts.scheme in {"grpc", "grpcs"} and parts.hostname and parts.port
    if not good or parts.username or parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise TargetError(
            f"{path}: key 'bazel.grpc': expected grpc(s)://host:port without user, path, query or fragment"
        )
    if section.http is not None:
        _check_endpoint(section.http, "bazel.http", path)
    prefix = section.prefix.strip("/")
    return msgspec.structs.replace(
        section, prefix=f"{prefix}/" if prefix else "", ca_file=_file(section.ca_file, "bazel.ca_file", path)
    )


def is_store_hash(text: str) -> bool:
    """Tell whether a text is the hash of a store path: 32 digits of Nix's base 32."""
    return len(text) == STORE_HASH and not set(text) - set(nixbase32.ALPHABET)


def _file(name: str | None, key: str, path: Path) -> str | None:
    if name is not None and not (path.parent / name).is_file():
        raise TargetError(f"{path}: key '{key}': no such file: {path.parent / name}")
    return None if name is None else str(path.parent / name)


def _check_endpoint(url: str, key: str, path: Path) -> None:
    parts = _split(url)
    good = parts is not None and parts.scheme in {"http", "https"} and parts.hostname
    if not good or parts.username or parts.password or parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise TargetError(f"{path}: key '{key}': expected http(s)://host[:port] without user, path, query or fragment")


def _page(url: str, path: Path) -> str:
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise TargetError(f"{path}: key 'flakehub.page': expected http(s)://host/path without user")
    return url


def _split(url: str) -> Any:
    try:
        parts = urllib.parse.urlsplit(url)
        parts.port  # noqa: B018  # Raises ValueError for a port that is no number.
    except ValueError:
        return None
    return parts
