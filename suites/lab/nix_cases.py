"""Narinfos and bodies that were bent, each with what a real Nix makes of it."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import lzma
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import brotli
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pytest_gf.honey.formats import contentaddress, nixbase32
from pytest_gf.honey.formats.nar import Directory, Regular, write

STORE = "/nix/store"
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key for tests").digest())
PUBLIC = f"main:{base64.b64encode(KEY.public_key().public_bytes_raw()).decode()}"
TREE = Directory({b"a": Regular(b"hello\n" * 50), b"b": Regular(b"x" * 77, executable=True)})
NAR = b"".join(write(TREE))
HALF = len(NAR) // 2
BASE, OTHER = f"{'c' * 32}-c", f"{'1' * 32}-x"
zip_ = zstandard.compress
Headers = Mapping[str, str]
Answer = tuple[int, Headers, bytes]


@dataclass(frozen=True)
class Case:
    """A cache of one path, as ``info`` describes it; ``more`` are other answers, by their place below the cache's name."""

    info: bytes
    body: bytes = zip_(NAR)
    base: str = BASE
    info_headers: Headers = field(default_factory=dict)
    body_headers: Headers = field(default_factory=dict)
    more: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def answers(self) -> dict[str, Answer]:
        """What the server answers, by the place below the cache's name."""
        answers: dict[str, Answer] = {
            "nix-cache-info": (200, {}, b"StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 41\n"),
            f"{self.base[:32]}.narinfo": (200, self.info_headers, self.info),
            "nar/x.nar": (200, self.body_headers, self.body),
        }
        return answers | dict(self.more)


def info(nar: bytes = NAR, base: str = BASE, *, signed: bool = True, **changes: str | None) -> str:
    """Return a narinfo; a change of None takes a field away. It is signed as what it is, whatever is changed."""
    lines: dict[str, str | None] = {
        "StorePath": f"{STORE}/{base}",
        "URL": "nar/x.nar",
        "Compression": "zstd",
        "NarHash": f"sha256:{hashlib.sha256(nar).hexdigest()}",
        "NarSize": str(len(nar)),
        "References": "",
    }
    lines |= changes
    text = "".join(f"{name}: {value}\n" for name, value in lines.items() if value is not None)
    references = ",".join(sorted({f"{STORE}/{path}" for path in (lines["References"] or "").split()}))
    digest = nixbase32.encode(hashlib.sha256(nar).digest())
    fingerprint = f"1;{STORE}/{base};sha256:{digest};{len(nar)};{references}"
    return text + f"Sig: main:{base64.b64encode(KEY.sign(fingerprint.encode())).decode()}\n" if signed else text


def said(text: str, body: bytes = zip_(NAR)) -> Case:
    """Return the case of a narinfo's text."""
    return Case(text.encode(), body)


def changed(old: str, new: str, text: str = "") -> Case:
    """Return the case of the good narinfo with a piece of it altered; the piece must be there."""
    text = text or info()
    assert old in text
    return said(text.replace(old, new, 1))


def of(nar: bytes) -> Case:
    """Return the case of another archive, or of what is none, rightly described."""
    return said(info(nar), zip_(nar))


def references(text: str) -> Case:
    """Return the case of these references, each of them in the cache too."""
    bases = [base for base in text.split(" ") if base.isascii() and len(base) > len(f"{'1' * 32}-")]
    more: dict[str, Answer] = {f"{base[:32]}.narinfo": (200, {}, info(base=base).encode()) for base in bases}
    return Case(info(References=text).encode(), more=more)


def addressed(ca: str, base: str = BASE, nar: bytes = NAR, *, signed: bool = True) -> Case:
    """Return the case of a content address."""
    return Case(info(nar, base, signed=signed, CA=ca).encode(), body=zip_(nar), base=base)


def located(url: str, place: str) -> Case:
    """Return the case of a URL: the archive lies at ``place`` alone."""
    return Case(info(URL=url).encode(), more={"nar/x.nar": (404, {}, b""), place: (200, {}, zip_(NAR))})


def moved(status: int, location: str, place: str) -> Case:
    """Return the case of a redirect of the archive."""
    return Case(info().encode(), more={"nar/x.nar": (status, {"Location": location}, b""), place: (200, {}, zip_(NAR))})


def packed(encoding: str, body: bytes, compression: str = "zstd") -> Case:
    """Return the case of a Content-Encoding on the archive."""
    return Case(info(Compression=compression).encode(), body=body, body_headers={"Content-Encoding": encoding})


