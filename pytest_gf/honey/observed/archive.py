"""The archive behind a store hash, streamed whole or not; which of Attic's failures it looks like (docs/systems.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gf.honey.observed.bucket import PRESERVE

if TYPE_CHECKING:
    from pytest_gf.honey.formats.narinfo import NarInfo
    from pytest_gf.honey.observed.s3 import BucketListed

OK, REFUSED = 200, 403
MOST_REDIRECTS = 10
INCOMPLETE = "IncompleteNar"
KEEP = "keep --fallback: this is cache-object availability debt, and not the HA decision (S112)"
NO_REPAIR = "re-pushing the path does not repair it"
NOTHING = (
    "; with no byte at all, S3 gives Attic nothing: the first chunk's object is gone, or the bucket, or the credential"
    " is wrong, or S3 is down or throttles"
)
NO_RESTART = "don't restart atticd: its garbage collector runs at start and deletes the chunks that no object refers to"


@dataclass(frozen=True)
class Hop:
    """How one answer ended: ``code`` is its error, ``cut`` how the body ended too early, ``refused`` why nobody answered."""

    status: int
    code: str = ""
    received: int = 0
    cut: str = ""
    refused: str = ""
    host: str = ""
    """Where a redirect points: host and port, never the URL, which is a credential."""
    by: str = ""
    """Which program a refusal came from, by its form."""

    def __str__(self) -> str:
        if self.refused:
            return f"nobody answered ({self.refused})"
        ended = f", then cut after {self.received} bytes ({self.cut})" if self.cut else ""
        return f"{self.status} {self.code}".strip() + (f" to {self.host}" if self.host else "") + ended


@dataclass(frozen=True)
class Archive:
    """A store path's narinfo and body, as one surface gave them. Statement S111.

    ``info`` is None where the narinfo did not come: ``missing`` says how. ``size`` and ``digest`` are of the decompressed
    archive, ``trouble`` says what is wrong with its frames, or with the archive in them: then it is ``malformed``.
    """

    surface: str
    store_hash: str
    bucket: BucketListed
    info: NarInfo | None = None
    missing: str = ""
    hops: tuple[Hop, ...] = ()
    strange_host: bool = False
    size: int = 0
    digest: bytes = b""
    trouble: str = ""
    malformed: bool = False

    @property
    def whole(self) -> bool:
        return self.info is not None and not self._cause()

    @property
    def promised(self) -> str:
        if self.info is None:
            return f"the cache has {self.store_hash}, and its archive streams whole"
        return f"the archive of {self.info.store_path} streams whole: {self.info.nar_size} bytes, sha256 {self.info.nar_hash.hex()}"

    @property
    def seen(self) -> str:
        if self.info is None:
            return f"{self.surface}: narinfo: {self.missing}; {self.bucket}"
        hops = ", then ".join(map(str, self.hops))
        body = f"{self.size} bytes of archive, sha256 {self.digest.hex()}" if self.digest else "no archive"
        trouble = f"; {self.trouble}" if self.trouble else ""
        return f"{self.surface}: narinfo 200; body {hops}; {body}{trouble}; {self.bucket}"

    @property
    def diagnosis(self) -> str:
        if self.whole:
            return ""
        if self.info is None:
            return (
                f"not in the cache: {self.missing}" if self.missing.startswith("404") else f"no narinfo: {self.missing}"
            )
        return f"{self._cause()}{self.bucket.scope}"

    @property
    def next_step(self) -> str:
        if self.whole:
            return ""
        if self.info is None:
            lost = f"; if many paths are gone at once: {NO_RESTART}" if self._may_be_the_table() else ""
            return f"is the store hash right, was it collected (retention)? {KEEP}{lost}"
        if self.bucket.listed is False:
            return f"{PRESERVE}; {KEEP}; {NO_REPAIR}"
        repair = "push the path anew" if self.hops and self.hops[-1].code == INCOMPLETE else NO_REPAIR
        lost = f"; {NO_RESTART}" if self._may_be_the_table() else ""
        return f"{KEEP}; {repair}; see Attic's log and the objects of bucket {self.bucket.name}{lost}"

    def _may_be_the_table(self) -> bool:
        """Tell whether the failure may be a loss in Attic's database, not in S3."""
        unknown = self.info is None and self.missing.startswith("404")
        return unknown or bool(self.hops and self.hops[-1].code in {INCOMPLETE, "NoSuchObject"})

    def _cause(self) -> str:  # noqa: PLR0911  # One line a class of failure.
        if self.info is None or not self.hops:
            return self.missing or "nothing was asked"
        last, through = self.hops[-1], "S3 behind Attic's redirect" if len(self.hops) > 1 else "Attic"
        if self.info.ca_trouble:
            return f"its narinfo contradicts itself: {self.info.ca_trouble}; Nix refuses the path, whoever signed it"
        if self.strange_host:
            return self._astray(last)
        if last.refused:
            return f"refused: nobody answers at {through}: {last.refused}"
        if last.status != OK:
            return self._refusal(last, through)
        if last.cut:
            none = "" if last.received else NOTHING
            return f"cut body: {through} answers 200, and the transfer ends after {last.received} bytes (Nix: Transferred a partial file){none}"
        return self._contents(self.info)

    def _astray(self, last: Hop) -> str:
        if len(self.hops) > MOST_REDIRECTS:
            return f"Attic redirects more than {MOST_REDIRECTS} times: Nix gives up"
        how = "its narinfo's URL leads" if last.status == OK else "Attic redirects"
        return f"{how} to {last.host}, which neither [s3] nor a route names; it was not followed"

    def _contents(self, info: NarInfo) -> str:
        """Return what is wrong with a body that came to its end."""
        right = (self.digest, self.size) == (info.nar_hash, info.nar_size)
        if self.malformed and right:
            return f"hash and size agree, and what was pushed is no archive: {self.trouble}"
        unpacked = self.malformed or not self.trouble
        if self.size == info.nar_size and self.digest != info.nar_hash and unpacked:
            return f"hash mismatch: a complete body of the right length has sha256 {self.digest.hex()}"
        if self.trouble:
            return f"malformed body: {self.trouble}"
        return "" if right else f"size mismatch: {self.size} bytes, where NarSize says {info.nar_size}"

    def _refusal(self, last: Hop, through: str) -> str:
        told = f"{last.status} {last.code}".strip()
        if last.code == INCOMPLETE:
            return f"Attic answers {told}: its database lost the reference to a chunk"
        if last.code == "NoSuchKey":
            return f"{through} answers {told}: the chunk's object is gone from the bucket"
        if last.code == "NoSuchBucket":
            return f"{through} answers {told}: bucket {self.bucket.name} is gone from the API"
        if len(self.hops) > 1 and last.by == "S3" and last.status == REFUSED:
            return f"{through} answers {told}: Attic's own credential to S3 is not accepted"
        return f"{last.by if last.by.startswith('something') else through} answers {told} for the body"
