"""The lab's seed: the credentials and state bodies of a fresh folder, and the files that say how to reach it."""

from __future__ import annotations

import os
import secrets
import shlex
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pytest_gf.lab.attic import tokens

if TYPE_CHECKING:
    from pytest_gf.honey.contract.model import Workload

ACCESS_KEY = "GF_LAB_S3_ACCESS_KEY"
SECRET_KEY = "GF_LAB_S3_SECRET_KEY"  # noqa: S105  # The variable's name, not its value.
PROBE_TOKEN = "GF_LAB_KUBERNETES_TOKEN"  # noqa: S105  # As above.
ADMIN_TOKEN = "GF_LAB_KUBERNETES_ADMIN_TOKEN"  # noqa: S105  # As above.
ATTIC_SECRET = "GF_LAB_ATTIC_SECRET"  # noqa: S105  # As above.
ATTIC_TOKEN = "GF_LAB_ATTIC_TOKEN"  # noqa: S105  # As above.
ATTIC_TOKENS = {
    "pull_only_env": "GF_LAB_ATTIC_PULL_TOKEN",
    "other_cache_env": "GF_LAB_ATTIC_OTHER_TOKEN",
    "expired_env": "GF_LAB_ATTIC_EXPIRED_TOKEN",
}
"""The variables of tokens that may not push, by the target's keys."""
ROUTED = "routed.toml"
KUBECONFIG = "kubeconfig"
ADMIN_KUBECONFIG = "admin.kubeconfig"
ALLOWED = ("scratch", "state-proof", "cache-blob", "cache-delete", "publication")
PRIVATE = 0o600

_CREDENTIALS = "credentials.json"
_SEEDED = "seeded"


@dataclass(frozen=True)
class BazelPlace:
    """What targets say of the lab's bazel-remote: its addresses."""

    grpc: str
    http: str


@dataclass(frozen=True)
class AtticPlace:
    """What targets say of the lab's Attic: addresses by surface, its public key, and store hashes by name."""

    addresses: Mapping[str, str]
    public_key: str
    hashes: Mapping[str, str]


def credentials(folder: Path, bends: Iterable[str] = ()) -> dict[str, str]:
    """Return the folder's credentials by variable name: random, made once, readable by the owner only.

    ``bends`` are faults; those of Attic's token give another one for it.
    """
    path = folder / _CREDENTIALS
    if not path.exists():
        made = {ACCESS_KEY: f"GFLAB{secrets.token_hex(8).upper()}", SECRET_KEY: secrets.token_urlsafe(30)}
        made |= {name: secrets.token_urlsafe(24) for name in (PROBE_TOKEN, ADMIN_TOKEN, ATTIC_SECRET)}
        made[ATTIC_TOKEN] = tokens.token(made[ATTIC_SECRET], r=1, w=1)
        made |= dict(zip(ATTIC_TOKENS.values(), tokens.powerless(made[ATTIC_SECRET]), strict=True))
        write_private(path, msgspec.json.encode(made))
    held = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    for fault in bends:
        if fault in tokens.BENT:
            held[ATTIC_TOKEN] = tokens.bent(held[ATTIC_SECRET], fault)
    return held


def is_seeded(folder: Path) -> bool:
    """Tell whether the folder was seeded before. What it lacks by now was taken away, and is not put back."""
    return (folder / _SEEDED).exists()


def note_seeded(folder: Path) -> None:
    """Note that the seed is complete."""
    (folder / _SEEDED).touch()


def state(stack: str, serial: int) -> bytes:
    """Return a realistic OpenTofu state body (version 4) of a stack, with a sensitive output.

    It is the same in each new lab, byte for byte: a baseline that one run recorded is good in the next.
    """
    namespace = {"metadata": [{"name": f"gf-{stack}", "uid": _uuid(stack, "uid")}], "timeouts": None}
    release = {"name": stack, "namespace": f"gf-{stack}", "chart": stack, "version": "1.4.2", "status": "deployed"}
    random = {"byte_length": 4, "hex": _uuid(stack, "suffix")[:8]}
    return encode(
        {
            "version": 4,
            "terraform_version": "1.12.6",
            "serial": serial,
            "lineage": _uuid(stack, "lineage"),
            "outputs": {
                "namespace": {"value": f"gf-{stack}", "type": "string"},
                "token": {"value": _uuid(stack, "token").replace("-", ""), "type": "string", "sensitive": True},
            },
            "resources": [
                _resource("kubernetes_namespace_v1", "this", "hashicorp/kubernetes", namespace),
                _resource("helm_release", "this", "hashicorp/helm", release),
                _resource("random_id", "suffix", "hashicorp/random", random),
            ],
            "check_results": None,
        }
    )


def _uuid(stack: str, what: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"gf-lab:{stack}/{what}"))