def wrapped(encoding: str, text: bytes) -> Case:
    """Return the case of a Content-Encoding on the narinfo."""
    return Case(text, info_headers={"Content-Encoding": encoding})


HASH = hashlib.sha256(NAR)
BASE32, BASE64 = nixbase32.encode(HASH.digest()), base64.b64encode(HASH.digest()).decode()
ONE_FILE = b"".join(write(Regular(b"x" * 77)))
FILE_HASH = hashlib.sha256(b"x" * 77)
RECURSIVE = contentaddress.ContentAddress("fixed:r", "sha256", HASH.digest())
TEXT = contentaddress.ContentAddress("text", "sha256", FILE_HASH.digest())
FLAT = contentaddress.ContentAddress("fixed", "sha256", FILE_HASH.digest())
SHA1 = contentaddress.ContentAddress("fixed:r", "sha1", hashlib.sha1(NAR).digest())  # noqa: S324  # What CA may name.
ZERO = contentaddress.ContentAddress("fixed:r", "sha256", bytes(32))


def place_of(ca: contentaddress.ContentAddress) -> str:
    """Return the base name of the path that follows from a content address."""
    return ca.path(STORE, "c", (), itself=False).removeprefix(f"{STORE}/")


RIGHT = place_of(RECURSIVE)
DERIVER = f"{'d' * 32}-x"
GOOD = info().encode()
NAME_A = b"\1" + bytes(7) + b"a"

