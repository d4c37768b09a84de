"""The sections of a target file: where each system of honey is reached, and by which credentials."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pytest_gf.engine import target as targets
from pytest_gf.engine.house import Section
from pytest_gf.engine.target import TargetError, Unset
from pytest_gf.honey import endpoint
from pytest_gf.honey.formats import narinfo, nixbase32

__all__ = ["Target", "TargetError", "Unset"]

ROUTED = ("s3",)
"""The systems that a route can reach."""
HIGHEST_PORT = 65_535

STORE_HASH = 32
"""Characters."""

_CACHE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,49}")
_ROUTE = re.compile(
    r"port-forward:(?P<namespace>[a-z0-9-]{1,63})/svc/(?P<service>[a-z0-9.-]{1,253}):(?P<port>[0-9]{1,5})"
)


class S3Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[s3]``: the S3 server, and the variables that hold the state's own credential."""

    endpoint: str
    region: str = "us-east-1"
    access_key_env: str = "AWS_ACCESS_KEY_ID"
    secret_key_env: str = "AWS_SECRET_ACCESS_KEY"  # noqa: S105  # The variable's name.
    ca_file: str | None = None


class DynamoDBSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[dynamodb]``: the table that locks states, where a backend has ``dynamodb_table``, and the credential that reads it."""

    endpoint: str
    table: str
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


class AtticTokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[attic.tokens]``: the variables of tokens that must not push: one that may only read, one of another cache, an expired one."""

    pull_only_env: str | None = None
    other_cache_env: str | None = None
    expired_env: str | None = None


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
    tokens: AtticTokens = AtticTokens()


class BazelSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[bazel]``: a bazel-remote, as grpc:// (plain) or grpcs:// (TLS), and where its objects lie.

    ``bucket`` is the contract's where it is not given; ``prefix`` stands before every key, without a slash at its end.
    ``username_env`` and ``password_env`` name the variables of a user that bazel-remote knows; ``client_cert`` and
    ``client_key`` are files in PEM. They are sent by TLS, or to this machine.
    """

    grpc: str
    http: str | None = None
    bucket: str | None = None
    prefix: str = ""
    ca_file: str | None = None
    username_env: str | None = None
    password_env: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


class RepositorySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[repository]``: the checkout to judge; relative to the target file."""

    path: str


class FlakeHubSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[flakehub]``: the page that answers for the published flake."""

    page: str


@dataclass(frozen=True)
class Routes:
    """``[routes]``: ways to systems from outside of the cluster, by the system's name."""

    ways: Mapping[str, PortForward]


@dataclass(frozen=True)
class Target(targets.Target):
    """The system under test, with honey's sections by name."""

    @property
    def s3(self) -> S3Section | None:
        """``[s3]``."""
        return self.section(S3Section)

    @property
    def dynamodb(self) -> DynamoDBSection | None:
        """``[dynamodb]``."""
        return self.section(DynamoDBSection)

    @property
    def kubernetes(self) -> KubernetesSection | None:
        """``[kubernetes]``."""
        return self.section(KubernetesSection)

    @property
    def attic(self) -> AtticSection | None:
        """``[attic]``."""
        return self.section(AtticSection)

    @property
    def bazel(self) -> BazelSection | None:
        """``[bazel]``."""
        return self.section(BazelSection)

    @property
    def routes(self) -> Mapping[str, PortForward]:
        """``[routes]``, by system; {} where the target has none."""
        routes = self.section(Routes)
        return routes.ways if routes is not None else {}

    @property
    def repository(self) -> Path | None:
        """The checkout of ``[repository]``."""
        section = self.section(RepositorySection)
        return Path(section.path) if section is not None else None

    @property
    def flakehub(self) -> str | None:
        """The page of ``[flakehub]``."""
        section = self.section(FlakeHubSection)
        return section.page if section is not None else None

    def namespace(self, promised: str) -> str:
        """Return the namespace that RustFS runs in: the target's, or else the contract's."""
        return (self.kubernetes and self.kubernetes.namespace) or promised

    @property
    def surfaces(self) -> tuple[str, ...]:
        """The surfaces of Attic that the target has an address for."""
        addresses = {} if self.attic is None else {"api": self.attic.api, "https": self.attic.https}
        return tuple(name for name, address in addresses.items() if address is not None)


