"""Vantages: where a run stands, and so what it can reach and may do."""

from __future__ import annotations

from typing import Literal, get_args

Vantage = Literal["runner", "operator", "dev-machine", "pull-request"]
"""``runner``: a shared self-hosted runner in the cluster. ``operator``: a machine with a kubeconfig and port-forwards.
``dev-machine``: an internal developer's machine. ``pull-request``: a pull request's job, which never changes anything."""

VANTAGES: tuple[str, ...] = get_args(Vantage)
READ_ONLY: Vantage = "pull-request"
