"""What Attic answers on its surfaces: cache info, keys, narinfos, misses, refusals. Archives stand in observed/archive.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_gf.honey.formats.narinfo import NarInfo, PublicKey

NOT_FOUND, REFUSED, PRIVATE = 404, 403, 401
OK = 200
SUBSTITUTE = "nothing may be substituted from it until this is known: keep --fallback"


@dataclass(frozen=True)
class Said:
    """One answer of a surface: ``status``, Attic's ``error`` name, and what was understood of its body."""

    surface: str
    status: int
    error: str = ""
    fields: Mapping[str, str] | None = None
    """None where the body is not what was asked for."""
    public: bool | None = None
    """What the visibility header says, None where there is none."""

    def __str__(self) -> str:
        return f"{self.status} {self.error}".strip()


@dataclass(frozen=True)
class CacheInfo:
    """nix-cache-info of one surface. Statements S010, S011."""

    said: Said

    @property
    def answers(self) -> bool:
        return self.said.status == OK and (self.said.fields or {}).get("StoreDir") == "/nix/store"

    @property
    def promised(self) -> str:
        return "nix-cache-info answers 200 with StoreDir /nix/store"

    @property
    def seen(self) -> str:
        what = "no nix-cache-info" if self.said.fields is None else str(dict(self.said.fields))
        return f"{self.said.surface}: {self.said}, {what}"

    @property
    def diagnosis(self) -> str:
        if self.answers:
            return ""
        if self.said.status == PRIVATE:
            return "the cache is private or unknown here: 401 without a token"
        if self.said.fields is None:
            return "something answers that is no Nix cache"
        return f"the cache does not say that it serves /nix/store: {self.said}"

    @property
    def next_step(self) -> str:
        return "" if self.answers else f"is the address Attic's, and the cache's name right? {SUBSTITUTE}"


@dataclass(frozen=True)
class PublicRead:
    """What somebody without a token may read. Statement S022."""

    surface: str
    answers: Mapping[str, Said]

    @property
    def open(self) -> bool:
        """Whether no answer asked for a token, none calls itself private, and the cache was there."""
        refused = any(each.status in {PRIVATE, REFUSED} or each.public is False for each in self.answers.values())
        return not refused and any(each.status == OK and each.public for each in self.answers.values())

    @property
    def promised(self) -> str:
        return "cache and narinfos are read without a token, and the cache says that it is public"

    @property
    def seen(self) -> str:
        def visibility(said: Said) -> str:
            return "" if said.public is None else f" ({'public' if said.public else 'private'})"

        return f"{self.surface}: " + "; ".join(
            f"{name} {said}{visibility(said)}" for name, said in self.answers.items()
        )

    @property
    def diagnosis(self) -> str:
        if self.open:
            return ""
        asked = [name for name, said in self.answers.items() if said.status in {PRIVATE, REFUSED}]
        if asked:
            return (
                f"a token is asked for: {', '.join(asked)}: the cache is private, or this surface knows no such cache"
            )
        return "the cache does not call itself public"

    @property
    def next_step(self) -> str:
        return (
            ""
            if self.open
            else "make the cache public again (attic cache configure --public); runners read without a token"
        )


@dataclass(frozen=True)
class Family:
    """Both surfaces side by side: keys, and what they say of the same store paths. Statement S011."""

    keys: Mapping[str, str]
    narinfos: Mapping[str, Mapping[str, str]]

    @property
    def same(self) -> bool:
        return len(set(self.keys.values())) == 1 and not self._different()

    @property
    def promised(self) -> str:
        return f"{' and '.join(self.keys)} are one cache: one public key, and one narinfo for each path"

    @property
    def seen(self) -> str:
        keys = "; ".join(f"{surface} {key or 'no key'}" for surface, key in self.keys.items())
        return f"keys: {keys}; narinfos that differ: {', '.join(self._different()) or 'none'} of {', '.join(self._names())}"

    @property
    def diagnosis(self) -> str:
        if self.same:
            return ""
        what = "other narinfos" if len(set(self.keys.values())) == 1 else "another key"
        return f"two cache families: the surfaces give {what}"

    @property
    def next_step(self) -> str:
        return "" if self.same else f"see where the HTTPS name leads (gateway, DNS); {SUBSTITUTE}"

    def _names(self) -> list[str]:
        return sorted({name for found in self.narinfos.values() for name in found})

    def _different(self) -> list[str]:
        return [name for name in self._names() if len({found.get(name, "") for found in self.narinfos.values()}) > 1]


