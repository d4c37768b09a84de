"""Label selectors, field selectors and pages of a listing (Kubernetes API 1.36)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Test = Callable[[Mapping[str, str]], bool]

_SET = re.compile(r"(?P<key>[^\s,!=()]+)\s+(?P<how>in|notin)\s*\((?P<values>[^)]*)\)")
_EQUAL = re.compile(r"(?P<key>[^\s,!=()]+)\s*(?P<how>==|=|!=)\s*(?P<value>[^\s,()]*)")
_EXISTS = re.compile(r"(?P<no>!?)(?P<key>[^\s,!=()]+)")
_FIELDS = {
    "metadata.name",
    "metadata.namespace",
    "spec.nodeName",
    "status.phase",
    "involvedObject.name",
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.uid",
}
_PARTS = re.compile(r",(?![^(]*\))")


def chosen(objects: Sequence[Mapping[str, Any]], labels: str, fields: str) -> list[Mapping[str, Any]]:
    """Return the objects that both selectors mean. Raises ValueError for a selector that can't be read."""
    by_label = [_label(part.strip()) for part in _PARTS.split(labels) if part.strip()]
    by_field = [_field(part.strip()) for part in fields.split(",") if part.strip()]
    return [
        document
        for document in objects
        if all(test(document["metadata"].get("labels", {})) for test in by_label)
        and all(test(document) for test in by_field)
    ]


def named(fields: str) -> str:
    """Return the one name that a field selector leaves, "" where it leaves several: rights to names are asked for by it."""
    names = [part for part in map(_EQUAL.fullmatch, fields.split(",")) if part and part["key"] == "metadata.name"]
    return names[0]["value"] if names and names[0]["how"] != "!=" else ""


def page(objects: Sequence[Mapping[str, Any]], limit: str, token: str) -> tuple[list[Mapping[str, Any]], str, int]:
    """Return a page, the token of the next ("" for none) and how many remain. Raises ValueError for a strange token."""
    start = int(base64.urlsafe_b64decode(token).decode()) if token else 0
    most = int(limit) if limit else 0
    if start < 0 or most < 0:
        raise ValueError("limit and continue must not be negative")
    end = start + most if most else len(objects)
    left = max(len(objects) - end, 0)
    return list(objects[start:end]), base64.urlsafe_b64encode(str(end).encode()).decode() if left else "", left


def _label(text: str) -> Test:
    if requirement := _SET.fullmatch(text):
        key, values = requirement["key"], {value.strip() for value in requirement["values"].split(",")}
        if requirement["how"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if requirement := _EQUAL.fullmatch(text):
        key, value = requirement["key"], requirement["value"]
        if requirement["how"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if requirement := _EXISTS.fullmatch(text):
        key, wanted = requirement["key"], not requirement["no"]
        return lambda labels: (key in labels) == wanted
    raise ValueError(f"unable to parse requirement: {text}")


def _field(text: str) -> Callable[[Mapping[str, Any]], bool]:
    requirement = _EQUAL.fullmatch(text)
    if requirement is None or requirement["key"] not in _FIELDS:
        raise ValueError(f"field label not supported: {text}")
    path, value, equal = requirement["key"].split("."), requirement["value"], requirement["how"] != "!="

    def test(one: Any) -> bool:
        for part in path:
            one = one.get(part, "") if isinstance(one, Mapping) else ""
        return (str(one) == value) == equal

    return test
