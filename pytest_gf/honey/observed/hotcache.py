"""What the Bazel cache keeps in its pod, and which bucket stands behind it, as its Deployment says."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_gf.engine.trouble import Cause, Observed, Trouble

POD_LOCAL = {"": "the container's own layer", "emptyDir": "an emptyDir", "ephemeral": "an ephemeral volume"}
"""Kinds of volumes that go with their pod. An ephemeral volume's claim is the pod's own (Kubernetes, generic ephemeral volumes)."""
OUTLIVING = {"persistentVolumeClaim": "a PersistentVolumeClaim", "hostPath": "a folder of the node"}


@dataclass(frozen=True)
class CacheBackend:
    """Where bazel-remote keeps its objects: bucket, prefix without slashes at its ends, and the host of S3."""

    bucket: str
    prefix: str
    host: str

    def __str__(self) -> str:
        below = f" below {self.prefix}/" if self.prefix else ""
        return f"bucket {self.bucket or 'none'}{below} at {self.host or 'no S3'}"


@dataclass(frozen=True)
class HotCache(Observed):
    """The volume that the hot cache lies on, and the S3 behind it. Statements S014, S042.

    ``kind`` is the volume's ("" for none). ``hidden`` says why options could not be read: then the backend is not judged.
    """

    deployment: str
    path: str
    kind: str
    backend: CacheBackend
    contract: CacheBackend
    hidden: str = ""

    promises = "{self.path} goes with the pod; what lasts lies in {self.contract}"

    @property
    def seen(self) -> str:
        volume = POD_LOCAL.get(self.kind) or OUTLIVING.get(self.kind, f"a volume of kind {self.kind}")
        behind = f"S3 not read: {self.hidden}" if self.hidden else str(self.backend)
        return f"Deployment {self.deployment}: {self.path} is {volume}; {behind}"

    def trouble(self) -> Trouble | None:
        if not self._wrong:
            return None
        says = "; ".join(self._wrong)
        if self.kind not in POD_LOCAL:
            step = (
                "is it meant? then S042 of the page is stale; what outlives the pod hides for longer what S3 has lost"
            )
            return Trouble(Cause("hot-cache-outlives", "bazel"), says, step)
        step = "compare the Deployment with its stack: blobs are written elsewhere than the audit and the guard look"
        return Trouble(Cause("cache-stores-elsewhere", "bazel"), says, step)

    @property
    def _wrong(self) -> list[str]:
        wrong = []
        if self.kind not in POD_LOCAL:
            wrong.append(f"{self.path} outlives the pod: it is {OUTLIVING.get(self.kind, f'of kind {self.kind}')}")
        if self.hidden:
            return wrong
        if not self.backend.bucket:
            return [*wrong, f"no S3 stands behind it: {self.path} is all there is"]
        for name, has, should in (
            ("bucket", self.backend.bucket, self.contract.bucket),
            ("prefix", self.backend.prefix, self.contract.prefix),
            ("S3", self.backend.host, self.contract.host),
        ):
            if has != should:
                wrong.append(f"its {name} is {has or 'none'}, not {should or 'none'}")
        return wrong
