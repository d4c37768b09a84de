"""The disk's half of a bucket: its two markers in the pod, and whether the disk could be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.honey.answers import Folder

FORMAT = b"format.json"
NOT_TO_DO = "make no folder or metadata by hand, re-create no bucket: RustFS lists any folder as a bucket"


FOREIGN = "what RustFS formatted is not in /data (.rustfs.sys/format.json): something is mounted over it, or the volume is another"


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
    def foreign(self) -> bool:
        """Whether this is no disk that RustFS formatted, as where something else is mounted over it.

        A RustFS of June 2026 or later makes a fresh ``.rustfs.sys`` within 4 s; what it wrote as it formatted is absent.
        """
        if not self.looked_at:
            return False
        fresh = self.system is not None and self.system.state == "listed" and FORMAT not in self.system.entries
        return b".rustfs.sys" not in self.data.entries or fresh

    @property
    def trouble(self) -> str:
        """Why the markers can't be told, "" where they can."""
        if self.stalled:
            return f"stalled disk: exec begins, and listing {self.data.path} hangs"
        for folder in (self.data, self.buckets):
            if folder.state == "unreadable":
                return f"{folder.path} can't be listed in the pod: permissions or mount"
        return ""


@dataclass(frozen=True)
class Markers:
    """One bucket's two markers, each ``folder``, ``symlink``, ``file``, ``other`` or ``absent``. Statement S093."""

    bucket: str
    data: str
    metadata: str
    foreign: bool = False

    @property
    def stand(self) -> bool:
        return self.data == self.metadata == "folder"

    @property
    def promised(self) -> str:
        return f"/data/{self.bucket} and /data/.rustfs.sys/buckets/{self.bucket} are folders"

    @property
    def seen(self) -> str:
        return f"/data/{self.bucket}: {self.data}; /data/.rustfs.sys/buckets/{self.bucket}: {self.metadata}"

    @property
    def diagnosis(self) -> str:  # One line a cause.
        if self.stand:
            return ""
        if self.foreign:
            return FOREIGN
        if self.data in {"symlink", "file", "other"}:
            return f"a {self.data} stands in the place of the bucket's folder"
        if self.metadata != "folder":
            if self.data == "folder":
                return "marker out of step: the bucket's metadata is gone from disk, its folder stands (RustFS never re-creates it)"
            return "neither marker stands on disk"
        return "folder gone: only the bucket's metadata stands on disk; a restart will not bring it back"

    @property
    def next_step(self) -> str:
        return (
            ""
            if self.stand
            else f"markers alone prove nothing: see rustfs.list-buckets; preserve the disk as it is; {NOT_TO_DO}"
        )


@dataclass(frozen=True)
class ScratchMarkers:
    """The markers of the scratch bucket while it stands. Statement S100."""

    bucket: str
    markers: Markers

    @property
    def appeared(self) -> bool:
        return self.markers.stand

    @property
    def promised(self) -> str:
        return f"both markers of {self.bucket} stand on disk when CreateBucket has answered"

    @property
    def seen(self) -> str:
        return self.markers.seen

    @property
    def diagnosis(self) -> str:
        return (
            ""
            if self.appeared
            else "the API made a bucket that the disk does not show: bucket index and disk do not agree"
        )

    @property
    def next_step(self) -> str:
        return "" if self.appeared else "start no protected tofu apply; preserve logs, run RCA before any restart"


@dataclass(frozen=True)
class ScratchMarkersGone:
    """The markers of the scratch bucket after its delete, ``within`` seconds at most. Statement S101."""

    bucket: str
    markers: Markers
    within: float

    @property
    def vanished(self) -> bool:
        return self.markers.data == self.markers.metadata == "absent"

    @property
    def promised(self) -> str:
        return f"neither marker of {self.bucket} stands on disk {self.within:g} s after DeleteBucket has answered"

    @property
    def seen(self) -> str:
        return self.markers.seen

    @property
    def diagnosis(self) -> str:
        return (
            "" if self.vanished else "the API deleted a bucket whose markers linger: bucket index and disk do not agree"
        )

    @property
    def next_step(self) -> str:
        return (
            "" if self.vanished else "preserve logs, run RCA before any restart; delete nothing from the disk by hand"
        )


def markers_of(bucket: str, disk: Disk) -> Markers:
    """Return a bucket's markers as these folders show them."""
    return Markers(bucket, disk.data.kind(bucket), disk.buckets.kind(bucket), foreign=disk.foreign)
