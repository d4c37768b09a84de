"""What a container of bazel-remote is started with: the options of its S3 backend and of its folder (bazel-remote --help)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]

DIR, BUCKET, PREFIX, ENDPOINT, CONFIG = "dir", "s3.bucket", "s3.prefix", "s3.endpoint", "config_file"
VARIABLES = {name: f"BAZEL_REMOTE_{name.replace('.', '_').upper()}" for name in (DIR, BUCKET, PREFIX, ENDPOINT, CONFIG)}
"""The variable that stands for each option; an argument stands before it."""
_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


@dataclass(frozen=True)
class Options:
    """What could be read: ``given`` by the option's name, and ``hidden``, why others of them may be set elsewhere."""

    given: Mapping[str, str]
    hidden: str = ""


def options(container: Document) -> Options:
    """Return the options of a container, from its arguments and variables."""
    entries = {str(entry.get("name")): entry for entry in container.get("env") or ()}
    values = {name: str(entry.get("value") or "") for name, entry in entries.items() if "valueFrom" not in entry}
    arguments = _arguments([*(container.get("command") or ()), *(container.get("args") or ())])
    given = {name: values[variable] for name, variable in VARIABLES.items() if values.get(variable)} | arguments
    given = {name: _REFERENCE.sub(lambda match: values.get(match[1], match[0]), text) for name, text in given.items()}
    unread = [name for name, text in given.items() if _REFERENCE.search(text)]
    unread += [
        name for name, variable in VARIABLES.items() if name not in given and variable in entries.keys() - values
    ]
    if CONFIG in given:  # All other options count no more then.
        return Options({}, f"a file holds its options: {given[CONFIG]}")
    if unread:
        return Options(given, f"{', '.join(unread)} comes from a Secret or a ConfigMap")
    return Options(given, "its variables come from a Secret or a ConfigMap" if container.get("envFrom") else "")


def _arguments(words: list[Any]) -> dict[str, str]:
    """Return the known options among arguments: ``--name=value`` or ``--name value``, also inside of one argument."""
    parts = [part for word in words for part in str(word).split()]
    given = {}
    for part, after in itertools.pairwise([*parts, ""]):
        name, equals, value = part.lstrip("-").partition("=")
        if part.startswith("-") and name in VARIABLES:
            given[name] = value if equals else after
    return given
