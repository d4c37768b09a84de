"""The archive behind a store hash, streamed whole or not; which of Attic's failures it looks like (docs/systems.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gf.engine.trouble import Cause, Observed, Trouble
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
class Archive(Observed):
    """A store path's narinfo and body, as one surface gave them. Statement S111.

    ``info`` is None where the narinfo did not come: ``missing`` says how. ``size`` and ``digest`` are of the decompressed
    archive, ``wrong`` says what is wrong with its frames, or with the archive in them: then it is ``malformed``.
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
    wrong: str = ""
    malformed: bool = False

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
        wrong = f"; {self.wrong}" if self.wrong else ""
        return f"{self.surface}: narinfo 200; body {hops}; {body}{wrong}; {self.bucket}"

    def trouble(self) -> Trouble | None:
        lost = f"; {NO_RESTART}" if self._may_be_the_table() else ""
        if self.info is None:
            absent = "not in the cache" if self.missing.startswith("404") else "no narinfo"
            lost = f"; if many paths are gone at once: {NO_RESTART}" if lost else ""
            step = f"is the store hash right, was it collected (retention)? {KEEP}{lost}"
            because = (Cause("no-nix-cache", "attic"),)
            return Trouble(Cause("path-missing", "attic"), f"{absent}: {self.missing}", step, because)
        why = self._why_not_whole(self.info)
        if not why:
            return None
        repair = "push the path anew" if self.hops and self.hops[-1].code == INCOMPLETE else NO_REPAIR
        step = f"{KEEP}; {repair}; see Attic's log and the objects of bucket {self.bucket.name}{lost}"
        if self.bucket.listed is False:
            step = f"{PRESERVE}; {KEEP}; {NO_REPAIR}"
        return Trouble(self._cause(), f"{why}{self.bucket.scope}", step, self.bucket.because)

    def _cause(self) -> Cause:
        """Return archive-cut where no whole body came, archive-altered where one came and is another than the narinfo says."""
        came = self.hops and self.hops[-1].status == OK and not self.hops[-1].cut and not self.strange_host
        return Cause("archive-altered", "attic") if came else Cause("archive-cut", "attic")

    def _may_be_the_table(self) -> bool:
        """Tell whether the failure may be a loss in Attic's database, not in S3."""
        unknown = self.info is None and self.missing.startswith("404")
        return unknown or bool(self.hops and self.hops[-1].code in {INCOMPLETE, "NoSuchObject"})

    def _why_not_whole(self, info: NarInfo) -> str:  # noqa: PLR0911  # One line a class of failure.
        if not self.hops:
            return "nothing was asked"
        last, through = self.hops[-1], "S3 behind Attic's redirect" if len(self.hops) > 1 else "Attic"
        if info.ca_trouble:
            return f"its narinfo contradicts itself: {info.ca_trouble}; Nix refuses the path, whoever signed it"
        if self.strange_host:
            return self._astray(last)
        if last.refused:
            return f"refused: nobody answers at {through}: {last.refused}"
        if last.status != OK:
            return self._refusal(last, through)
        if last.cut:
            none = "" if last.received else NOTHING
            return f"cut body: {through} answers 200, and the transfer ends after {last.received} bytes (Nix: Transferred a partial file){none}"
        return self._contents(info)

    def _astray(self, last: Hop) -> str:
        if len(self.hops) > MOST_REDIRECTS:
            return f"Attic redirects more than {MOST_REDIRECTS} times: Nix gives up"
        how = "its narinfo's URL leads" if last.status == OK else "Attic redirects"
        return f"{how} to {last.host}, which neither [s3] nor a route names; it was not followed"

    def _contents(self, info: NarInfo) -> str:
        """Return what is wrong with a body that came to its end."""
        right = (self.digest, self.size) == (info.nar_hash, info.nar_size)
        if self.malformed and right:
            return f"hash and size agree, and what was pushed is no archive: {self.wrong}"
        unpacked = self.malformed or not self.wrong
        if self.size == info.nar_size and self.digest != info.nar_hash and unpacked:
            return f"hash mismatch: a complete body of the right length has sha256 {self.digest.hex()}"
        if self.wrong:
            return f"malformed body: {self.wrong}"
        return "" if right else f"size mismatch: {self.size} bytes, where NarSize says {info.nar_size}"

    def _refusal(self, last: Hop, through: str) -> str:
        answer = f"{last.status} {last.code}".strip()
        if last.code == INCOMPLETE:
            return f"Attic answers {answer}: its database lost the reference to a chunk"
        if last.code == "NoSuchKey":
            return f"{through} answers {answer}: the chunk's object is gone from the bucket"
        if last.code == "NoSuchBucket":
            return f"{through} answers {answer}: bucket {self.bucket.name} is gone from the API"
        if len(self.hops) > 1 and last.by == "S3" and last.status == REFUSED:
            return f"{through} answers {answer}: Attic's own credential to S3 is not accepted"
        return f"{last.by if last.by.startswith('something') else through} answers {answer} for the body"
