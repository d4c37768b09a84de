"""Multipart uploads: parts wait in ``.rustfs.sys/multipart/ID`` until they become one object."""

from __future__ import annotations

import hashlib
import re
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_gf.lab.rustfs import checksums
from pytest_gf.lab.rustfs.call import Refusal
from pytest_gf.lab.rustfs.disk import SYSTEM, Disk

MOST_PARTS = 10_000

_ID = re.compile(r"[0-9a-f]{32}")
_BEGUN = "upload.json"


class Begun(msgspec.Struct):
    """An upload that has begun: where it goes, and the headers to give back with the object."""

    bucket: str
    key: str
    headers: dict[str, str]


class Uploads:
    """The uploads of a disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._root = disk.root / SYSTEM / "multipart"

    def begin(self, begun: Begun) -> str:
        """Begin an upload and return its id."""
        self._disk.folder(begun.bucket)
        identity = uuid.uuid4().hex
        self._disk.write(self._root / identity / _BEGUN, msgspec.json.encode(begun))
        return identity

    def begun(self, identity: str, bucket: str, key: str) -> Begun:
        """Return what began under this id for this object. Raises Refusal NoSuchUpload."""
        self._disk.folder(bucket)
        path = self._root / identity / _BEGUN
        if _ID.fullmatch(identity) and path.is_file():
            begun = msgspec.json.decode(path.read_bytes(), type=Begun)
            if (begun.bucket, begun.key) == (bucket, key):
                return begun
        raise Refusal(404, "NoSuchUpload", "The specified multipart upload does not exist.")

    def add(self, identity: str, number: str, body: bytes) -> str:
        """Keep a part, in place of an earlier one of its number, and return its ETag. Raises Refusal."""
        if not (
            number.isascii()
            and number.isdigit()
            and len(number) <= len(str(MOST_PARTS))
            and 1 <= int(number) <= MOST_PARTS
        ):
            raise Refusal(400, "InvalidArgument", f"Part number must be an integer between 1 and {MOST_PARTS}.")
        etag = checksums.md5(body)
        path = self._root / identity / f"{int(number)}.{etag}"
        self._disk.write(path, body)
        for other in path.parent.glob(f"{int(number)}.*"):
            if other != path:
                other.unlink()
        return etag

    def join(self, identity: str, parts: Sequence[tuple[int, str]]) -> tuple[Path, str, int]:
        """Return one file of these parts (number, ETag), its multipart ETag and its size. Raises Refusal."""
        if [number for number, _ in parts] != sorted({number for number, _ in parts}):
            raise Refusal(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        self._disk.require_writable()
        files = [self._root / identity / f"{number}.{etag}" for number, etag in parts]
        if not files or not all(re.fullmatch(r"\d+\.[0-9a-f]{32}", file.name) and file.is_file() for file in files):
            raise Refusal(400, "InvalidPart", "One or more of the specified parts could not be found.")
        joined = self._root / identity / "joined"
        with joined.open("wb") as out:
            for file in files:
                with file.open("rb") as part:
                    shutil.copyfileobj(part, out)
        digest = hashlib.md5(b"".join(bytes.fromhex(etag) for _, etag in parts), usedforsecurity=False)
        return joined, f"{digest.hexdigest()}-{len(parts)}", joined.stat().st_size

    def end(self, identity: str) -> None:
        """Forget an upload and its parts."""
        shutil.rmtree(self._root / identity, ignore_errors=True)