@dataclass(frozen=True)
class Pinned:
    """The key that a surface publishes, and the one that the target pins."""

    surface: str
    published: str
    pinned: str

    @property
    def same(self) -> bool:
        return self.published == self.pinned

    @property
    def promised(self) -> str:
        return f"the cache publishes {self.pinned}"

    @property
    def seen(self) -> str:
        return f"{self.surface}: {self.published or 'no key'}"

    @property
    def diagnosis(self) -> str:
        return (
            ""
            if self.same
            else "the cache's key is not the pinned one: every client that pins it refuses what is signed now"
        )

    @property
    def next_step(self) -> str:
        if self.same:
            return ""
        return "was the key rotated (S026)? then pin the new one everywhere; if not, another cache answers here"


@dataclass(frozen=True)
class Signed:
    """A narinfo and the pinned key."""

    surface: str
    info: NarInfo
    key: PublicKey

    @property
    def good(self) -> bool:
        return self.info.signed_by(self.key)

    @property
    def promised(self) -> str:
        return f"the narinfo of {self.info.store_path} carries a good signature of {self.key.name}"

    @property
    def seen(self) -> str:
        names = ", ".join(each.name for each in self.info.signatures) or "none"
        return f"{self.surface}: signatures: {names}; fingerprint {self.info.fingerprint[:200]}"

    @property
    def diagnosis(self) -> str:
        if self.good:
            return ""
        if not self.info.signatures:
            return "the narinfo carries no signature"
        if self.key.name not in {each.name for each in self.info.signatures}:
            return f"nobody signed under the name {self.key.name}; Nix wants key and name to match"
        return "the signature is not the pinned key's: another key signed, or a signed field was altered"

    @property
    def next_step(self) -> str:
        return "" if self.good else f"compare with attic.key-pinned; {SUBSTITUTE}"


@dataclass(frozen=True)
class Miss:
    """The answer to a store hash that nobody ever pushed. Statement S124."""

    said: Said
    store_hash: str

    @property
    def clean(self) -> bool:
        return self.said.status == NOT_FOUND

    @property
    def promised(self) -> str:
        return "a path that is not there is 404, so that Nix goes on to build it"

    @property
    def seen(self) -> str:
        return f"{self.said.surface}: narinfo of {self.store_hash}: {self.said}"

    @property
    def diagnosis(self) -> str:
        if self.clean:
            return ""
        if self.said.status == OK:
            return "the cache claims to have a path that nobody pushed"
        return f"a miss is no clean miss: {self.said}"

    @property
    def next_step(self) -> str:
        return "" if self.clean else "see Attic's log and its database; until then builds need --fallback"


@dataclass(frozen=True)
class AnonymousPush:
    """The answer to get-missing-paths without a token: it needs the right to push, and changes nothing. Statement S023."""

    said: Said

    @property
    def refused(self) -> bool:
        return self.said.status == REFUSED

    @property
    def promised(self) -> str:
        return "who has no token is refused with 403 where the right to push is needed"

    @property
    def seen(self) -> str:
        return f"{self.said.surface}: get-missing-paths {self.said}"

    @property
    def diagnosis(self) -> str:
        if self.refused:
            return ""
        if self.said.status == OK:
            return "anybody may push to the cache"
        return f"no refusal came back: {self.said}"

    @property
    def next_step(self) -> str:
        if self.refused:
            return ""
        return "take the anonymous right away, then distrust what was pushed since: signatures are the cache's own"