CASES: dict[str, Case] = {
    "good": said(info()),
    "unsigned": said(info(signed=False)),
    "another key's name": changed("Sig: main:", "Sig: other:"),
    "own signature is none": said(info() + "Sig: main:AAAA\n"),
    "another's signature is short": said(info() + "Sig: o:AAAA\n"),
    "another's signature is none": said(info() + "Sig: nothing\n"),
    "another's signature has no base 64": said(info() + "Sig: o:!!!!\n"),
    "signature behind two blanks": changed("Sig: ", "Sig:  "),
    # Lines
    "no newline at the end": said(info()[:-1]),
    "empty line at the end": said(info() + "\n"),
    "empty line within": changed("URL", "\nURL"),
    "line without a colon": said(info() + "hello\n"),
    "HTML": said("<!DOCTYPE html>\n"),
    "unknown field": said(info() + "X-Foo: bar\n"),
    "unknown field without a blank": said(info() + "X:y\n"),
    "field in small letters": changed("NarHash", "narhash"),
    "StorePath behind two blanks": changed("StorePath: ", "StorePath:  "),
    "StorePath without a blank": changed("StorePath: ", "StorePath:"),
    "StorePath with CR": changed(f"{BASE}\n", f"{BASE}\r\n"),
    "StorePath gone": said(info(StorePath=None)),
    "URL behind two blanks": changed("URL: ", "URL:  "),
    "URL with a blank at its end": changed("x.nar\n", "x.nar \n"),
    "URL without a blank": changed("URL: ", "URL:"),
    "URL empty": said(info(URL="")),
    "NarHash behind two blanks": changed("NarHash: ", "NarHash:  "),
    "NarSize behind two blanks": changed("NarSize: ", "NarSize:  "),
    "NarSize of nothing": said(info(NarSize="0")),
    "NarSize in hexadecimal": said(info(NarSize="0x1")),
    "NarSize negative": said(info(NarSize="-5")),
    "NarSize beyond 64 bits": said(info(NarSize="9" * 20)),
    "References behind two blanks": changed("References: ", "References:  "),
    "References without its blank": changed("References: ", "References:"),
    "References last, without its blank": said(info(References=None) + "References:\n"),
    "References gone": said(info(References=None)),
    "FileSize no number": said(info() + "FileSize: x\n"),
    "FileHash no hash": said(info() + "FileHash: x\n"),
    "FileSize of another": said(info() + "FileSize: 5\n"),
    "tab behind the colon": changed("NarSize: ", "NarSize:\t"),
    "two lines NarSize": said(info() + f"NarSize: {len(NAR)}\n"),
    "NarSize with a sign": said(info(NarSize=f"+{len(NAR)}")),
    "bytes that are no ASCII": Case(GOOD + b"X: \xff\n"),
    # Hashes
    "NarHash in base 32": said(info(NarHash=f"sha256:{BASE32}")),
    "NarHash in base 64": said(info(NarHash=f"sha256:{BASE64}")),
    "NarHash as SRI": said(info(NarHash=f"sha256-{BASE64}")),
    "NarHash in capitals": said(info(NarHash=f"sha256:{HASH.hexdigest().upper()}")),
    "NarHash of another kind": said(info(NarHash=f"md5:{'0' * 32}")),
    "NarHash without its kind": said(info(NarHash=HASH.hexdigest())),
    "NarHash of others": said(info(NarHash=f"sha256:{'0' * 64}")),
    "NarSize of others": said(info(NarSize=str(len(NAR) + 8))),
    "SRI without its padding": said(info(NarHash=f"sha256-{BASE64.rstrip('=')}")),
    # Names
    "name with a dot first": Case(info(base=f"{'c' * 32}-.gitignore").encode(), base=f"{'c' * 32}-.gitignore"),
    "name of 211": Case(info(base=f"{'c' * 32}-{'x' * 211}").encode(), base=f"{'c' * 32}-{'x' * 211}"),
    "store of others": said(info(StorePath=f"/gnu/store/{BASE}")),
    "path of another": said(info(StorePath=f"{STORE}/{'d' * 32}-c")),
    "path below a path": said(info(StorePath=f"{STORE}/{BASE}/bin")),
    "reference with a dot first": references(f"{'1' * 32}-.gitignore"),
    "reference with odd letters": references(f"{'1' * 32}-=?x"),
    "two references, unsorted": references(f"{'2' * 32}-y {OTHER}"),
    "one reference twice": references(f"{OTHER} {OTHER}"),
    "reference with an empty name": references(f"{'1' * 32}-"),
    "reference with a name of 212": references(f"{'1' * 32}-{'x' * 212}"),
    "reference with a comma": references(f"{OTHER},y"),
    "reference as a full path": references(f"{STORE}/{OTHER}"),
    "reference of no base 32": references(f"{'e' * 32}-x"),
    "name of a dot": Case(info(base=f"{'c' * 32}-.").encode(), base=f"{'c' * 32}-."),
    # Deriver
    "Deriver": said(info(Deriver=f"{DERIVER}.drv")),
    "Deriver with a dot first": said(info(Deriver=f"{'d' * 32}-.drv")),
    "Deriver unknown": said(info(Deriver="unknown-deriver")),
    "Deriver empty": said(info(Deriver="")),
    "Deriver as a full path": said(info(Deriver=f"{STORE}/{DERIVER}.drv")),
    "Deriver behind two blanks": said(info(Deriver=f" {DERIVER}.drv")),
    "Deriver without a name": said(info(Deriver="d" * 32)),
    # CA
    "CA of the archive": addressed(f"fixed:r:sha256:{BASE32}", RIGHT),
    "CA in hexadecimal": addressed(f"fixed:r:sha256:{HASH.hexdigest()}", RIGHT),
    "CA in base 64": addressed(f"fixed:r:sha256:{BASE64}", RIGHT),
    "CA empty": addressed(""),
    "CA of others": addressed(f"fixed:r:sha256:{'0' * 52}", RIGHT),
    "CA of others, and its path": addressed(f"fixed:r:sha256:{'0' * 52}", place_of(ZERO)),
    "CA of another path": addressed(f"fixed:r:sha256:{BASE32}"),
    "CA of a file": addressed(f"fixed:sha256:{FILE_HASH.hexdigest()}", place_of(FLAT), ONE_FILE),
    "CA of a file, another path": addressed(f"fixed:sha256:{FILE_HASH.hexdigest()}", BASE, ONE_FILE),
    "CA of a text": addressed(f"text:sha256:{FILE_HASH.hexdigest()}", place_of(TEXT), ONE_FILE),
    "CA by SHA-1": addressed(f"fixed:r:sha1:{SHA1.digest.hex()}", place_of(SHA1)),
    "CA by SHA-1, another path": addressed(f"fixed:r:sha1:{SHA1.digest.hex()}"),
    "CA of a text by SHA-1": addressed(f"text:sha1:{SHA1.digest.hex()}"),
    "CA of another method": addressed(f"recursive:sha256:{BASE32}", RIGHT),
    "CA without its kind": addressed("fixed:r:sha256", RIGHT),
    "CA with a blank": addressed(f" fixed:r:sha256:{BASE32}", RIGHT),
    "CA twice": addressed(f"fixed:r:sha256:{BASE32}\nCA: fixed:r:sha256:{BASE32}", RIGHT),
    "CA of the archive, unsigned": addressed(f"fixed:r:sha256:{BASE32}", RIGHT, signed=False),
    # URL
    "URL with a slash first": located("/nar/y", "/nar/y"),
    "URL with a slash first, elsewhere": located("/nar/y", "nar/y"),
    "URL with two slashes first": located("//host/y", "//host/y"),
    "URL with dots": located("./nar/../nar/y", "nar/y"),
    "URL with a fragment": located("nar/y#z", "nar/y"),
    "URL with a percent": Case(
        info(URL="nar/%79").encode(),  # Nix 2.34 asks for nar/y, which is the same place (RFC 3986, 6.2.2.2).
        more={"nar/x.nar": (404, {}, b""), "nar/%79": (200, {}, zip_(NAR)), "nar/y": (200, {}, zip_(NAR))},
    ),
    "URL with a percent alone": located("nar/%y", "nar/%y"),
    "URL with brackets": located("nar/[y]", "nar/[y]"),
    "URL with a blank": located("nar/y y", "nar/y%20y"),
    "URL with a scheme in capitals": located("HTTP://127.0.0.1:1/y", "nar/y"),
    # Redirects
    **{f"redirect {status}": moved(status, "/main/nar/y", "nar/y") for status in (301, 302, 303, 307, 308)},
    "redirect beside it": moved(302, "y", "nar/y"),
    "redirect in a circle": moved(302, "x.nar", "nar/y"),
    "redirect to a file": moved(302, "file:///etc/hosts", "nar/y"),
    "narinfo elsewhere": Case(
        GOOD, more={f"{'c' * 32}.narinfo": (308, {"Location": "/main/i"}, b""), "i": (200, {}, GOOD)}
    ),
    # Content-Encoding
    "narinfo gzip": wrapped("gzip", gzip.compress(GOOD)),
    "narinfo br": wrapped("br", brotli.compress(GOOD)),
    "narinfo zstd": wrapped("zstd", zip_(GOOD)),
    "narinfo gzip under another name": wrapped("x-gzip", gzip.compress(GOOD)),
    "narinfo zstd named gzip": wrapped("gzip", zip_(GOOD)),
    "narinfo none": wrapped("none", GOOD),
    **{
        f"narinfo {encoding}, not applied": wrapped(encoding, GOOD)
        for encoding in ("gzip", "br", "zstd", "identity", "aws-chunked")
    },
    "narinfo deflate": wrapped("deflate", zlib.compress(GOOD)),
    "narinfo bzip2": wrapped("bzip2", bz2.compress(GOOD)),
    "body br": packed("br", brotli.compress(zip_(NAR))),
    "body br over nothing": packed("br", brotli.compress(NAR), "none"),
    "body gzip": packed("gzip", gzip.compress(zip_(NAR))),
    "body zstd": packed("zstd", zip_(zip_(NAR))),
    "body none": packed("none", zip_(NAR)),
    **{
        f"body {encoding}, not applied": packed(encoding, zip_(NAR))
        for encoding in ("gzip", "br", "zstd", "identity", "aws-chunked")
    },
    "body identity over nothing": packed("identity", NAR, "none"),
    "body gzip over nothing": packed("gzip", gzip.compress(NAR), "none"),
    # Compression
    "none": said(info(Compression="none"), NAR),
    "none, cut": said(info(Compression="none"), NAR[:-8]),
    "zstd for none": said(info(Compression="none")),
    "none for zstd": said(info(), NAR),
    "zstd of two frames": said(info(), zip_(NAR[:HALF]) + zip_(NAR[HALF:])),
    "zstd and garbage": said(info(), zip_(NAR) + b"garbage"),
    "zstd, cut": said(info(), zip_(NAR)[:-3]),
    "nothing at all": said(info(), b""),
    "xz of two streams": said(info(Compression="xz"), lzma.compress(NAR[:HALF]) + lzma.compress(NAR[HALF:])),
    "xz and garbage": said(info(Compression="xz"), lzma.compress(NAR) + b"garb"),
    "xz, cut": said(info(Compression="xz"), lzma.compress(NAR)[:-4]),
    "brotli": said(info(Compression="br"), brotli.compress(NAR)),
    "brotli of two chunks": said(info(Compression="br"), brotli.compress(NAR[:HALF]) + brotli.compress(NAR[HALF:])),
    "none for brotli": said(info(Compression="br"), NAR),
    "brotli and garbage": said(info(Compression="br"), brotli.compress(NAR) + b"garbage"),
    "zstd for xz": said(info(Compression="xz")),
    "compression unknown": said(info(Compression="rot13")),
    "zstd and an archive more": said(info(), zip_(NAR) * 2),
    "zstd with a frame to skip": said(info(), zip_(NAR) + bytes.fromhex("502a4d180400000061626364")),
    "none, and bytes more": said(info(Compression="none"), NAR + bytes(8)),
    # Archives
    "bytes behind the archive": of(NAR + bytes(8)),
    "no archive": of(b"this is no archive\n" * 10),
    "archive, cut": of(NAR[:-16]),
    "archive with a slash in a name": of(NAR.replace(NAME_A, NAME_A[:-1] + b"/", 1)),
    "archive with the name dot": of(NAR.replace(NAME_A, NAME_A[:-1] + b".", 1)),
    "archive with padding that is none": of(NAR.replace(b"x" * 77 + bytes(3), b"x" * 77 + b"\0\0\1")),
    "archive out of order": of(NAR.replace(NAME_A, NAME_A[:-1] + b"c", 1)),
    "another byte": said(info(), zip_(NAR.replace(b"hello", b"hellO", 1))),
}

