"""What a system answered, as values: probes give them, observed values judge them."""

from __future__ import annotations

import bisect
import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_gf.engine.visible import visible

MOST_OF_A_CODE = 100
"""Characters; S3's longest code has 37."""


class Texts(dict[str, str]):
    """The texts of a checkout by path, in the order of the paths."""

    @functools.cached_property
    def paths(self) -> list[str]:
        """The paths, sorted."""
        return sorted(self)

    def below(self, beginning: str) -> list[str]:
        """Return the paths that begin so, in their order, without a look at the others."""
        first = bisect.bisect_left(self.paths, beginning)
        last = bisect.bisect_right(self.paths, f"{beginning}{chr(sys.maxunicode)}", lo=first)
        return self.paths[first:last]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer of S3. ``code`` is the S3 error code ("" for success, and for HEAD, which carries none)."""

    status: int
    code: str = ""
    message: str = ""
    retry_after: float | None = field(default=None, compare=False, kw_only=True)
    """Seconds after which S3 wants to be asked again, where it says so."""
    request_id: str = field(default="", compare=False, kw_only=True)
    """The id by which the server's log knows the request, where the answer names one."""

    def __post_init__(self) -> None:
        """Make the server's words visible, and bound them."""
        object.__setattr__(self, "code", visible(self.code, MOST_OF_A_CODE))
        object.__setattr__(self, "message", visible(self.message))
        object.__setattr__(self, "request_id", visible(self.request_id, MOST_OF_A_CODE))

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004  # RFC 9110, 15.3.

    @property
    def forbidden(self) -> bool:
        """Whether the identity was accepted and lacks the right (for HEAD: whether it may be so)."""
        return self.status == 403  # noqa: PLR2004  # RFC 9110, 15.5.4.

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip()


@dataclass(frozen=True)
class Listing:
    """What one ListBuckets was answered, with that answer: a listing that failed shows nothing, and is never an empty one."""

    buckets: tuple[str, ...]
    answer: Answer

    def shows(self, bucket: str) -> bool:
        """Whether S3 listed its buckets, and this one among them."""
        return self.answer.ok and bucket in self.buckets

    def lacks(self, *buckets: str) -> tuple[str, ...]:
        """Return those of the buckets that S3 listed without; none where it listed nothing, since then nobody knows."""
        return tuple(bucket for bucket in buckets if self.answer.ok and bucket not in self.buckets)

    def __str__(self) -> str:
        if not self.answer.ok:
            return f"not listed: {self.answer}"
        return ", ".join(self.buckets) or "no bucket at all"


@dataclass(frozen=True)
class Versions:
    """The ids of every version and delete marker of one key, with the answer that named them."""

    answer: Answer
    ids: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether these are all. A server that knows no versions (501) has none."""
        return self.answer.ok or self.answer.status == 501  # noqa: PLR2004  # RFC 9110, 15.6.2.


@dataclass(frozen=True)
class Folder:
    """A folder in the pod as one exec saw it: its entries' kinds by their names' bytes.

    ``state``: ``listed``, ``absent``, ``unreadable`` (it stands, and its user may not list it), or ``stalled`` (it began to
    be read, and nothing more came within the deadline). ``entries`` is empty unless it was listed.
    """

    path: str
    state: str
    entries: Mapping[bytes, str] = field(default_factory=dict)

    def kind(self, name: str) -> str:
        """Return ``folder``, ``file``, ``symlink``, ``other`` or ``absent``."""
        return self.entries.get(name.encode(), "absent")
