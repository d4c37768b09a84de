"""/data as RustFS lays it out: real folders for buckets and their metadata, and the health tracker before them."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from pytest_gf.lab.faults import BUCKET_NAME
from pytest_gf.lab.rustfs.call import Refusal
from pytest_gf.lab.rustfs.keys import META

SYSTEM = ".rustfs.sys"
FORMAT = "format.json"
"""What RustFS writes once, when it formats a disk: a mount over /data lacks it."""
EPOCH = 0.0
"""Creation date, in Unix seconds, of a bucket whose metadata is missing or garbled."""

Presence = Literal["folder", "file", "gone"]
Versioning = Literal["", "Enabled", "Suspended"]


class BucketMeta(msgspec.Struct):
    """What ``.metadata.bin/xl.meta`` of a bucket holds: the creation date in Unix seconds, and the settings."""

    created: float = EPOCH
    versioning: Versioning = ""


class Disk:
    """The folder ``root`` (/data). The flags are the states that no folder can show; a restart forgets them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lost: set[str] = set()
        self.offline = False
        self.stalled = False
        self.freed: list[Callable[[], object]] = []
        self.unreadable = False
        self.system_unreadable = False
        self.full = False
        self.closed: set[str] = set()
        """Buckets whose folder nobody may enter (chmod 000)."""
        self.elsewhere: dict[str, Path] = {}
        """Buckets that S3 knows although their folder lies here, not in /data."""
        self._temporary = root / SYSTEM / "tmp"
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(parents=True)
        (root / SYSTEM / FORMAT).write_text('{"version":"1","format":"xl-single"}\n', encoding="utf-8")

    def presence(self, bucket: str) -> Presence:
        """Tell what the API sees at /data/BUCKET; a symlink is what it points to."""
        if self.offline or self.unreadable or bucket in self.lost or not BUCKET_NAME.fullmatch(bucket):
            return "gone"
        path = self.elsewhere.get(bucket, self.root / bucket)
        if path.is_dir():
            return "folder"
        return "file" if path.exists() else "gone"

    def folder(self, bucket: str) -> Path:
        """Return /data/BUCKET. Raises Refusal NoSuchBucket or, where it is no folder, AccessDenied."""
        presence = self.presence(bucket)
        if presence == "gone":
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
        if presence == "file" or bucket in self.closed:
            raise Refusal(403, "AccessDenied", "Access Denied")
        return self.elsewhere.get(bucket, self.root / bucket)

    def listed(self) -> list[str]:
        """Return the buckets that ListBuckets shows: the real folders in /data. An offline disk shows none."""
        if self.offline or self.unreadable:
            return []
        with os.scandir(self.root) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        names += [name for name in self.elsewhere if name not in names]
        return sorted(name for name in names if BUCKET_NAME.fullmatch(name) and name not in self.lost)

    def create(self, bucket: str) -> None:
        """Make the bucket with both its markers. Raises Refusal."""
        if self.offline:
            raise Refusal(500, "InternalError", "The disk is offline.")
        if not BUCKET_NAME.fullmatch(bucket):
            raise Refusal(400, "InvalidBucketName", "The specified bucket is not valid.")
        if (self.root / bucket).is_dir():
            return  # One's own: 200 again.
        if os.path.lexists(self.root / bucket):
            raise Refusal(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded.")
        self.set_metadata(bucket, BucketMeta(time.time()))
        (self.root / bucket).mkdir()

    def hide(self, bucket: str) -> None:
        """Move the bucket's folder out of /data, and know it as before."""
        place = self.root.parent / "away" / f"{bucket}-{uuid.uuid4().hex[:8]}"
        place.parent.mkdir(exist_ok=True)
        (self.root / bucket).rename(place)
        self.elsewhere[bucket] = place

    def remove(self, bucket: str) -> None:
        """Remove the folder (whatever empty ones are left in it) and the metadata. Raises Refusal."""
        folder = self.folder(bucket)
        self.require_writable()
        if not self._temporary.is_dir():
            return  # RustFS moves a folder there before it removes it, and says 204 where it can't.
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
        self.elsewhere.pop(bucket, None)
        shutil.rmtree(self.metadata_folder(bucket), ignore_errors=True)

    def metadata_folder(self, bucket: str) -> Path:
        """Return where the second marker of a bucket lies."""
        return self.root / SYSTEM / "buckets" / bucket

    def metadata(self, bucket: str) -> BucketMeta:
        """Return a bucket's settings, the defaults where they are missing, unreadable or garbled."""
        if self.system_unreadable:
            return BucketMeta()
        try:
            return msgspec.json.decode(
                (self.metadata_folder(bucket) / ".metadata.bin" / META).read_bytes(), type=BucketMeta
            )
        except (OSError, msgspec.DecodeError):
            return BucketMeta()

    def set_metadata(self, bucket: str, metadata: BucketMeta) -> None:
        """Write a bucket's settings. Raises Refusal."""
        self.write(self.metadata_folder(bucket) / ".metadata.bin" / META, msgspec.json.encode(metadata))

    def require_writable(self) -> None:
        """Raise Refusal where nothing can be changed, since every change goes through ``.rustfs.sys/tmp``."""
        if self.system_unreadable:
            raise Refusal(500, "InternalError", "The system folder can't be read.")

    def write(self, path: Path, data: bytes) -> None:
        """Write durably: a temporary file, then one rename. Raises Refusal."""
        self.require_writable()
        if self.full:
            raise Refusal(500, "InternalError", "No space left on device.")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = (self._temporary if self._temporary.is_dir() else path.parent) / uuid.uuid4().hex
        temporary.write_bytes(data)
        temporary.replace(path)