STRICTER: Mapping[str, str] = {
    "tab behind the colon": "Nix passes over any one character; a blank stands there in what Attic and Nix write",
    "two lines NarSize": "Nix takes the last one, other clients the first: Attic writes each field once",
    "NarSize with a sign": "Attic writes digits alone, and Nix takes it by the way its library reads numbers",
    "bytes that are no ASCII": "Attic writes none in a narinfo: something between altered it",
    "SRI without its padding": "no SRI (RFC 4648, 3.2); Attic writes hexadecimal",
    "name of a dot": "Nix 2.26 refuses it",
    "CA of the archive, unsigned": "Nix needs no signature for it; the contract promises one of the pinned key",
    "narinfo gzip under another name": "Nix 2.26 goes by the name, and knows none of this one",
    "narinfo zstd named gzip": "as above",
    "narinfo bzip2": "no encoding of HTTP: Nix 2.8 guesses it from the bytes, by the library it was built with",
    "body gzip over nothing": "Nix 2.8 guesses it from the bytes; asked for identity, a cache sends it so",
    "brotli and garbage": "Nix ends with the first stream; Attic sends another only for another chunk",
    "zstd for xz": "Nix 2.8 guesses it from the bytes; Nix 2.3, and who reads Compression, can't",
    "compression unknown": "as above",
    "zstd and an archive more": "Nix ends with the archive, and never sees what follows; NarSize promises less",
    "zstd with a frame to skip": "Attic sends none: something between added it",
    "none, and bytes more": "Nix ends with the archive; NarSize promises less",
    "archive out of order": "Nix 2.8 does not look at the order, later ones do; no Nix writes it",
}
"""What ours refuses and Nix 2.8 takes, each with its reason. The other way there is nothing."""

