"""An archive of the Nix cache, asked for and read to its last byte."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from pytest_gf.engine.errors import Unproven
from pytest_gf.honey.formats import narinfo
from pytest_gf.honey.formats.narbody import NarBody
from pytest_gf.honey.formats.packed import UNDERSTOOD
from pytest_gf.honey.observed.archive import Archive, Hop
from pytest_gf.honey.probes.attic import Attic
from pytest_gf.honey.probes.attic_answers import AtticReply, S3Endpoint, Transfer

OK, MOVED, PRIVATE, REFUSED = 200, range(300, 400), 401, 403
STORE = "/nix/store"
NOWHERE = "nowhere"
"""The host of what is no URL."""
ATTEMPTS = 2
"""An archive that ended by a reset is asked for once more; one that ended by a close is judged."""


def archive_of(attic: Attic, reply: AtticReply, s3: S3Endpoint | None, empty: Archive) -> Archive:
    """Return the archive that a narinfo's reply leads to. ``s3`` is where a redirect may lead, ``empty`` says what was asked for."""
    made = partial(Archive, empty.surface, empty.store_hash, empty.bucket)
    info, missing = _info(reply, empty.store_hash)
    if info is None:
        return made(missing=missing)
    host = attic.elsewhere(info.url)
    if host:
        return made(info=info, hops=(Hop(OK, host=host),), strange_host=True)
    for _ in range(ATTEMPTS):
        body = NarBody(info.compression, info.nar_size)
        hops = attic.nar(info.url, info.nar_size, body, s3)
        if not hops[-1].reset:
            break
    last, seen = hops[-1], tuple(map(_hop, hops))
    if last.location and s3 is None and last.host != NOWHERE and attic.elsewhere(last.location):
        raise Unproven(f"Attic redirects to {last.host}, and the target has no [s3]", "name that server in [s3]")
    if last.status != OK or last.cut:
        return made(info=info, hops=seen, strange_host=bool(last.location), size=body.size)
    body.finish()
    archive = made(info=info, hops=seen, size=body.size, digest=body.sha256, wrong=body.trouble)
    return replace(archive, malformed=bool(body.archive))


def check_answered(reply: AtticReply) -> None:
    """Raise Unproven where a narinfo was refused, or the way to it led elsewhere: that says nothing of the path."""
    if reply.status in {PRIVATE, REFUSED}:
        raise Unproven(f"the cache asks for a token: {reply}", "see attic.public-read")
    if reply.status in MOVED:
        raise Unproven(f"the narinfo was not given, and the way to it leads elsewhere: {reply}", "see attic.cache-info")


def _info(reply: AtticReply, store_hash: str) -> tuple[narinfo.NarInfo | None, str]:
    """Return the narinfo of this very path, or None and how it did not come."""
    check_answered(reply)
    if not reply.ok or reply.trouble:
        return None, str(reply)
    try:
        info = narinfo.parse(reply.body)
    except narinfo.Malformed as wrong:
        return None, f"200, and it is malformed: {wrong}"
    if info.store_hash != store_hash:
        return None, f"200, and it is of another path: {info.store_path}"
    if info.store_path.rpartition("/")[0] != STORE:
        return None, f"200, and it is of another store: {info.store_path}"
    if info.compression not in UNDERSTOOD:
        raise Unproven(
            f"{info.store_path} is compressed by {info.compression}", f"name a path of {', '.join(UNDERSTOOD)}"
        )
    return info, ""


def _hop(transfer: Transfer) -> Hop:
    return Hop(
        transfer.status, transfer.code, transfer.received, transfer.cut, transfer.refused, transfer.host, transfer.by
    )
