"""Who can come to the Bazel cache and to RustFS from outside of the cluster, and where runners find the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_gf.engine.trouble import Cause, Observed, Trouble

if TYPE_CHECKING:
    from pytest_gf.honey.formats.routing import WayIn

UNSEEN = "firewalls, other controllers' own kinds, proxies that run as pods, ConfigMaps of nginx by another name"
"""What may lead inward too, and is not read (docs/targets.md)."""


@dataclass(frozen=True)
class Exposure(Observed):
    """What leads to a Service from outside. Statements S016 and S048."""

    service: str
    through: tuple[str, ...]
    """Every Service that leads to the same pods, itself among them."""
    ways: tuple[WayIn, ...]
    private_holds: bool = False
    """Whether a way for a private net alone breaks no promise."""

    promises = "no Ingress, LoadBalancer, NodePort, gateway route or public name leads to {self.service}"

    @property
    def _open(self) -> tuple[WayIn, ...]:
        return tuple(way for way in self.ways if not (way.private and self.private_holds))

    @property
    def seen(self) -> str:
        ways = ", ".join(map(str, self.ways)) or "nothing"
        return f"{ways} leads to {', '.join(self.through)}; not looked at: {UNSEEN}"

    def trouble(self) -> Trouble | None:
        if not self._open:
            return None
        says = f"{self.service} is exposed: {', '.join(map(str, self._open))}"
        step = "find out which stack or person made it, and have it removed there; whoever came in by it could reach what is stored"
        return Trouble(Cause("exposed", self.service), says, step)


@dataclass(frozen=True)
class Endpoint(Observed):
    """The address that the target gives for the Bazel cache, and the Service that the contract's address names.

    ``is_local``: it is this machine's own, a forward or the lab. ``retired`` says what stands in its place, where it is
    out of contract. ``ports`` are the Service's, None where there is no such Service.
    """

    address: str
    contract: str
    vantage: str
    service: str
    port: int
    ports: tuple[int, ...] | None
    namespace: str = ""
    is_local: bool = False
    retired: str = ""

    promises = "runners find the cache at {self.contract}, and Service {self.service} offers port {self.port}"

    @property
    def is_contracts(self) -> bool:
        """Whether the address is the contract's, to the letter but for a slash at its end."""
        return self.address.rstrip("/") == self.contract

    @property
    def seen(self) -> str:
        if self.ports is None:
            service = f"there is no Service {self.service}"
        else:
            service = f"Service {self.service} offers {', '.join(map(str, self.ports)) or 'no port'}"
        local = ", this machine's own: a forward, or the lab" if self.is_local else ""
        return f"[bazel] says {self.address}{local} (vantage {self.vantage}); {service}"

    def trouble(self) -> Trouble | None:
        if not self._wrong:
            return None
        if self.ports is not None and self.port in self.ports:
            step = f'give [bazel] of the target grpc = "{self.contract}"'
            return Trouble(Cause("other-address", "bazel"), self._wrong, step)
        step = "runners can't reach the cache by the address they are given: see who changed the Service"
        because = (Cause("wrong-namespace", self.namespace),) if self.ports is None else ()
        return Trouble(Cause("service-wrong", self.service), self._wrong, step, because)

    @property
    def _wrong(self) -> str:
        if self.retired:
            return f"{self.address} is out of contract: {self.retired}"
        if not self.is_contracts and not self.is_local:
            tls = ": TLS, where the contract says plain" if self.address.startswith("grpcs:") else ""
            return f"{self.address} is not the address that runners are promised{tls}"
        if self.ports is None:
            return f"the contract's address leads nowhere: there is no Service {self.service}"
        return "" if self.port in self.ports else f"Service {self.service} does not offer port {self.port}"