NEWER: dict[str, bool] = {
    "name of a dot": False,
    "narinfo gzip under another name": False,
    "narinfo zstd named gzip": False,
    "body gzip": True,
    "zstd for xz": False,
    "compression unknown": False,
    "archive out of order": False,
}
"""Whether Nix 2.26 takes what it judges otherwise than Nix 2.8. What one of the two refuses is refused by ours."""

LENIENT: Mapping[str, str] = {
    "another's signature is none": "Nix 2.34 reads each signature, older ones only those of their keys",
    "another's signature has no base 64": "as above",
    "URL with a slash first": "Nix 2.34 asks the host for it; older ones append it to the cache's URL as text",
    "URL with two slashes first": "as above: another host",
    "URL with a percent alone": "Nix 2.34 refuses what is no URL by RFC 3986",
    "URL with brackets": "as above",
}
"""What ours takes, as Nix 2.8 and 2.26 do, and Nix 2.34 refuses. Attic writes none of it."""

NEWEST: dict[str, bool] = {
    **NEWER,
    **dict.fromkeys(LENIENT, False),
    "narinfo gzip under another name": True,
    "narinfo identity, not applied": True,
    "narinfo deflate": True,
    "narinfo bzip2": False,
    "body zstd": True,
    "body identity, not applied": True,
    "body identity over nothing": True,
}
"""Whether Nix 2.34 takes what it judges otherwise than Nix 2.8. Ours goes by Nix 2.8 and 2.26."""
