"""The disk's half of a bucket: its two markers in the pod, and whether the disk could be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.answers import Folder

FORMAT = b"format.json"
NOT_TO_DO = "make no folder or metadata by hand, re-create no bucket: RustFS lists any folder as a bucket"
FOREIGN = "what RustFS formatted is not in /data (.rustfs.sys/format.json): something is mounted over it, or the volume is another"
OFFLINE = Cause("disk-offline")
"""RustFS takes a disk that stalls offline, and a disk that it holds for offline may stall. Both are one cause."""
MOUNT = Cause("permissions-or-mount")
OUT_OF_STEP = Cause("bucket-index-out-of-step")
PRESERVE = "preserve logs, run RCA before any restart (pytest -m rca)"


@dataclass(frozen=True)
class Disk:
    """``/data``, ``/data/.rustfs.sys/buckets`` and, where it was looked at, ``/data/.rustfs.sys`` as exec sees them."""

    data: Folder
    buckets: Folder
    system: Folder | None = None

    @property
    def stalled(self) -> bool:
        return "stalled" in {self.data.state, self.buckets.state}

    @property
    def looked_at(self) -> bool:
        """Whether both folders could be listed, or are known to be absent."""
        return {self.data.state, self.buckets.state} <= {"listed", "absent"}

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What may stand behind a disk that could not be looked at."""
        return (OFFLINE,) if self.stalled else (MOUNT,)

    @property
    def foreign(self) -> bool:
        """Whether this is no disk that RustFS formatted, as where something else is mounted over it.

        A RustFS of June 2026 or later makes a fresh ``.rustfs.sys`` within 4 s; what it wrote as it formatted is absent.
        """
        if not self.looked_at:
            return False
        fresh = self.system is not None and self.system.state == "listed" and FORMAT not in self.system.entries
        return b".rustfs.sys" not in self.data.entries or fresh

    @property
    def unseen(self) -> str:
        """Why the markers are not known, "" where they are."""
        if self.stalled:
            return f"stalled disk: exec begins, and listing {self.data.path} hangs"
        unread = next((folder.path for folder in (self.data, self.buckets) if folder.state == "unreadable"), "")
        return f"{unread} can't be listed in the pod: permissions or mount" if unread else ""


@dataclass(frozen=True)
class Markers(Observed):
    """One bucket's two markers, each ``folder``, ``symlink``, ``file``, ``other`` or ``absent``. Statement S093."""

    bucket: str
    data: str
    metadata: str
    foreign: bool = False

    promises = "/data/{self.bucket} and /data/.rustfs.sys/buckets/{self.bucket} are folders"
    sees = "/data/{self.bucket}: {self.data}; /data/.rustfs.sys/buckets/{self.bucket}: {self.metadata}"

    @property
    def replaced(self) -> bool:
        """Whether something else stands in the place of the bucket's folder."""
        return self.data in {"symlink", "file", "other"}

    @property
    def absent(self) -> bool:
        """Whether neither stands."""
        return self.data == self.metadata == "absent"

    def trouble(self) -> Trouble | None:
        if self.data == self.metadata == "folder":
            return None
        step = f"markers alone prove nothing: see rustfs.list-buckets; preserve the disk as it is; {NOT_TO_DO}"
        if self.foreign:
            return Trouble(MOUNT, FOREIGN, step)
        if self.replaced:
            says = f"a {self.data} stands in the place of the bucket's folder"
            return Trouble(Cause("bucket-folder-replaced", self.bucket), says, step)
        if self.data == "folder":
            says = "marker out of step: the bucket's metadata is gone from disk, its folder stands (RustFS never re-creates it)"
            return Trouble(Cause("bucket-metadata-gone", self.bucket), says, step)
        says = "folder gone: only the bucket's metadata stands on disk; a restart will not bring it back"
        if self.metadata != "folder":
            says = "neither marker stands on disk"
        return Trouble(Cause("bucket-gone", self.bucket), says, step)


@dataclass(frozen=True)
class ScratchMarkers(Observed):
    """The markers of the scratch bucket while it stands. Statement S100."""

    bucket: str
    markers: Markers

    promises = "both markers of {self.bucket} stand on disk when CreateBucket has answered"
    sees = "{self.markers.seen}"

    def trouble(self) -> Trouble | None:
        if self.markers.holds:
            return None
        says = "the API made a bucket that the disk does not show: bucket index and disk do not agree"
        return Trouble(OUT_OF_STEP, says, f"start no protected tofu apply; {PRESERVE}")


@dataclass(frozen=True)
class ScratchMarkersGone(Observed):
    """The markers of the scratch bucket after its delete, ``within`` seconds at most. Statement S101."""

    bucket: str
    markers: Markers
    within: float

    promises = "neither marker of {self.bucket} stands on disk {self.within:g} s after DeleteBucket has answered"
    sees = "{self.markers.seen}"

    def trouble(self) -> Trouble | None:
        if self.markers.absent:
            return None
        says = "the API deleted a bucket whose markers linger: bucket index and disk do not agree"
        return Trouble(OUT_OF_STEP, says, f"{PRESERVE}; delete nothing from the disk by hand")


def markers_of(bucket: str, disk: Disk) -> Markers:
    """Return a bucket's markers as these folders show them."""
    return Markers(bucket, disk.data.kind(bucket), disk.buckets.kind(bucket), foreign=disk.foreign)
