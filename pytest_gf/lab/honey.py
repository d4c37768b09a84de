"""The lab's seed: the credentials and state bodies of a fresh folder, and the files that say how to reach it."""

from __future__ import annotations

import os
import secrets
import shlex
import uuid
from collections.abc import Mapping
from pathlib import Path

import msgspec

ACCESS_KEY = "GF_LAB_S3_ACCESS_KEY"
SECRET_KEY = "GF_LAB_S3_SECRET_KEY"  # noqa: S105  # The variable's name, not its value.
ALLOWED = ("scratch", "state-proof", "cache-blob", "cache-delete")
PRIVATE = 0o600

_CREDENTIALS = "credentials.json"
_SEEDED = "seeded"


def credentials(folder: Path) -> dict[str, str]:
    """Return the folder's credentials by variable name: random, made once, readable by the owner only."""
    path = folder / _CREDENTIALS
    if not path.exists():
        made = {ACCESS_KEY: f"GFLAB{secrets.token_hex(8).upper()}", SECRET_KEY: secrets.token_urlsafe(30)}
        write_private(path, msgspec.json.encode(made))
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


def is_seeded(folder: Path) -> bool:
    """Tell whether the folder got its seed: what it lacks since then was taken away, and stays away."""
    return (folder / _SEEDED).exists()


def note_seeded(folder: Path) -> None:
    """Note that the seed is complete."""
    (folder / _SEEDED).touch()


def state(stack: str, serial: int) -> bytes:
    """Return a realistic OpenTofu state body (version 4) of a stack, with a sensitive output that is random."""
    namespace = {"metadata": [{"name": f"gf-{stack}", "uid": str(uuid.uuid4())}], "timeouts": None}
    release = {"name": stack, "namespace": f"gf-{stack}", "chart": stack, "version": "1.4.2", "status": "deployed"}
    random = {"byte_length": 4, "hex": secrets.token_hex(4)}
    return encode(
        {
            "version": 4,
            "terraform_version": "1.12.6",
            "serial": serial,
            "lineage": str(uuid.uuid4()),
            "outputs": {
                "namespace": {"value": f"gf-{stack}", "type": "string"},
                "token": {"value": secrets.token_urlsafe(24), "type": "string", "sensitive": True},
            },
            "resources": [
                _resource("kubernetes_namespace_v1", "this", "hashicorp/kubernetes", namespace),
                _resource("helm_release", "this", "hashicorp/helm", release),
                _resource("random_id", "suffix", "hashicorp/random", random),
            ],
            "check_results": None,
        }
    )


def encode(document: Mapping[str, object]) -> bytes:
    """Return a state as OpenTofu writes it: one line."""
    return msgspec.json.encode(document)


def decode(body: bytes) -> dict[str, object]:
    """Return the members of a state. Raises ValueError where the body is no state (any more)."""
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError as wrong:
        raise ValueError(f"the state is no JSON object any more, so this can't be bent: {wrong}") from None


def write_target(folder: Path, endpoint: str, region: str) -> Path:
    """Write the target file that ``pytest --gf-target=FILE`` reads, and ``env.sh`` with the credentials beside it."""
    path = folder / "target.toml"
    allow = ", ".join(f'"{word}"' for word in ALLOWED)
    lines = (
        "# The lab: pytest --gf-target=FILE, after `. env.sh` from this folder.",
        'name = "lab"',
        'vantage = "runner"',
        f"allow = [{allow}]",
        "",
        "[s3]",
        f'endpoint = "{endpoint}"',
        f'region = "{region}"',
        f'access_key_env = "{ACCESS_KEY}"',
        f'secret_key_env = "{SECRET_KEY}"',
    )
    path.write_text("\n".join((*lines, "")), encoding="utf-8")
    exports = [f"export {name}={shlex.quote(value)}" for name, value in credentials(folder).items()]
    write_private(folder / "env.sh", "\n".join((*exports, "")).encode())
    return path


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
