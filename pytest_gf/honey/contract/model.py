"""The model of a contract: what its TOML may say, and the axes that clauses vary over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from pytest_gf.engine import contract
from pytest_gf.honey.contract.repository import Repository


class Bucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A protected bucket."""

    purpose: str = ""


class Stack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An OpenTofu stack: where its state object lies, and the statements that name it (ids, separated by spaces)."""

    bucket: str
    key: str
    proves: str = ""


class StateRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the state is handled: after how many seconds a lock is stale, and what proof objects are named by."""

    lock_stale_after: float = 3_600.0
    proof_prefix: str = "gf-proof/"


class Scratch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the scratch probe names its buckets, and how many seconds their markers may stay after a delete."""

    prefix: str
    markers_gone_within: float = 5.0


class Cluster(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one cluster that the contract is about, known by its nodes; ``losses`` says what goes with which of them."""

    name: str
    nodes: tuple[str, ...]
    losses: Mapping[str, str] = {}


class Workload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """RustFS as it runs in the cluster: names in ``namespace``, ``size`` a Kubernetes quantity, ``data`` a path in the pod."""

    namespace: str
    deployment: str
    service: str
    port: int
    node: str
    claim: str
    storage_class: str
    provisioner: str
    access_mode: str
    size: str
    data: str = "/data"
    image: str = "rustfs"
    """The last part of its image's name: sidecars stand beside its container."""

    @property
    def address(self) -> str:
        """Its S3 endpoint inside of the cluster."""
        return f"http://{self.service}.{self.namespace}.svc.cluster.local:{self.port}"


class Attic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Nix cache: its bucket, its cache, the surfaces it answers on, and what the archives are that a target names."""

    bucket: str
    cache: str
    surfaces: tuple[str, ...]
    nars: tuple[str, ...]
    node: str = ""
    """The node that it is lost with."""
    api: str = ""
    https: str = ""
    """Where the surfaces of these names are promised; "" promises no address."""


class Artifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key, a token or a credential that is kept apart from the others: where its value lies.

    ``secrets`` are SECRET/KEY in RustFS's namespace, ``target`` keys of the target that name a variable of this run. What lies in
    neither is ``elsewhere``. ``variables`` are the names by which programs take it (fnmatch). ``signs``: it is Attic's signing key.
    """

    says: str
    secrets: tuple[str, ...] = ()
    target: tuple[Literal["attic.token_env", "s3.access_key_env", "s3.secret_key_env"], ...] = ()
    elsewhere: str = ""
    variables: tuple[str, ...] = ()
    signs: bool = False


class Bazel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Bazel remote cache: its bucket, and how many seconds after its acknowledgement a blob lies there at the latest.

    ``endpoint`` is what runners are promised; ``service`` and ``deployment`` are names in RustFS's namespace, ``data`` is
    the path of the hot cache in the pod. "" promises nothing.
    """

    bucket: str
    written_within: float = 10.0
    endpoint: str = ""
    service: str = ""
    deployment: str = ""
    data: str = "/data"
    node: str = ""
    """The node that it is lost with."""


class HAEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One piece of evidence that strict HA waits for: what it is, and when and where it was produced, once it was."""

    what: str
    recorded: datetime | None = None
    where: str = ""


class HA(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What strict HA asks of the state authority: ready replicas on so many nodes, and pieces of evidence.

    ``readiness``: the clauses that readiness stands on, beside the strict ones. They belong to ``-m ha`` (rows of a bucket
    only for the states' own), and one that is unproven under ``--gf-expect-interim`` makes exit 11.
    """

    replicas: int = 2
    nodes: int = 2
    readiness: tuple[str, ...] = ()
    evidence: Mapping[str, HAEvidence] = {}


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A component that the page says is not highly available: its workload, the page's words, statements.

    ``kind`` and ``name`` are the workload's in RustFS's namespace; a contract that names none is known by ``image``, a
    word in the image's name.
    """

    image: str
    says: str
    proves: str
    kind: str = ""
    name: str = ""


class InventoryRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By what the inventory knows workloads: words in the names of images, and the storage classes of one node."""

    stores: tuple[str, ...]
    caches: tuple[str, ...] = ()
    local_classes: tuple[str, ...] = ()


class Contract(contract.Contract, frozen=True, kw_only=True):
    """What is promised. Axis values stand in the order of the file."""

    buckets: Mapping[str, Bucket]
    stacks: Mapping[str, Stack]
    scratch: Scratch
    cluster: Cluster | None = None
    rustfs: Workload | None = None
    attic: Attic | None = None
    artifacts: Mapping[str, Artifact] = {}
    bazel: Bazel | None = None
    state: StateRules = StateRules()
    ha: HA | None = None
    inventory: InventoryRules | None = None
    commands: Mapping[str, str] = {}
    """By an old name that the team used, the command of today."""
    limits: Mapping[str, Limit] = {}
    repository: Repository = Repository()

    def waiver(self, clause: str) -> contract.Waiver | None:
        """Return what waives this clause, if anything does."""
        return next((waiver for waiver in self.waivers if clause in waiver.clauses), None)

    def renamed(self, text: str) -> str:
        """Return which old names stand in a text, with the commands of today; "" where there is none."""
        plain = text.replace("_", "-")
        return "; ".join(f"{old} is now {new}" for old, new in self.commands.items() if old in plain)

    @property
    def readiness(self) -> tuple[str, ...]:
        """The clauses that the interim shape's readiness stands on: their red is never an expected one."""
        return self.ha.readiness if self.ha is not None else ()