def _wrong(path: Path, key: str, said: str) -> TargetError:
    return TargetError(f"{path}: key '{key}': {said}")


def _kubernetes(section: KubernetesSection, path: Path, _read: Mapping[str, Any]) -> KubernetesSection:
    if section.kubeconfig is None and section.context is not None:
        raise _wrong(path, "kubernetes.context", "expected a kubeconfig beside it")
    if section.kubeconfig is None:
        return section
    return msgspec.structs.replace(section, kubeconfig=_beside(path, section.kubeconfig))


def _beside(path: Path, name: str) -> str:
    return str(path.absolute().parent / Path(name).expanduser())


def _routes(table: dict[str, str], path: Path, read: Mapping[str, Any]) -> Routes:
    ways = {name: _route(name, text, path) for name, text in table.items()}
    if ways and "kubernetes" not in read:
        raise _wrong(path, "routes", "a port-forward needs a [kubernetes] section")
    if "s3" in ways and ("s3" not in read or not read["s3"].endpoint.startswith("http://")):
        raise _wrong(path, "routes.s3", "expected an [s3] endpoint with http://, which a port-forward reaches")
    return Routes(ways)


def _route(name: str, text: str, path: Path) -> PortForward:
    if name not in ROUTED:
        raise _wrong(path, f"routes.{name}", f"unknown system; expected one of {', '.join(ROUTED)}")
    match = _ROUTE.fullmatch(text)
    if match is None or not 0 < int(match["port"]) <= HIGHEST_PORT:
        raise _wrong(path, f"routes.{name}", f"expected port-forward:NAMESPACE/svc/NAME:PORT, not {text!r}")
    return PortForward(match["namespace"], match["service"], int(match["port"]))


def _s3(section: S3Section, path: Path, _read: Mapping[str, Any]) -> S3Section:
    _check_endpoint(section.endpoint, "s3.endpoint", path)
    return msgspec.structs.replace(section, ca_file=_file(section.ca_file, "s3.ca_file", path))


def _dynamodb(section: DynamoDBSection, path: Path, _read: Mapping[str, Any]) -> DynamoDBSection:
    _check_endpoint(section.endpoint, "dynamodb.endpoint", path)
    return msgspec.structs.replace(section, ca_file=_file(section.ca_file, "dynamodb.ca_file", path))


def _attic(section: AtticSection, path: Path, _read: Mapping[str, Any]) -> AtticSection:
    for name, url in (("api", section.api), ("https", section.https)):
        if url is not None:
            _check_endpoint(url, f"attic.{name}", path)
    if section.https is not None and not section.https.startswith("https://"):
        raise _wrong(path, "attic.https", "expected https://")
    if not _CACHE.fullmatch(section.cache):
        raise _wrong(path, "attic.cache", f"expected the name of a cache, not {section.cache!r}")
    for name, value in section.nar_paths.items():
        if not is_store_hash(value):
            raise _wrong(path, f"attic.nar_paths.{name}", "expected a store hash of 32 characters")
    if section.public_key is not None:
        try:
            narinfo.PublicKey.parse(section.public_key)
        except narinfo.Malformed:
            raise _wrong(path, "attic.public_key", "expected NAME:BASE64 of 32 bytes") from None
    return msgspec.structs.replace(section, ca_file=_file(section.ca_file, "attic.ca_file", path))


