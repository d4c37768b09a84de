"""What Attic answers on its surfaces: cache info, keys, narinfos, misses, refusals. Archives stand in observed/archive.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_gf.engine.trouble import Cause, Observed, Trouble

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
class CacheInfo(Observed):
    """nix-cache-info of one surface. Statements S010, S011."""

    said: Said

    promises = "nix-cache-info answers 200 with StoreDir /nix/store"

    @property
    def seen(self) -> str:
        what = "no nix-cache-info" if self.said.fields is None else str(dict(self.said.fields))
        return f"{self.said.surface}: {self.said}, {what}"

    def trouble(self) -> Trouble | None:
        if self.said.status == OK and (self.said.fields or {}).get("StoreDir") == "/nix/store":
            return None
        step = f"is the address Attic's, and the cache's name right? {SUBSTITUTE}"
        if self.said.status == PRIVATE:
            says = "the cache is private or unknown here: 401 without a token"
            return Trouble(Cause("cache-private", "attic"), says, step)
        says = f"the cache does not say that it serves /nix/store: {self.said}"
        if self.said.fields is None:
            says = "something answers that is no Nix cache"
        return Trouble(Cause("no-nix-cache", "attic"), says, step)


@dataclass(frozen=True)
class PublicRead(Observed):
    """What somebody without a token may read. Statement S022.

    ``is_public`` is what cache-config says, None where it says nothing. A proxy may strip the header that says the same.
    """

    surface: str
    answers: Mapping[str, Said]
    is_public: bool | None = None

    promises = "cache and narinfos are read without a token, and the cache says that it is public"

    @property
    def seen(self) -> str:
        def visibility(said: Said) -> str:
            return "" if said.public is None else f" ({'public' if said.public else 'private'})"

        config = "" if self.is_public is None else f"; cache-config: is_public {str(self.is_public).lower()}"
        answers = "; ".join(f"{name} {said}{visibility(said)}" for name, said in self.answers.items())
        return f"{self.surface}: {answers}{config}"

    def trouble(self) -> Trouble | None:
        """Return None where no answer asked for a token, none calls itself private, and one says that the cache is public."""
        asked = [name for name, said in self.answers.items() if said.status in {PRIVATE, REFUSED}]
        words = [self.is_public, *(said.public for said in self.answers.values())]
        if not asked and any(words) and False not in words:
            return None
        says = "the cache does not call itself public"
        if asked:
            why = "the cache is private, or this surface knows no such cache"
            says = f"a token is asked for ({', '.join(asked)}): {why}"
        step = "make the cache public again (attic cache configure --public); runners read without a token"
        return Trouble(Cause("cache-private", "attic"), says, step)


@dataclass(frozen=True)
class Family(Observed):
    """Both surfaces side by side: keys, and what they say of the same store paths. Statement S011."""

    keys: Mapping[str, str]
    narinfos: Mapping[str, Mapping[str, str]]

    @property
    def promised(self) -> str:
        return f"{' and '.join(self.keys)} are one cache: one public key, and one narinfo for each path"

    @property
    def seen(self) -> str:
        keys = "; ".join(f"{surface} {key or 'no key'}" for surface, key in self.keys.items())
        return f"keys: {keys}; narinfos that differ: {', '.join(self._different()) or 'none'} of {', '.join(self._names())}"

    def trouble(self) -> Trouble | None:
        one_key = len(set(self.keys.values())) == 1
        if one_key and not self._different():
            return None
        without = [surface for surface, key in self.keys.items() if not key]
        says = f"two cache families: the surfaces give {'other narinfos' if one_key else 'another key'}"
        if without:
            says = f"{', '.join(without)} gives no public key, and the other surface does"
        step = f"see where the HTTPS name leads (gateway, DNS); {SUBSTITUTE}"
        return Trouble(Cause("two-caches", "attic"), says, step)

    def _names(self) -> list[str]:
        return sorted({name for infos in self.narinfos.values() for name in infos})

    def _different(self) -> list[str]:
        return [name for name in self._names() if len({infos.get(name, "") for infos in self.narinfos.values()}) > 1]


@dataclass(frozen=True)
class Pinned(Observed):
    """The key that a surface publishes, and the one that the target pins."""

    surface: str
    published: str
    pinned: str

    promises = "the cache publishes {self.pinned}"

    @property
    def seen(self) -> str:
        return f"{self.surface}: {self.published or 'no key'}"

    def trouble(self) -> Trouble | None:
        if self.published == self.pinned:
            return None
        because = (Cause("two-caches", "attic"),)
        if not self.published:
            step = f"does Attic answer here, or something before it? {SUBSTITUTE}"
            says = "cache-config answers 200, and gives no public key"
            return Trouble(Cause("no-nix-cache", "attic"), says, step, because)
        says = "the cache's key is not the pinned one: every client that pins it refuses what is signed now"
        step = "was the key rotated (S026)? then pin the new one everywhere; if not, another cache answers here"
        return Trouble(Cause("other-key", "attic"), says, step, because)


@dataclass(frozen=True)
class Signed(Observed):
    """A narinfo and the pinned key."""

    surface: str
    info: NarInfo
    key: PublicKey

    promises = "the narinfo of {self.info.store_path} carries a good signature of {self.key.name}"

    @property
    def seen(self) -> str:
        names = ", ".join(signature.name for signature in self.info.signatures) or "none"
        return f"{self.surface}: signatures: {names}; fingerprint {self.info.fingerprint[:200]}"

    def trouble(self) -> Trouble | None:
        if self.info.signed_by(self.key):
            return None
        says = "the signature is not the pinned key's: another key signed, or a signed field was altered"
        if not self.info.signatures:
            says = "the narinfo carries no signature"
        elif self.key.name not in {signature.name for signature in self.info.signatures}:
            says = f"nobody signed under the name {self.key.name}; Nix wants key and name to match"
        step = f"compare with attic.key-pinned; {SUBSTITUTE}"
        because = (Cause("other-key", "attic"), Cause("two-caches", "attic"))
        return Trouble(Cause("not-signed", "attic"), says, step, because)


@dataclass(frozen=True)
class Miss(Observed):
    """The answer to a store hash that nobody ever pushed. Statement S124."""

    said: Said
    store_hash: str

    promises = "a path that is not there is 404, so that Nix goes on to build it"
    sees = "{self.said.surface}: narinfo of {self.store_hash}: {self.said}"

    def trouble(self) -> Trouble | None:
        if self.said.status == NOT_FOUND:
            return None
        says = f"a path that is not there was answered with an error: {self.said}"
        if self.said.status == OK:
            says = "the cache claims to have a path that nobody pushed"
        step = "see Attic's log and its database; until then builds need --fallback"
        return Trouble(Cause("miss-not-clean", "attic"), says, step, (Cause("no-nix-cache", "attic"),))


@dataclass(frozen=True)
class AnonymousPush(Observed):
    """The answer to get-missing-paths without a token: it needs the right to push, and changes nothing. Statement S023.

    The fact gives it only where the answer says one or the other: a refusal in Attic's own form, or what was asked for.
    """

    said: Said

    promises = "who has no token is refused by Attic where the right to push is needed"
    sees = "{self.said.surface}: get-missing-paths {self.said}"

    def trouble(self) -> Trouble | None:
        if self.said.status in {REFUSED, PRIVATE}:
            return None
        says = "anybody may push to the cache: it tells somebody without a token which paths are missing"
        step = "take the anonymous right away, then distrust what was pushed since: signatures are the cache's own"
        return Trouble(Cause("anonymous-allowed", "attic"), says, step)


@dataclass(frozen=True)
class Place(Observed):
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

    promises = "{self.surface} is {self.contract}, and its cache is {self.contract_cache}"

    @property
    def is_contracts(self) -> bool:
        """Whether the address is the contract's, to the letter but for a slash at its end."""
        return self.address.rstrip("/") == self.contract.rstrip("/")

    @property
    def seen(self) -> str:
        local = ", this machine's own: a forward, or the lab" if self.is_local else ""
        sent = f"; cache-config sends clients to {self.substituter}" if self.substituter else ""
        return f"[attic] says {self.address}{local}, cache {self.cache}{sent}"

    def trouble(self) -> Trouble | None:
        target = f'give [attic] of the target {self.surface} = "{self.contract}" and cache = "{self.contract_cache}"'
        asked = Cause("other-address", "attic")
        if self.retired:
            return Trouble(asked, f"{self.address} is out of contract: {self.retired}", target)
        if self.cache != self.contract_cache:
            says = f"the target asks the cache {self.cache}, and the contract promises {self.contract_cache}"
            return Trouble(asked, says, target)
        if not self.is_contracts and not self.is_local:
            return Trouble(asked, f"{self.address} is not the address that is promised for {self.surface}", target)
        sends = self._sends_elsewhere()
        step = f"see what rewrites the path before Attic, and its substituter endpoint; {SUBSTITUTE}"
        return Trouble(Cause("sends-elsewhere", "attic"), sends, step) if sends else None

    def _sends_elsewhere(self) -> str:
        sent = self.substituter
        if sent and sent.rstrip("/").rpartition("/")[2] != self.contract_cache:
            return f"the cache that answers is another than {self.contract_cache}: it sends clients to {sent}"
        if sent and (urlsplit(sent).hostname or "") not in self.known:
            return f"the cache sends clients to {sent}, which nobody promised"
        return ""
