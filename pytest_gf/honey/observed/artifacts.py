"""Attic's artifacts: keys, token and credential. Each is a value of its own. Statement S025."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_gf.engine.trouble import Cause, Observed, Trouble
from pytest_gf.honey.formats.prints import Print


@dataclass(frozen=True)
class Kept:
    """One artifact: ``says`` names it, ``prints`` are by the place where a value of it was read, ``unseen`` says what was not read.

    ``public`` is the public half of a signing key that was read, "" for anything else.
    """

    says: str
    prints: Mapping[str, Print] = field(repr=False)
    unseen: tuple[str, ...] = ()
    public: str = ""


@dataclass(frozen=True)
class Apart(Observed):
    """One artifact beside the others, its own value read in ``places``.

    ``shared`` are pairs of places that hold one value, ``sharers`` the artifacts behind them.
    ``beside`` names the artifacts that it was compared with, ``unseen`` what could not be read. ``stranger`` is the public half of
    the signing key where the pinned one is another.
    """

    artifact: str
    places: tuple[str, ...]
    beside: tuple[str, ...]
    unseen: tuple[str, ...]
    shared: tuple[str, ...]
    stranger: str = ""
    sharers: tuple[str, ...] = ()

    promises = "{self.artifact} is an artifact of its own: no other place holds its value, base64 of it, or a cut of it"

    @property
    def seen(self) -> str:
        unseen = f"; not compared: {'; '.join(self.unseen)}" if self.unseen else ""
        return f"{self.artifact} in {', '.join(self.places)}, compared with {', '.join(self.beside)}{unseen}"

    def trouble(self) -> Trouble | None:
        if self.shared:
            says = f"{self.artifact} is no artifact of its own: one value, or base64 or a cut of it, stands in {'; and in '.join(self.shared)}"
            step = "make a new value for one of them, and rotate both: whoever holds the one holds the other (credentials.rotation)"
            return Trouble(Cause("artifact-shared", " and ".join(self.sharers)), says, step)
        if self.stranger:
            says = f"the signing key's public half is {self.stranger}, and the pinned one is another"
            step = "was the key rotated? then pin the new one everywhere (attic.key-pinned)"
            return Trouble(Cause("other-key"), says, step)
        return None


def apart(artifact: str, kept: Mapping[str, Kept], pinned: str | None = None) -> Apart:
    """Return one artifact of all beside the others; ``pinned`` is the public key that clients trust."""
    own = kept[artifact]
    others = {name: other for name, other in kept.items() if name != artifact}
    shared = {
        f"{place} and {there}": other.says
        for place, mine in own.prints.items()
        for other in others.values()
        for there, theirs in other.prints.items()
        if mine.shares(theirs)
    }
    unseen = [f"{other.says} ({', '.join(other.unseen)})" for other in others.values() if not other.prints]
    return Apart(
        own.says,
        tuple(own.prints),
        tuple(other.says for other in others.values() if other.prints),
        (*own.unseen, *unseen),
        tuple(shared),
        own.public if own.public and pinned is not None and own.public != pinned else "",
        tuple(sorted({own.says, *shared.values()})),
    )
