"""OpenTofu's HCL and its JSON form, as far as backends go: which are declared, and what is literal in them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 500_000
"""Characters of one file."""
MOST_ATTRIBUTES = 50
"""Lines below a block in which its key is looked for."""
_IMPORTING = threading.Lock()
"""The library imports itself in a circle: two threads that import it at once have been seen to wait for each other for ever."""
DEEPEST = 60
"""Brackets within one another."""
CLOUD = "cloud"
"""The kind of the block ``cloud``, which stands in a backend's place."""
_DECLARED = re.compile(r'^[^#\n]*?\b(?:backend\s+"(?P<kind>\w+)"|(?P<cloud>cloud)\s*\{)', re.MULTILINE)


class NoHcl(ValueError):
    """A text that is not read, and why."""


@dataclass(frozen=True)
class Backend:
    """One backend block: its kind, its line, its attributes (an expression is a text, and keeps its ``${ }``).

    ``key_line`` is the line of its key, or the block's own.
    """

    kind: str
    line: int
    key_line: int
    attributes: Mapping[str, object]


def is_literal(text: str) -> bool:
    """Return whether an attribute says what it says without an expression."""
    return "${" not in text and "%{" not in text


def backends(text: str, *, is_json: bool = False) -> tuple[Backend, ...]:
    """Return the backend blocks of a file in their order, then its blocks ``cloud``. Raises NoHcl."""
    tables = _json(text) if is_json else _hcl(text)
    lines: dict[str, list[int]] = {}
    for declared in _DECLARED.finditer(text):
        lines.setdefault(declared["kind"] or CLOUD, []).append(text.count("\n", 0, declared.end()) + 1)
    made: list[Backend] = []
    for kind, attributes in _blocks(tables):
        known = lines.get(kind, [])
        line = known.pop(0) if known else _line_of(text, f'"{kind}"')
        made.append(Backend(kind, line, line_of(text, "key", line), attributes))
    return tuple(made)


def attributes(text: str) -> dict[str, object]:
    """Return the attributes of a ``-backend-config`` file. Raises NoHcl."""
    return _attributes(_hcl(text))


_S3_SETTINGS = """
access_key acl allowed_account_ids assume_role assume_role_duration_seconds assume_role_with_web_identity bucket
custom_ca_bundle dynamodb_endpoint dynamodb_table ec2_metadata_service_endpoint ec2_metadata_service_endpoint_mode
encrypt endpoint endpoints external_id forbidden_account_ids force_path_style http_proxy https_proxy iam_endpoint
insecure key kms_key_id max_retries no_proxy profile region retry_mode role_arn secret_key session_name
shared_config_files shared_credentials_file shared_credentials_files skip_credentials_validation
skip_metadata_api_check skip_region_validation skip_requesting_account_id skip_s3_checksum sse_customer_key
sts_endpoint sts_region token use_dualstack_endpoint use_fips_endpoint use_legacy_workflow use_lockfile use_path_style
workspace_key_prefix
"""
S3_SETTINGS = frozenset(_S3_SETTINGS.split())
"""What a file for `-backend-config` may set of backend s3."""


def line_of(text: str, name: str, block: int = 0) -> int:
    """Return the line (from 1) on which an attribute is set.

    It is searched below ``block``, the line of its block, which is returned where the attribute is nowhere. Where ``block`` is 0,
    the whole text is searched, and 1 is returned where the attribute is nowhere.
    """
    lines = text.splitlines()
    last = block + MOST_ATTRIBUTES if block else len(lines)
    setting = re.compile(rf'(?:^|[{{,])\s*"?{re.escape(name)}"?\s*[=:]')
    for number, line in enumerate(lines[max(0, block - 1) : last], max(1, block)):
        if setting.search(line):
            return number
    return max(1, block)


def _hcl(text: str) -> dict[str, Any]:
    _bounded(text)
    with _IMPORTING:
        import hcl2  # It takes a third of a second, and most checkouts' files never ask for it.
        from hcl2 import SerializationOptions
        from lark.exceptions import LarkError, UnexpectedInput

    try:
        read = hcl2.loads(
            text.removeprefix("\ufeff"),
            serialization_options=SerializationOptions(strip_string_quotes=True, with_comments=False),
        )
    except (LarkError, ValueError, RecursionError, KeyError, IndexError, AttributeError, TypeError) as wrong:
        # What the library says quotes the text, which may hold a key.
        at = f"line {wrong.line}, column {wrong.column}" if isinstance(wrong, UnexpectedInput) else type(wrong).__name__
        raise NoHcl(f"no HCL: {at}") from None
    return dict(read)


def _json(text: str) -> dict[str, Any]:
    _bounded(text)
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise NoHcl(f"no JSON: {wrong}") from None
    if not isinstance(read, dict):
        raise NoHcl("no JSON object")
    return read


def _bounded(text: str) -> None:
    if len(text) > LONGEST:
        raise NoHcl(f"{len(text)} characters; at most {LONGEST} are read")
    depth = 0
    for bracket in re.findall(r"[\[({\])}]", text):
        depth += 1 if bracket in "[({" else -1
        if depth > DEEPEST:
            raise NoHcl(f"nested deeper than {DEEPEST}")


def _blocks(tables: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, object]]]:
    for top in _tables(tables.get("terraform")):
        for backend in _tables(top.get("backend")):
            for kind, below in backend.items():
                if not kind.startswith("__"):
                    for table in _tables(below):
                        yield kind.strip('"'), _attributes(table)
        for table in _tables(top.get(CLOUD)):
            yield CLOUD, _attributes(table)


def _tables(node: Any) -> list[Mapping[str, Any]]:
    nodes = node if isinstance(node, list) else [node]
    return [table for table in nodes if isinstance(table, Mapping)]


def _attributes(table: Mapping[str, Any]) -> dict[str, object]:
    return {name: value for name, value in table.items() if not name.startswith("__")}


def _line_of(text: str, word: str) -> int:
    at = text.find(word)
    return text.count("\n", 0, at) + 1 if at >= 0 else 1
