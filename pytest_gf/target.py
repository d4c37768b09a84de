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

from pytest_gf.contract.load import parse_toml
from pytest_gf.vantage import READ_ONLY, VANTAGES, Vantage

ALLOWED = ("scratch", "state-proof", "cache-blob", "cache-delete", "publication")
"""What a run may change: the words of ``allow``."""
LATER = ("attic", "bazel")
"""Sections that targets may have for clauses to come; they are read by nothing yet."""


ROUTED = ("s3",)
"""The systems that a route can reach."""
HIGHEST_PORT = 65_535

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
    repository: RepositorySection | None = None
    flakehub: FlakeHubSection | None = None


@dataclass(frozen=True)
class Target:
    """The system under test. Credentials are held, and shown nowhere."""

    name: str
    vantage: Vantage
    allow: frozenset[str] = frozenset()
    s3: S3Section | None = None
    kubernetes: KubernetesSection | None = None
    routes: Mapping[str, PortForward] = field(default_factory=dict)
    repository: Path | None = None
    flakehub: str | None = None
    _credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    def permits(self, word: str) -> bool:
        """Return whether a run may change this. Never in the vantage pull-request."""
        return self.vantage != READ_ONLY and word in self.allow

    def credential(self, name: str) -> str:
        """Return the value of a variable that the target names. Raises Unset."""
        value = self._credentials.get(name, "")
        if not value:
            raise Unset(name)
        return value

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be shown."""
        return tuple(value for value in self._credentials.values() if value)

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
        read = msgspec.convert({key: value for key, value in tables.items() if key not in LATER}, _File)
    except msgspec.ValidationError as wrong:
        raise TargetError(f"{path}: {wrong}") from None
    for word in read.allow:
        if word not in ALLOWED:
            raise TargetError(f"{path}: key 'allow': unknown word {word!r}; expected some of {', '.join(ALLOWED)}")
    s3 = None if read.s3 is None else _checked(read.s3, path)
    names = () if s3 is None else (s3.access_key_env, s3.secret_key_env)
    variables = os.environ if environment is None else environment
    credentials = {name: variables.get(name, "") for name in names}
    kubernetes = None if read.kubernetes is None else _kubernetes(read.kubernetes, path)
    routes = {name: _route(name, text, path) for name, text in read.routes.items()}
    if routes and kubernetes is None:
        raise TargetError(f"{path}: key 'routes': a port-forward needs a [kubernetes] section")
    if "s3" in routes and (s3 is None or not s3.endpoint.startswith("http://")):
        raise TargetError(
            f"{path}: key 'routes.s3': expected an [s3] endpoint with http://, which a port-forward reaches"
        )
    repository = None if read.repository is None else path.absolute().parent / Path(read.repository.path).expanduser()
    flakehub = None if read.flakehub is None else _page(read.flakehub.page, path)
    return Target(
        read.name,
        read.vantage,
        frozenset(read.allow),
        s3,
        kubernetes=kubernetes,
        routes=routes,
        repository=repository,
        flakehub=flakehub,
        _credentials=credentials,
    )


def _kubernetes(section: KubernetesSection, path: Path) -> KubernetesSection:
    if section.kubeconfig is None:
        if section.context is not None:
            raise TargetError(f"{path}: key 'kubernetes.context': expected a kubeconfig beside it")
        return section
    kubeconfig = path.absolute().parent / Path(section.kubeconfig).expanduser()
    return msgspec.structs.replace(section, kubeconfig=str(kubeconfig))


def _route(name: str, text: str, path: Path) -> PortForward:
    if name not in ROUTED:
        raise TargetError(f"{path}: key 'routes.{name}': unknown system; expected one of {', '.join(ROUTED)}")
    found = _ROUTE.fullmatch(text)
    if found is None or not 0 < int(found["port"]) <= HIGHEST_PORT:
        raise TargetError(f"{path}: key 'routes.{name}': expected port-forward:NAMESPACE/svc/NAME:PORT, not {text!r}")
    return PortForward(found["namespace"], found["service"], int(found["port"]))


def _checked(section: S3Section, path: Path) -> S3Section:
    parts = _split(section.endpoint)
    expected = "expected http(s)://host[:port] without user, path, query or fragment"
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise TargetError(f"{path}: key 's3.endpoint': {expected}")
    if parts.username or parts.password or parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise TargetError(f"{path}: key 's3.endpoint': {expected}")
    if section.ca_file is None:
        return section
    ca_file = path.parent / section.ca_file
    if not ca_file.is_file():
        raise TargetError(f"{path}: key 's3.ca_file': no such file: {ca_file}")
    return msgspec.structs.replace(section, ca_file=str(ca_file))


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
