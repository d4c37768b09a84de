"""A bucket of many blobs, as a bazel-remote leaves it, and defects planted in it: for the audit's proof and its benchmark."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from pytest_gf.honey.formats import casblob, reapi
from pytest_gf.lab.bazel import content

PLANTED = (
    *("other", "truncated", "bad-magic", "offsets", "trailing", "flipped", "bomb", "short-chunk"),
    *("large-extra-frame", "raw-other", "action-dangling", "action-garbage"),
)
"""Each stands once in `planted`."""


def objects(small: int, large: int) -> Iterator[tuple[str, bytes]]:
    """Yield keys and bodies: so many small casblobs (200 to 7,000 bytes of payload) and large ones (5 to 9 MB), halved by zstd."""
    source = random.Random("bulk")  # noqa: S311  # No secret: the same bytes each time is what is wanted.
    text = b"".join(source.choices(content.WORDS, k=4_000))
    for at in range(small + large):
        size = source.randrange(200, 7_000) if at < small else source.randrange(5_000_000, 9_000_000)
        payload = _payload(source, text, size)
        compression = casblob.IDENTITY if at % 50 == 7 else casblob.ZSTD  # noqa: PLR2004  # A few, as they are legal.
        yield content.blob_key(content.digest(payload)), casblob.encode(payload, compression=compression)


def planted() -> Mapping[str, tuple[str, bytes]]:
    """Return the defects: each its name, with its key and body."""
    made: dict[str, tuple[str, bytes]] = {}
    for name in PLANTED:
        if name.startswith("action-"):
            key = content.action_key(content.digest(name.encode()))
            dangling = content.action_defects()["dangling-stdout" if name == "action-dangling" else "garbage"]
            made[name] = (key, dangling)
        elif name == "raw-other":
            digest = content.digest(name.encode())
            made[name] = (f"cas/{digest[:2]}/{digest}", b"another payload")
        else:
            blob = content.largest() if name.startswith("large-") else f"the blob of {name}\n".encode() * 100
            made[name] = (
                content.blob_key(content.digest(blob)),
                content.defects(blob)[name.removeprefix("large-")],
            )
    return made


def sound() -> Iterator[tuple[str, bytes]]:
    """Yield what only looks strange: a raw blob, frames without checksums, and a result that names blobs of both kinds."""
    raw, plain = b"a payload as it is", b"frames without checksums" * 50
    yield f"cas/{content.digest(raw)[:2]}/{content.digest(raw)}", raw
    yield content.blob_key(content.digest(plain)), casblob.encode(plain, checksum=False, chunk_size=100)
    result = reapi.message("v2.ActionResult")()
    for name, blob in (("raw", raw), ("plain", plain), ("empty", b"")):
        result.output_files.add(path=name).digest.MergeFrom(content.digest_of(blob))
    yield content.action_key(content.action(99)), result.SerializeToString()


def _payload(source: random.Random, text: bytes, size: int) -> bytes:
    pieces = []
    for _ in range(size // 1_000 + 1):
        at = source.randrange(5_000)
        pieces += [source.randbytes(500), text[at : at + 500]]
    return b"".join(pieces)[:size]
