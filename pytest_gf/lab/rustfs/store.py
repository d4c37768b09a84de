"""Objects below /data/BUCKET: one ``xl.meta`` each, small bodies inside it, large ones beside it.

Versions stand newest first. Everything here runs in one thread without yielding, so a look and the rename that
follows it can't be parted.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pytest_gf.lab.rustfs import keys
from pytest_gf.lab.rustfs.call import Refusal
from pytest_gf.lab.rustfs.disk import Disk

INLINE = 128 * 1024
"""Bytes. A longer body lies in a file of its own."""
CHUNK = 256 * 1024
NULL = "null"
"""The version id of an object in a bucket without versioning."""
ZEROS = "0" * 32
"""How ListObjectVersions shows it."""


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of an object, or a delete marker. ``modified`` in Unix seconds, ``size`` in bytes, ``etag`` unquoted.

    ``headers`` are those given back with the body; ``checksums`` are base64 by algorithm.
    """

    id: str = NULL
    modified: float = 0.0
    size: int = 0
    etag: str = ""
    deleted: bool = False
    headers: dict[str, str] = {}
    checksums: dict[str, str] = {}
    inline: bytes = b""
    beside: str = ""


class Meta(msgspec.Struct):
    """What an ``xl.meta`` holds."""

    versions: list[Version]


class Store:
    """The objects of a disk. Buckets are checked here: every method raises Refusal NoSuchBucket and the like."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def path(self, bucket: str, key: str) -> Path:
        """Return the folder of an object."""
        return self.disk.folder(bucket).joinpath(*keys.encode(key))

    def versions(self, bucket: str, key: str) -> list[Version]:
        """Return all versions of a key, newest first; none where it never was."""
        try:
            return msgspec.json.decode((self.path(bucket, key) / keys.META).read_bytes(), type=Meta).versions
        except (FileNotFoundError, NotADirectoryError):
            return []
        except msgspec.DecodeError:
            raise Refusal(500, "InternalError", "The object's xl.meta is garbled.") from None

    def find(self, bucket: str, key: str, version: str = "") -> Version | None:
        """Return one version, or the newest; None where there is none. It may be a delete marker."""
        wanted = NULL if version == ZEROS else version
        return next((kept for kept in self.versions(bucket, key) if not wanted or kept.id == wanted), None)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return every key that begins with ``prefix`` and has a version, in the order of its bytes."""
        root = self.disk.folder(bucket)
        fixed = prefix.rpartition("/")[0]
        top = root.joinpath(*keys.encode(fixed)) if "/" in prefix else root
        names, waiting = [], [top]
        while waiting:
            folder = waiting.pop()
            for entry in folder.iterdir() if folder.is_dir() else ():
                if entry.name == keys.META and entry.is_file():
                    names.append(keys.decode(folder.relative_to(root).parts))
                elif entry.is_dir() and not entry.name.startswith(keys.DATA):
                    waiting.append(entry)
        return sorted(key for key in names if key.startswith(prefix))

    def put(self, bucket: str, key: str, body: bytes | Path, version: Version) -> Version:
        """Keep a body (bytes, or a file that is moved here) as the newest version; return it with its id and date."""
        folder = self.path(bucket, key)
        versioning = self.disk.metadata(bucket).versioning
        kept = msgspec.structs.replace(
            version,
            id=uuid.uuid4().hex if versioning == "Enabled" else NULL,
            modified=time.time(),
            inline=body if isinstance(body, bytes) and len(body) <= INLINE else b"",
            beside="" if isinstance(body, bytes) and len(body) <= INLINE else f"{keys.DATA}{uuid.uuid4().hex}",
        )
        if kept.beside and isinstance(body, bytes):
            self.disk.write(folder / kept.beside / "part.1", body)
        elif kept.beside and isinstance(body, Path):
            (folder / kept.beside).mkdir(parents=True)
            body.rename(folder / kept.beside / "part.1")
        self._add(bucket, key, kept)
        return kept

    def delete(self, bucket: str, key: str, version: str = "") -> Version | None:
        """Delete one version for good, or hide the newest behind a delete marker where the bucket is versioned.

        Returns what was deleted or the marker that was made; None where there was nothing.
        """
        self.disk.require_writable()
        versioning = self.disk.metadata(bucket).versioning
        if not version and versioning and not self.versions(bucket, key):
            return None  # RustFS makes no marker for a key that never was.
        if not version and versioning:
            marker = Version(
                id=uuid.uuid4().hex if versioning == "Enabled" else NULL, modified=time.time(), deleted=True
            )
            self._add(bucket, key, marker)
            return marker
        gone = self.find(bucket, key, version or NULL)
        if gone is not None:
            self._keep(bucket, key, [kept for kept in self.versions(bucket, key) if kept.id != gone.id])
            self._drop(bucket, key, gone)
        return gone

    def read(self, bucket: str, key: str, version: Version, start: int, length: int) -> Iterator[bytes]:
        """Yield ``length`` bytes from ``start``. The file is opened at once: a later delete doesn't cut the body."""
        if not version.beside:
            return iter((version.inline[start : start + length],))
        file = (self.path(bucket, key) / version.beside / "part.1").open("rb")

        def chunks() -> Iterator[bytes]:
            with file:
                file.seek(start)
                left = length
                while left > 0 and (chunk := file.read(min(CHUNK, left))):
                    left -= len(chunk)
                    yield chunk

        return chunks()

    def restore(self, bucket: str, key: str, versions: list[Version]) -> None:
        """Make ``versions`` the only ones of a key; their bodies must be inline or still lie beside it."""
        self._keep(bucket, key, versions)

    def _add(self, bucket: str, key: str, version: Version) -> None:
        replaced = [kept for kept in self.versions(bucket, key) if kept.id == version.id]
        self._keep(bucket, key, [version, *(kept for kept in self.versions(bucket, key) if kept.id != version.id)])
        for old in replaced:
            self._drop(bucket, key, old)

    def _keep(self, bucket: str, key: str, versions: list[Version]) -> None:
        folder = self.path(bucket, key)
        if versions:
            try:
                self.disk.write(folder / keys.META, msgspec.json.encode(Meta(versions)))
            except OSError as wrong:
                raise Refusal(
                    400, "KeyTooLongError", f"The file system can't hold this key: {wrong.strerror}."
                ) from None
        else:
            (folder / keys.META).unlink(missing_ok=True)
            self._prune(folder, self.disk.folder(bucket))

    def _drop(self, bucket: str, key: str, version: Version) -> None:
        if version.beside:
            folder = self.path(bucket, key)
            shutil.rmtree(folder / version.beside, ignore_errors=True)
            self._prune(folder, self.disk.folder(bucket))

    @staticmethod
    def _prune(folder: Path, root: Path) -> None:
        """Remove the folders that hold nothing any more, up to the bucket's own."""
        while folder != root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
