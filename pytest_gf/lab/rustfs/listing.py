"""The S3 listings of a bucket: ListObjects, ListObjectsV2, ListObjectVersions, with prefixes and paging."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from pytest_gf.lab.rustfs import markup
from pytest_gf.lab.rustfs.call import Call, Refusal, Reply
from pytest_gf.lab.rustfs.markup import Node
from pytest_gf.lab.rustfs.service import Service
from pytest_gf.lab.rustfs.store import NULL, ZEROS, Version

MOST = 1_000
"""Keys and prefixes in one page."""

Row = tuple[str, Version]


@dataclass
class Page:
    """One page: rows, common prefixes, and the last (key or prefix, version id) where more follow."""

    rows: list[Row] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    following: tuple[str, str] | None = None


@dataclass(frozen=True)
class Ask:
    """What the query of every listing says."""

    bucket: str
    prefix: str
    delimiter: str
    most: int
    encode: Callable[[str], str]

    @classmethod
    def of(cls, call: Call) -> Ask:
        """Return what the query says. Raises Refusal InvalidArgument."""
        said = call.params
        most, encoding = said.get("max-keys", str(MOST)), said.get("encoding-type", "")
        if not (most.isascii() and most.isdigit() and len(most) <= len("2147483647")) or encoding not in {"", "url"}:
            raise Refusal(400, "InvalidArgument", "max-keys must be a number, and encoding-type url.")
        encode = _url if encoding else str
        return cls(call.bucket, said.get("prefix", ""), said.get("delimiter", ""), min(int(most), MOST), encode)

    def nodes(self, page: Page) -> list[Node]:
        """Return the nodes that every listing begins with."""
        head: list[Node] = [("Name", self.bucket), ("Prefix", self.encode(self.prefix)), ("MaxKeys", self.most)]
        if self.delimiter:
            head.append(("Delimiter", self.encode(self.delimiter)))
        if self.encode is _url:
            head.append(("EncodingType", "url"))
        head.append(("IsTruncated", page.following is not None))
        return head

    def prefix_nodes(self, page: Page) -> list[Node]:
        """Return the nodes of the common prefixes."""
        return [("CommonPrefixes", [("Prefix", self.encode(prefix))]) for prefix in page.prefixes]


def version_2(service: Service, call: Call) -> Reply:
    """Answer ListObjectsV2. A continuation token stands for the last key or common prefix of the page before."""
    ask, said = Ask.of(call), call.params
    after = _from_token(said["continuation-token"]) if "continuation-token" in said else said.get("start-after", "")
    page = _page(ask, _rows(service, ask), lambda row: row[0] <= after, after if "continuation-token" in said else "")
    nodes = [*ask.nodes(page), ("KeyCount", len(page.rows) + len(page.prefixes))]
    nodes += [("ContinuationToken", said["continuation-token"])] if "continuation-token" in said else []
    nodes += [("StartAfter", ask.encode(said["start-after"]))] if "start-after" in said else []
    nodes += [("NextContinuationToken", _to_token(page.following[0]))] if page.following else []
    return _reply("ListBucketResult", [*nodes, *_contents(ask, page), *ask.prefix_nodes(page)])


def version_1(service: Service, call: Call) -> Reply:
    """Answer ListObjects, the older listing."""
    ask, marker = Ask.of(call), call.params.get("marker", "")
    page = _page(ask, _rows(service, ask), lambda row: row[0] <= marker, marker)
    nodes = [*ask.nodes(page), ("Marker", ask.encode(marker))]
    nodes += [("NextMarker", ask.encode(page.following[0]))] if page.following else []
    return _reply("ListBucketResult", [*nodes, *_contents(ask, page), *ask.prefix_nodes(page)])


def versions(service: Service, call: Call) -> Reply:
    """Answer ListObjectVersions: every version and delete marker, newest first within a key."""
    ask = Ask.of(call)
    marker, shown = call.params.get("key-marker", ""), call.params.get("version-id-marker", "")
    version = NULL if shown == ZEROS else shown
    page = _page(ask, _versions_after(service, ask, marker, version), lambda _: False, marker)
    nodes = [*ask.nodes(page), ("KeyMarker", ask.encode(marker)), ("VersionIdMarker", shown)]
    if page.following:
        nodes += [("NextKeyMarker", ask.encode(page.following[0])), ("NextVersionIdMarker", _shown(page.following[1]))]
    for key, kept in page.rows:
        latest = service.store.find(ask.bucket, key) == kept
        head: list[Node] = [("Key", ask.encode(key)), ("VersionId", _shown(kept.id)), ("IsLatest", latest)]
        body: list[Node] = [("LastModified", markup.moment(kept.modified))] if kept.deleted else _describe(kept)
        nodes.append(("DeleteMarker" if kept.deleted else "Version", [*head, *body]))
    return _reply("ListVersionsResult", [*nodes, *ask.prefix_nodes(page)])


def _rows(service: Service, ask: Ask) -> Iterator[Row]:
    for key in service.store.keys(ask.bucket, ask.prefix):
        version = service.store.find(ask.bucket, key)
        if version is not None and not version.deleted:
            yield key, _as_listed(service, ask.bucket, key, version)


def _as_listed(service: Service, bucket: str, key: str, version: Version) -> Version:
    for name, stack in service.contract.stacks.items():
        if (stack.bucket, stack.key) == (bucket, key) and service.bends.on("state-replaced-midway", name):
            return Version(
                id=version.id, modified=version.modified - 60, size=max(version.size - 100, 1), etag="0" * 32
            )
    return version


def _versions_after(service: Service, ask: Ask, marker: str, version: str) -> Iterator[Row]:
    for key in service.store.keys(ask.bucket, ask.prefix):
        kept = service.store.versions(ask.bucket, key)
        if key == marker and version:
            kept = kept[next((at + 1 for at, known in enumerate(kept) if known.id == version), len(kept)) :]
        if key > marker or (key == marker and version):
            yield from ((key, known) for known in kept)


def _page(ask: Ask, rows: Iterable[Row], skip: Callable[[Row], bool], marker: str) -> Page:
    """Return the next page. If ``marker`` is a common prefix, the page before has shown all that lies below it."""
    page = Page()
    below = marker.startswith(ask.prefix) and marker != ask.prefix
    shown = marker if below and ask.delimiter and marker.endswith(ask.delimiter) else ""
    last: tuple[str, str] | None = None
    for row in rows:
        key, version = row
        if skip(row) or (shown and key.startswith(shown)):
            continue
        head, delimiter, _ = key[len(ask.prefix) :].partition(ask.delimiter) if ask.delimiter else ("", "", "")
        prefix = f"{ask.prefix}{head}{delimiter}" if delimiter else ""
        if prefix and prefix in page.prefixes[-1:]:
            continue
        if len(page.rows) + len(page.prefixes) == ask.most:
            page.following = last
            break
        if prefix:
            page.prefixes.append(prefix)
        else:
            page.rows.append(row)
        last = (prefix, "") if prefix else (key, version.id)
    return page


def _shown(version: str) -> str:
    return ZEROS if version == NULL else version


def _contents(ask: Ask, page: Page) -> list[Node]:
    return [("Contents", [("Key", ask.encode(key)), *_describe(version)]) for key, version in page.rows]


def _describe(version: Version) -> list[Node]:
    return [
        ("LastModified", markup.moment(version.modified)),
        ("ETag", f'"{version.etag}"'),
        ("Size", version.size),
        ("StorageClass", "STANDARD"),
    ]


def _reply(root: str, nodes: list[Node]) -> Reply:
    return Reply.of(markup.document(root, nodes))


def _url(text: str) -> str:
    return quote(text, safe="/")


def _to_token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode("utf-8")).decode()


def _from_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise Refusal(400, "InvalidArgument", "The continuation token provided is incorrect") from None
