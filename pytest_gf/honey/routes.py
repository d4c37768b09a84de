"""Routes: bounded port-forwards through the API server, from a port of this machine to a service's ready pod."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.errors import NotUnderstood, ProbeError, Unproven
from pytest_gf.honey.formats import pods
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.upgrade import Upgrade, upgrade

if TYPE_CHECKING:
    from pytest_gf.honey.probes.kube import Kube
    from pytest_gf.honey.target import KubernetesSection, PortForward

LIFETIME = 900.0
"""Seconds after which a route closes by itself."""
MOST_CONNECTIONS = 512
"""Connections in a route's life; a canary makes a few dozen."""
MOST_BYTES = 4 * 1024**3
"""Bytes carried in a route's life, both ways together."""
CHUNK = 64 * 1024
DATA, ERROR = 0, 1
ECHO = 1.0
"""Seconds for which a break is told also where the route carries again: who asked may look a moment later."""
Find = Callable[[], tuple[str, int]]
"""Names a pod and its port."""
_LOOPBACK = "127.0.0.1"


class Forward:
    """A port of this machine that reaches one port of one pod. ``address`` is ``127.0.0.1:PORT``.

    Where that pod is gone, ``find`` names the one that took its place, and the next connection goes there.
    """

    def __init__(  # A pod's place, and how long.
        self, kube: Kube, namespace: str, pod: str, port: int, *, lifetime: float = LIFETIME, find: Find | None = None
    ) -> None:
        self.pod = pod
        self._kube, self._namespace, self._port, self._find = kube, namespace, port, find
        self._lock = threading.Lock()
        self._connections = 0
        self._bytes = 0
        self._open: set[_Connection] = set()
        self._closed = False
        self._ended = ""
        self._cut, self._cut_at, self._carried_at = "", -ECHO, 0.0
        self._ends = time.monotonic() + lifetime
        self._listener = socket.create_server((_LOOPBACK, 0), backlog=128)
        self.address = f"{_LOOPBACK}:{self._listener.getsockname()[1]}"

    @property
    def broken(self) -> str:
        """Why the route itself failed the exchange that just ended, "" where it did not: what was cut says nothing of the service.

        A route that broke once and carries again is whole for every later exchange.
        """
        with self._lock:
            recent = time.monotonic() - self._cut_at < ECHO
            return self._ended or (self._cut if recent or self._carried_at <= self._cut_at else "")

    def start(self) -> None:
        """Try the way once, so that a missing right is named before anything is asked through it; then listen.

        Raises `Unproven`, `IdentityRejected`, `Unanswered`, `DeadlineExceeded`, `NotUnderstood`; the port is closed then.
        """
        try:
            self._upgrade().close()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._accept, name=f"route-{self.pod}", daemon=True).start()

    def close(self) -> None:
        """Close the port and every connection. Safe to call twice."""
        with self._lock:
            self._closed = True
            left = list(self._open)
        with contextlib.suppress(OSError):  # A thread that waits in accept is woken only by this.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in left:
            connection.end()

    def _upgrade(self) -> Upgrade:
        """Open a way to the pod, or to the one that took its place."""
        try:
            return self._to(self.pod, self._port)
        except (ProbeError, Unproven):
            successor = self._find() if self._find is not None else (self.pod, self._port)
            if successor[0] == self.pod:
                raise
            with self._lock:
                self.pod, self._port = successor
            return self._to(*successor)

    def _to(self, pod: str, port: int) -> Upgrade:
        tried = f"Kubernetes port-forward pod {pod} at {self._kube.address}"
        query = [("ports", str(port))]
        return within(
            self._kube.deadline, tried, lambda: upgrade(self._kube, self._namespace, pod, "portforward", query)
        )

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # The port was closed.
            while True:
                self._listener.settimeout(max(self._ends - time.monotonic(), 0.01))
                client, _ = self._listener.accept()
                client.settimeout(None)
                threading.Thread(target=self._carry, args=(client,), name=f"route-{self.pod}", daemon=True).start()
        self._end("its lifetime is over")
        self.close()

    def _carry(self, client: socket.socket) -> None:
        if not self._admit():
            client.close()
            return
        try:
            connection = _Connection(client, self._upgrade(), patience=self._kube.deadline)
        except (ProbeError, Unproven) as refused:
            self._break(str(refused))
            client.close()
            return
        with self._lock:
            self._open.add(connection)
            closed = self._closed
        try:
            if not closed:
                connection.carry(self._count)
        except ProbeError as cut:
            self._break(str(cut))
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _admit(self) -> bool:
        with self._lock:
            self._connections += 1
            admitted = self._connections <= MOST_CONNECTIONS
        if not admitted:
            self._end(f"more than {MOST_CONNECTIONS} connections")
        return admitted

    def _count(self, size: int) -> None:
        with self._lock:
            self._bytes += size
            self._carried_at = time.monotonic()
            over = self._bytes > MOST_BYTES
        if over:
            self._end(f"more than {MOST_BYTES} bytes")
            raise NotUnderstood(f"port-forward to {self.pod}", self.broken, "what was asked through it?")

    def _break(self, why: str) -> None:
        """Note that the way broke under one exchange."""
        with self._lock:
            if not self._closed:
                self._cut, self._cut_at = why, time.monotonic()

    def _end(self, why: str) -> None:
        """Note that the route carries nothing any more."""
        with self._lock:
            if not self._closed:
                self._ended = self._ended or why


