"""State bodies of format versions 1 to 3, which Terraform before 0.12 wrote, and OpenTofu 1.12 upgrades (1.13 refuses them)."""

from __future__ import annotations

import re

from pytest_gf.honey.formats import address
from pytest_gf.honey.formats.effect import FIND, NO_STATE, TofuEffect, plan_fails
from pytest_gf.honey.formats.gojson import Text, TypeWrong, struct
from pytest_gf.honey.formats.jsontext import Place

VERSIONS = (1, 2, 3)

_INDEX = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_INSTANCE = struct(id="string", attributes={"*": "string"}, meta={"*": "any"}, tainted="bool")
_RESOURCE = struct(type="string", provider="string", depends_on=["string"], primary=_INSTANCE, deposed=[_INSTANCE])
_MODULE = struct(
    path=["string"],
    outputs={"*": struct(sensitive="bool", type="string")},
    resources={"*": _RESOURCE},
    depends_on=["string"],
)
_STATE = struct(version="int", serial="int", terraform_version="string", lineage="string", modules=[_MODULE])


def effect(text: Text, version: int) -> TofuEffect:
    """Return what OpenTofu makes of such a body. Raises TypeWrong."""
    shape = _STATE
    if version == 1:
        module = _MODULE | struct(outputs={"*": "string"})
        shape = struct(version="int", serial="int", modules=[module])
    text.conforms(text.start, shape, "its")
    top = text.struct([text.start], shape, "the state")
    text.integer(top["serial"], "its serial", 0, 2**63 - 1)
    if (made := text.string(top["terraform_version"], "its terraform_version")) and not address.is_version(made):
        raise TypeWrong("its terraform_version is no version number")
    managed = sum(_managed(text, places, version) for places in text.slice(top["modules"], "modules"))
    if managed:
        return plan_fails(
            f"it is of format version {version}, written by Terraform 0.x; OpenTofu upgrades it ({managed} managed instances),"
            " and knows its providers by their old names only (OpenTofu 1.13 refuses it)"
        )
    words = f"it says format version {version}, and has no managed instance as that version has them. {NO_STATE}"
    return TofuEffect("no-state", words, FIND)


def _managed(text: Text, places: list[Place], version: int) -> int:
    """Return how many managed instances a module has."""
    module = text.struct(places, _MODULE, "a module")
    path = list(text.strings(module["path"], "a module's path"))
    if (path or version > 1) and (path[:1] != ["root"] or not all(address.is_name(name) for name in path[1:])):
        raise TypeWrong("a module's path is not valid")
    resources = text.map(module["resources"], "a module's resources")
    return sum(_resource(text, name, place) for name, place in resources.items())


def _resource(text: Text, name: str, place: Place) -> bool:
    """Return whether a resource has a managed instance."""
    parts = name.split(".")
    data = len(parts) > 2 and parts[0] == "data"  # noqa: PLR2004  # data, type, name.
    index = parts[2 + data :]
    if not 2 <= len(parts) - data <= 3 or not all(map(_INDEX.fullmatch, index)):  # noqa: PLR2004  # Type, name, index.
        raise TypeWrong("a resource's address is not valid")
    primary = text.struct([place], _RESOURCE, "a resource")["primary"]
    return bool(primary) and text.kind(primary[-1]) != "null" and not data