def _bazel(section: BazelSection, path: Path, _read: Mapping[str, Any]) -> BazelSection:
    address = endpoint.parts(section.grpc)
    if address is None or not address.port or not endpoint.is_bare(section.grpc, {"grpc", "grpcs"}):
        raise _wrong(path, "bazel.grpc", "expected grpc(s)://host:port without user, path, query or fragment")
    if section.http is not None:
        _check_endpoint(section.http, "bazel.http", path)
    for one, other in (("username_env", "password_env"), ("client_cert", "client_key")):
        if (getattr(section, one) is None) != (getattr(section, other) is None):
            raise _wrong(path, f"bazel.{one}", f"expected {other} beside it, or neither")
    # An identity that could be read on its way is none.
    tls = section.grpc.startswith("grpcs://")
    if section.username_env is not None and not tls and not endpoint.is_loopback(section.grpc):
        raise _wrong(path, "bazel.username_env", "expected grpcs://, or an address of this machine, for a password")
    if section.client_cert is not None and not tls:
        raise _wrong(path, "bazel.client_cert", "expected grpcs:// for a client's certificate")
    prefix = section.prefix.strip("/")
    files = {
        name: _file(getattr(section, name), f"bazel.{name}", path) for name in ("ca_file", "client_cert", "client_key")
    }
    return msgspec.structs.replace(section, prefix=f"{prefix}/" if prefix else "", **files)


def is_store_hash(text: str) -> bool:
    """Tell whether a text is the hash of a store path: 32 digits of Nix's base 32."""
    return len(text) == STORE_HASH and not set(text) - set(nixbase32.ALPHABET)


def _file(name: str | None, key: str, path: Path) -> str | None:
    if name is None:
        return None
    file = path.parent / name
    if not file.is_file():
        raise _wrong(path, key, f"no such file: {file}")
    if key.endswith("ca_file"):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except OSError:  # ssl.SSLError is one, and so is a file that can't be opened.
            raise _wrong(path, key, f"expected certificates as PEM in {file}") from None
    return str(file)


def _check_endpoint(url: str, key: str, path: Path) -> None:
    if not endpoint.is_bare(url, {"http", "https"}):
        raise _wrong(path, key, "expected http(s)://host[:port] without user, path, query or fragment")


def _repository(section: RepositorySection, path: Path, _read: Mapping[str, Any]) -> RepositorySection:
    return RepositorySection(_beside(path, section.path))


def _flakehub(section: FlakeHubSection, path: Path, _read: Mapping[str, Any]) -> FlakeHubSection:
    page = endpoint.parts(section.page)
    if page is None or page.scheme not in {"http", "https"}:
        raise _wrong(path, "flakehub.page", "expected http(s)://host/path without user")
    return section


def honeys(target: targets.Target) -> Target:
    """Return a target of honey's House as what it is. Raises TypeError for another House's."""
    if not isinstance(target, Target):
        raise TypeError(f"target {target.name} was not made by honey's House")
    return target


SECTIONS = (
    Section("s3", S3Section, _s3, asks={"S3": lambda s3: s3.endpoint, "HTTP": lambda s3: s3.endpoint}),
    Section("kubernetes", KubernetesSection, _kubernetes, asks={"Kubernetes": lambda _: "the cluster of [kubernetes]"}),
    Section(
        "attic",
        AtticSection,
        _attic,
        asks={"Attic": lambda attic: " and ".join(filter(None, (attic.api, attic.https)))},
    ),
    Section("bazel", BazelSection, _bazel, asks={"REAPI": lambda bazel: bazel.grpc}),
    Section("repository", RepositorySection, _repository),
    Section("flakehub", FlakeHubSection, _flakehub, asks={"Web": lambda flakehub: flakehub.page}),
    Section("dynamodb", DynamoDBSection, _dynamodb, asks={"DynamoDB": lambda dynamodb: dynamodb.endpoint}),
    Section("routes", dict[str, str], _routes),
)
"""The sections of honey's targets, each after those that it looks at."""