class _Connection:
    """One client's connection and its WebSocket: two pumps.

    A client that has said all (a half-close) still gets what the pod has to say, until that is silent for ``patience``.
    """

    def __init__(self, client: socket.socket, upgraded: Upgrade, *, patience: float) -> None:
        self._client, self._upgraded, self._patience = client, upgraded, patience
        self._left = False
        self._heard = time.monotonic()
        self._over = threading.Event()
        self._up: threading.Thread | None = None

    def carry(self, count: Any) -> None:
        """Carry bytes both ways until one side ends. Raises ProbeError where the route, not the service, ended it."""
        self._up = threading.Thread(target=self._to_pod, args=(count,), name="route-up", daemon=True)
        self._up.start()
        first = {DATA: True, ERROR: True}
        try:
            while (frame := self._upgraded.receive()) is not None:
                channel, data = frame[0], frame[1:]
                self._heard = time.monotonic()
                if first.pop(channel, False):
                    self._check_port(data)
                elif channel == ERROR:
                    raise NotUnderstood(
                        self._upgraded.tried, data[:300].decode(errors="replace"), "does the pod listen there?"
                    )
                elif channel == DATA:
                    count(len(data))
                    self._client.sendall(data)
        except ProbeError:
            if not self._left:
                raise
        except OSError:
            return  # The client has gone.

    def end(self) -> None:
        """Shut both sides down; whoever waits is freed."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)
        self._upgraded.end()

    def close(self) -> None:
        """Close both sides, once the other pump has left them."""
        self.end()
        if self._up is not None:
            self._up.join()  # Both its sides are shut down: it can't wait.
        self._client.close()
        self._upgraded.close()

    def _check_port(self, data: bytes) -> None:
        if len(data) != struct.calcsize("<H"):
            raise NotUnderstood(self._upgraded.tried, f"a first frame of {len(data)} bytes", "which kubelet is this?")

    def _to_pod(self, count: Any) -> None:
        try:
            while data := self._client.recv(CHUNK):
                count(len(data))
                self._upgraded.send(bytes([DATA]) + data)
            self._left = True
            while not self._over.wait(max(self._heard + self._patience - time.monotonic(), 0.0)):
                if time.monotonic() - self._heard >= self._patience:
                    break
        except (OSError, ProbeError):
            pass  # The other pump says why.
        finally:
            self._left = True
            self._upgraded.end()


def open_route(kube: Kube, wanted: PortForward) -> Forward:
    """Return a started route to a service's ready pod. Raises as `Forward.start` does, and Unproven for no pod."""
    pod, port = _found(kube, wanted)
    made = Forward(kube, wanted.namespace, pod, port, find=lambda: _found(kube, wanted))
    made.start()
    return made


@contextlib.contextmanager
def routed(
    cluster: KubernetesSection | None, wanted: PortForward | None, *, deadline: float
) -> Iterator[Forward | None]:
    """Give the route that a target wants, None where it wants none. Raises as `open_route` does."""
    if cluster is None or wanted is None:
        yield None
        return
    from pytest_gf.honey.probes.kube import Kube

    with contextlib.closing(open_route(Kube(cluster, deadline=deadline), wanted)) as route:
        yield route


def _found(kube: Kube, wanted: PortForward) -> tuple[str, int]:
    """Return a ready pod of the service and its port."""
    service = kube.get("services", wanted.service, wanted.namespace)
    if service is None:
        raise Unproven(
            f"service {wanted.service} is not in namespace {wanted.namespace}",
            "does [routes] name the service that is there?",
        )
    spec = service.get("spec") or {}
    selector = spec.get("selector") or {}
    listed = kube.list("pods", wanted.namespace)
    ready = [pod for pod in listed if selector and _matches(pod, selector) and pods.is_ready(pod)]
    ready = [pod for pod in ready if not pods.of_a_job(pod)] or ready
    if not ready:
        raise Unproven(f"service {wanted.service} has no ready pod", "see rustfs.workload-ready")
    pod = min(ready, key=pods.name_of)
    return pods.name_of(pod), _target_port(spec, pod, wanted)


def _matches(pod: Mapping[str, Any], selector: Mapping[str, str]) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in selector.items())


def _target_port(spec: Mapping[str, Any], pod: Mapping[str, Any], wanted: PortForward) -> int:
    """Return the container's port behind the service's (core/v1 ServicePort.targetPort: a number, or a port's name)."""
    ports = [port for port in spec.get("ports") or () if port.get("port") == wanted.port]
    if not ports:
        raise Unproven(f"service {wanted.service} has no port {wanted.port}", "does [routes] name the service's port?")
    target = ports[0].get("targetPort", wanted.port)
    if isinstance(target, int):
        return target
    named = [
        port["containerPort"]
        for container in (pod.get("spec") or {}).get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("name") == target
    ]
    if not named:
        raise Unproven(
            f"pod {pod['metadata']['name']} has no port named {target!r}", "kubectl describe pod shows its ports"
        )
    return int(named[0])
