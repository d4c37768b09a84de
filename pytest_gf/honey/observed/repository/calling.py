"""What an action or a reusable workflow is known by: in this checkout, in the contract's table, or not at all."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from pytest_gf.honey.contract.repository import KnownAction, Repository
from pytest_gf.honey.formats import workflow as workflows
from pytest_gf.honey.formats.expression import Truth, truth
from pytest_gf.honey.formats.expression_values import UNKNOWN, Set
from pytest_gf.honey.formats.workflow import Action
from pytest_gf.honey.formats.yaml_nodes import Malformed
from pytest_gf.honey.observed.repository import Sources
from pytest_gf.honey.observed.repository.scene import EMPTY, TOKEN, View
from pytest_gf.honey.observed.repository.searching import is_among

OWN = re.compile(r"(?P<name>tinyland-inc/(?:GloriousFlywheel|ci-templates))/(?P<path>\.github/[^@]+)@.+")
"""A call by name of what the checkout itself may hold."""


def caches(rules: Repository) -> tuple[str, ...]:
    """Return the hosts of the contract's caches."""
    servers = (rules.attachment.https_server, rules.attachment.attic_server)
    return (*filter(None, (urlsplit(url).hostname or url for url in servers)), *rules.publication.caches)


def entry(uses: str, rules: Repository) -> KnownAction | None:
    """Return the contract's row of an action that pushes; a version that the table does not name is another action."""
    name, _, version = uses.partition("@")
    for row in rules.quarantine.actions:
        if fnmatchcase(name, row.uses) and any(fnmatchcase(version, one) for one in row.versions):
            return row
    return None


def by_folder(path: str, rules: Repository) -> KnownAction | None:
    """Return the row of an action that lies in this checkout in a folder of the same name."""
    folder = posixpath.basename(posixpath.dirname(path))
    return next((row for row in rules.quarantine.actions if posixpath.basename(row.uses) == folder), None)


def is_quiet(uses: str, rules: Repository) -> bool:
    """Return whether an action is known to push nothing."""
    return is_among(uses.partition("@")[0], rules.quarantine.quiet)


def local(uses: str, sources: Sources) -> str:
    """Return the path in this checkout that a call means: by ``./``, or by its own name where the path is there; else ""."""
    if uses.startswith("./"):
        return posixpath.normpath(uses)
    named = OWN.fullmatch(uses)
    if named is None:
        return ""
    path = named["path"].rstrip("/")
    known = (path, f"{path}/action.yml", f"{path}/action.yaml")
    return path if any(place in sources for place in known) else ""


def last(uses: str) -> str:
    """Return ``nix-job`` for ``owner/repository/.github/actions/nix-job@v1``."""
    return posixpath.basename(uses.partition("@")[0].rstrip("/"))


def local_action(uses: str, sources: Sources) -> tuple[str, Action | Malformed] | None:
    """Return the path of an action of this checkout, and the action, or why it can't be read; None for another one."""
    folder = local(uses, sources)
    for name in ("action.yml", "action.yaml"):
        path = posixpath.normpath(posixpath.join(folder, name))
        if (folder or uses.startswith("./")) and path in sources:
            try:
                return path, workflows.action(sources[path])
            except Malformed as wrong:
                return path, wrong
    return None


def decided(row: KnownAction, inputs: Mapping[str, Set], view: View) -> Truth:
    """Return whether an action of the table pushes: there is a token, and its switch does not turn it off."""
    token = inputs.get(row.token_input, EMPTY) if row.token_input else view.variable(TOKEN)
    given = inputs.get(row.switch, frozenset({row.default})) if row.switch else frozenset({"on"})
    pushing: Set = frozenset(UNKNOWN if value is UNKNOWN else value != row.off for value in given)
    return together(truth(token), truth(pushing))


def together(*truths: Truth) -> Truth:
    """Return what several conditions come to that must all be true."""
    if Truth.NEVER in truths:
        return Truth.NEVER
    return Truth.UNDECIDED if Truth.UNDECIDED in truths else Truth.POSSIBLE
