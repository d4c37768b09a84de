"""What Attic answers on its surfaces: cache info, keys, narinfos, misses, refusals. Archives stand in observed/archive.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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
    more: str = ""
    """What came besides: a redirect that was not followed, a body that can't be read."""

    def __str__(self) -> str:
        return f"{self.status} {self.error}".strip() + self.more


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
    """What somebody without a token may read. Statement S022.

    ``is_public`` is cache-config's own word, None where it says none: a proxy may strip the header that says so.
    """

    surface: str
    answers: Mapping[str, Said]
    is_public: bool | None = None

    @property
    def open(self) -> bool:
        """Whether no answer asked for a token, none calls itself private, and the cache was there."""
        refused = any(each.status in {PRIVATE, REFUSED} or each.public is False for each in self.answers.values())
        said = self.is_public or any(each.public for each in self.answers.values())
        return not refused and self.is_public is not False and bool(said)

    @property
    def promised(self) -> str:
        return "cache and narinfos are read without a token, and the cache says that it is public"

    @property
    def seen(self) -> str:
        def visibility(said: Said) -> str:
            return "" if said.public is None else f" ({'public' if said.public else 'private'})"

        config = "" if self.is_public is None else f"; cache-config: is_public {str(self.is_public).lower()}"
        answers = "; ".join(f"{name} {said}{visibility(said)}" for name, said in self.answers.items())
        return f"{self.surface}: {answers}{config}"

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
        without = [surface for surface, key in self.keys.items() if not key]
        if without:
            return f"{', '.join(without)} gives no public key, and the other surface does"
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
        if self.same:
            return ""
        if not self.published:
            return "cache-config answers 200, and gives no public key"
        return "the cache's key is not the pinned one: every client that pins it refuses what is signed now"

    @property
    def next_step(self) -> str:
        if self.same:
            return ""
        if not self.published:
            return f"does Attic answer here, or something before it? {SUBSTITUTE}"
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
    """The answer to get-missing-paths without a token: it needs the right to push, and changes nothing. Statement S023.

    The fact gives it only where the answer says one or the other: a refusal in Attic's own form, or what was asked for.
    """

    said: Said

    @property
    def refused(self) -> bool:
        return self.said.status in {REFUSED, PRIVATE}

    @property
    def promised(self) -> str:
        return "who has no token is refused by Attic where the right to push is needed"

    @property
    def seen(self) -> str:
        return f"{self.said.surface}: get-missing-paths {self.said}"

    @property
    def diagnosis(self) -> str:
        return (
            ""
            if self.refused
            else "anybody may push to the cache: it tells somebody without a token which paths are missing"
        )

    @property
    def next_step(self) -> str:
        if self.refused:
            return ""
        return "take the anonymous right away, then distrust what was pushed since: signatures are the cache's own"


@dataclass(frozen=True)
class Place:
    """Where a surface is asked, beside the contract's address and cache; what the cache says of itself. Statements S010, S011, S021.

    ``is_local``: the address is this machine's own, a forward or the lab. ``substituter`` is where cache-config sends
    clients, "" where it says nothing.
    """

    surface: str
    address: str
    cache: str
    contract: str
    contract_cache: str
    is_local: bool = False
    retired: str = ""
    substituter: str = ""
    known: tuple[str, ...] = ()
    """Hosts that cache-config may name: the contract's and the target's."""

    @property
    def is_contracts(self) -> bool:
        """Whether the address is the contract's, to the letter but for a slash at its end."""
        return self.address.rstrip("/") == self.contract.rstrip("/")

    @property
    def as_promised(self) -> bool:
        return not self.diagnosis

    @property
    def promised(self) -> str:
        return f"{self.surface} is {self.contract}, and its cache is {self.contract_cache}"

    @property
    def seen(self) -> str:
        local = ", this machine's own: a forward, or the lab" if self.is_local else ""
        told = f"; cache-config sends clients to {self.substituter}" if self.substituter else ""
        return f"[attic] says {self.address}{local}, cache {self.cache}{told}"

    @property
    def diagnosis(self) -> str:
        if self.retired:
            return f"{self.address} is out of contract: {self.retired}"
        if self.cache != self.contract_cache:
            return f"the target asks the cache {self.cache}, and the contract promises {self.contract_cache}"
        if not self.is_contracts and not self.is_local:
            return f"{self.address} is not the address that is promised for {self.surface}"
        if self.substituter and self.substituter.rstrip("/").rpartition("/")[2] != self.contract_cache:
            return (
                f"the cache that answers is another than {self.contract_cache}: it sends clients to {self.substituter}"
            )
        if self.substituter and (urlsplit(self.substituter).hostname or "") not in self.known:
            return f"the cache sends clients to {self.substituter}, which nobody promised"
        return ""

    @property
    def next_step(self) -> str:
        if self.as_promised:
            return ""
        if self.cache == self.contract_cache and (self.is_contracts or self.is_local) and not self.retired:
            return f"see what rewrites the path before Attic, and its substituter endpoint; {SUBSTITUTE}"
        return f'give [attic] of the target {self.surface} = "{self.contract}" and cache = "{self.contract_cache}"'
