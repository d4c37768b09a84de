"""``-m publication``: a push to Attic, read back, and what S3 lists after it: the counterpart of the manual workflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_gf.engine.house import BadInput, Given, Option, Selection
from pytest_gf.engine.run import Run
from pytest_gf.honey import clients, closures
from pytest_gf.honey.formats import closure
from pytest_gf.honey.vantage import READ_ONLY

MARKER = "publication"
ONE_PATH = "one-path"
PROFILES: Mapping[str, str] = {
    ONE_PATH: "probe-attic-publication",
    "small-check": "probe-attic-publication-small-check",
    "medium-check": "probe-attic-publication-medium-check",
}
"""By profile, the word that --gf-confirm must say for it."""
PROVES: Mapping[str, str] = {ONE_PATH: "S032~", "small-check": "S033~", "medium-check": "S034~"}
"""By profile, what its rows show in part: a clean small one says nothing of a larger (S038)."""


@dataclass(frozen=True)
class PushRequest:
    """What the command line asks to push: ``profile`` is "" where nothing may be pushed, ``archives`` has those of the members.

    ``by_client`` says that Attic's own client pushes.
    """

    profile: str = ""
    members: tuple[closure.Member, ...] = ()
    archives: closures.Archives | None = None
    by_client: bool = False

    @property
    def is_risky(self) -> bool:
        """Whether it is one of the profiles that have reproduced the loss."""
        return self.profile not in {"", ONE_PATH}


def _read(given: Given) -> PushRequest:
    said: str | None = given.option.gf_profile
    if said is not None and said not in PROFILES:
        raise BadInput(f"--gf-profile={said}: expected {', '.join(PROFILES)}")
    if said is None:
        if given.selects(MARKER) and not given.option.gf_plan:
            raise BadInput(f"-m {MARKER}: --gf-profile={'|'.join(PROFILES)} says what is pushed; nothing was sent")
        return PushRequest()
    if given.option.gf_plan:
        return PushRequest(said)
    if given.option.gf_confirm != PROFILES[said]:
        raise BadInput(f"-m {MARKER}: --gf-confirm={PROFILES[said]} says that {said} is meant; nothing was sent")
    _check_target(given)
    members, archives = _closure(given) if said != ONE_PATH else ((), None)
    return PushRequest(said, members, archives, by_client=_client(given))


def _client(given: Given) -> bool:
    """Tell whether Attic's own client is asked for. Raises BadInput where it is not installed."""
    said: str | None = given.option.gf_client
    if said is None:
        return False
    if said != clients.NAME:
        raise BadInput(f"--gf-client={said}: expected {clients.NAME}")
    missing = clients.is_missing()
    if missing:
        raise BadInput(f"--gf-client={said}: the program {missing} is not on PATH; nothing was sent")
    return True


def _check_target(given: Given) -> None:
    target = given.target
    vantage = target.vantage if target is not None else given.option.gf_vantage
    if vantage == READ_ONLY:
        raise BadInput(f"-m {MARKER}: the vantage {READ_ONLY} changes nothing; nothing was sent")
    if target is not None and not target.permits(MARKER):
        raise BadInput(f"-m {MARKER}: target {target.name!r} does not allow {MARKER!r}; nothing was sent")


def _closure(given: Given) -> tuple[tuple[closure.Member, ...], closures.Archives | None]:
    """Return the closure of --gf-closure and where its archives lie; on the lab there may be none."""
    said: str | None = given.option.gf_closure
    if said is None:
        if given.target is not None and given.target.name != "lab":
            raise BadInput(
                f"--gf-profile={given.option.gf_profile}: --gf-closure=WHERE names what is pushed: a store path of this machine's"
                " Nix, the folder of a binary cache (nix copy --to file://FOLDER), or a file of `nix path-info -r --json` and beside"
                " it for each path BASENAME.nar of `nix-store --dump`"
            )
        return (), None
    try:
        return closures.read(given.folder / said, said)
    except OSError as wrong:
        raise BadInput(f"--gf-closure={said}: can't be read: {wrong.strerror}") from None
    except (closure.Malformed, closures.Unreadable) as wrong:
        raise BadInput(f"--gf-closure={said}: {wrong}") from None


def _ends(run: Run, _: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    asked = run.options_of(PushRequest)
    if asked.is_risky:
        yield f"{asked.profile}: a controlled reproduction tool, no restore path for default workflow writes (S037)"
    if asked.profile:
        yield "clean one-path evidence does not override the known failures of small-check and medium-check (S038)"


PUBLICATION = Selection(
    MARKER,
    "Pushes fresh paths to Attic, reads them back, and looks what S3 lists after that, where the target allows publication. Never in the canary.",
    options=(
        Option(
            "--gf-profile",
            {
                "metavar": "PROFILE",
                "help": f"With -m publication: what is pushed, {', '.join(PROFILES)}. Each needs its own word of --gf-confirm.",
            },
            repeated=True,
        ),
        Option(
            "--gf-closure",
            {
                "metavar": "WHERE",
                "help": "With -m publication: the closure that small-check or medium-check pushes. A store path of this machine's Nix; the"
                " folder of a binary cache (nix copy --to file://FOLDER); or a file as `nix path-info -r --json` prints it, beside"
                " which lies BASENAME.nar of `nix-store --dump` for each path.",
            },
            path=True,
            repeated=True,
        ),
        Option(
            "--gf-client",
            {
                "metavar": "NAME",
                "help": "With -m publication: attic lets Attic's own client push, where it and nix are installed. What it says is kept.",
            },
            repeated=True,
        ),
    ),
    read=_read,
    fills="profile",
    values=lambda asked: (asked.profile,) if asked.profile else (),
    words=tuple(PROFILES.values()),
    ends=_ends,
)
