"""What each system stands on: the causes that would explain that it does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pytest_gf.engine.trouble import Cause

if TYPE_CHECKING:
    from pytest_gf.honey.contract import Contract

_IN_THE_CLUSTER = frozenset({"Attic", "REAPI"})
"""Systems whose pods run on any node."""


def behind(contract: Contract, system: str) -> Iterator[Cause]:
    """Yield the causes that would explain that this system does not answer."""
    if system == "s3":
        yield from (Cause("s3-not-ready"), Cause("s3-fails"), Cause("disk-offline"), Cause("permissions-or-mount"))
        if contract.rustfs is not None:
            yield Cause("storage-node-down", contract.rustfs.node)
            yield Cause("pod-down", contract.rustfs.deployment)
            yield Cause("workload-gone", contract.rustfs.deployment)
    elif system in _IN_THE_CLUSTER and contract.cluster is not None:
        for node in contract.cluster.nodes:
            yield Cause("node-down", node)
            yield Cause("storage-node-down", node)