def encode(document: Mapping[str, object]) -> bytes:
    """Return a state as OpenTofu writes it: one line."""
    return msgspec.json.encode(document)


def decode(body: bytes) -> dict[str, object]:
    """Return the members of a state. Raises ValueError where the body is no state (any more)."""
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError as wrong:
        raise ValueError(f"the state is no JSON object any more, so this can't be bent: {wrong}") from None


def resources(state: dict[str, object]) -> list[dict[str, object]]:
    """Return the resources of a state. Raises ValueError where it has none."""
    try:
        return msgspec.convert(state.get("resources"), list[dict[str, object]])
    except msgspec.ValidationError as wrong:
        raise ValueError(f"the state has no resources any more, so this can't be bent: {wrong}") from None


def write_targets(  # noqa: PLR0917  # Called once, when the lab starts.
    folder: Path,
    endpoint: str,
    region: str,
    workload: Workload | None,
    attic: AtticPlace | None = None,
    bazel: BazelPlace | None = None,
    flakehub: str = "",
) -> Path:
    """Write the target file that ``pytest --gf-target=FILE`` reads, and ``env.sh`` with the credentials beside it.

    Beside it too: `ROUTED`, the same lab through port-forwards, as an operator's machine sees honey.
    """
    path = folder / "target.toml"
    api = "" if attic is None else _attic(attic, "api", "https")
    cache = "" if bazel is None else f'\n[bazel]\ngrpc = "{bazel.grpc}"\nhttp = "{bazel.http}"\n'
    cache += f'\n[flakehub]\npage = "{flakehub}"\n' if flakehub else ""
    path.write_text(_target("runner", endpoint, region, workload) + api + cache, encoding="utf-8")
    if workload is not None:
        route = f"port-forward:{workload.namespace}/svc/{workload.service}:{workload.port}"
        routed = _target("operator", workload.address, region, workload) + f'\n[routes]\ns3 = "{route}"\n'
        inside = "" if attic is None else _attic(attic, "inside", "inside-https")
        (folder / ROUTED).write_text(routed + inside + cache, encoding="utf-8")
    held = credentials(folder)
    named = (ACCESS_KEY, SECRET_KEY, ATTIC_TOKEN, *ATTIC_TOKENS.values())
    exports = [f"export {name}={shlex.quote(held[name])}" for name in named if name in held]
    write_private(folder / "env.sh", "\n".join((*exports, "")).encode())
    return path


def _attic(attic: AtticPlace, api: str, https: str) -> str:
    hashes = ", ".join(f'{name} = "{value}"' for name, value in attic.hashes.items())
    lines = [
        "[attic]",
        f'api = "{attic.addresses[api]}"',
        f'https = "{attic.addresses[https]}"',
        'cache = "main"',
        f'public_key = "{attic.public_key}"',
        f'token_env = "{ATTIC_TOKEN}"',
        'ca_file = "ca.pem"',
        f"nar_paths = {{ {hashes} }}",
        "",
        "[attic.tokens]",
        *(f'{key} = "{name}"' for key, name in ATTIC_TOKENS.items()),
    ]
    return "\n".join(("", *lines, ""))


def _target(vantage: str, endpoint: str, region: str, workload: Workload | None) -> str:
    allow = ", ".join(f'"{word}"' for word in ALLOWED)
    lines = [
        "# The lab: pytest --gf-target=FILE, after `. env.sh` from this folder.",
        'name = "lab"',
        f'vantage = "{vantage}"',
        f"allow = [{allow}]",
        "",
        "[s3]",
        f'endpoint = "{endpoint}"',
        f'region = "{region}"',
        f'access_key_env = "{ACCESS_KEY}"',
        f'secret_key_env = "{SECRET_KEY}"',
    ]
    if workload is not None:
        lines += ["", "[kubernetes]", f'kubeconfig = "{KUBECONFIG}"', f'namespace = "{workload.namespace}"']
    return "\n".join((*lines, ""))


def write_kubeconfigs(folder: Path, address: str, authority: Path) -> None:
    """Write a kubeconfig for the probes' token, and one for the cluster's administrator (kubectl)."""
    held = credentials(folder)
    for name, token in ((KUBECONFIG, held[PROBE_TOKEN]), (ADMIN_KUBECONFIG, held[ADMIN_TOKEN])):
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {"server": address, "certificate-authority": str(authority)}}],
            "users": [{"name": "lab", "user": {"token": token}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": "default"}}],
        }
        write_private(folder / name, msgspec.json.encode(document))  # JSON is YAML too (YAML 1.2.2).


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
        file.write(data)
    temporary.replace(path)


def _resource(kind: str, name: str, provider: str, attributes: Mapping[str, object]) -> dict[str, object]:
    return {
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": f'provider["registry.opentofu.org/{provider}"]',
        "instances": [{"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}],
    }
