"""A WebSocket to the kubelet, through the API server: opened with v4 only, refused as the API server says, read by frames."""

from __future__ import annotations

import contextlib
import http
import json
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

from pytest_gf.engine.errors import IdentityRejected, NotUnderstood, Unanswered, Unproven
from pytest_gf.engine.redaction import redact

if TYPE_CHECKING:
    from pytest_gf.honey.probes.kube import Kube

V4 = "v4.channel.k8s.io"
"""With v5 a node side that dies is answered by Success and a clean close: the output is just short (facts/kubernetes.md)."""


class Upgrade:
    """One open connection. Frames in, frames out, ended from any thread."""

    def __init__(self, tried: str, sock: Any) -> None:
        self.tried = tried
        self._sock = sock
        self.clean = False
        """Whether the other side ended it with a close frame."""

    def receive(self) -> bytes | None:
        """Return the next frame's bytes, channel first; None at the end. Raises Unanswered where the connection breaks."""
        from websocket import ABNF, WebSocketException

        while True:
            try:
                opcode, data = self._sock.recv_data(control_frame=False)
            except (WebSocketException, OSError, AttributeError) as broken:  # AttributeError: it was ended meanwhile.
                raise Unanswered(
                    self.tried,
                    f"cut: {redact(str(broken)) or type(broken).__name__}",
                    "is the node up? kubectl get nodes",
                ) from None
            if opcode == ABNF.OPCODE_CLOSE:
                self.clean = True
                return None
            if data:
                return bytes(data)

    def send(self, frame: bytes) -> None:
        """Send one frame. Raises Unanswered."""
        from websocket import WebSocketException

        try:
            self._sock.send_binary(frame)
        except (WebSocketException, OSError, AttributeError) as broken:
            raise Unanswered(self.tried, f"cut: {redact(str(broken))}", "is the node up?") from None

    def end(self) -> None:
        """Shut the connection down; a thread that waits in it is freed, and closes it. From any thread, and twice too."""
        inner = self._sock.sock
        if inner is not None:
            with contextlib.suppress(OSError):  # It has ended already.
                inner.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back. Only for the thread that reads from it, when no other is left that writes.

        Closed under another thread its number would be given to the next connection, and TLS would write into that.
        """
        self.end()
        inner = self._sock.sock
        if inner is not None:
            inner.close()


def upgrade(kube: Kube, namespace: str, pod: str, kind: str, query: Sequence[tuple[str, str]]) -> Upgrade:
    """Open exec or portforward of a pod. Blocks as long as the network does: the caller holds the deadline.

    Raises `Unproven` (a right is missing, or the pod has no node), `IdentityRejected`, `Unanswered`, `NotUnderstood`.
    """
    from kubernetes.stream.ws_client import create_websocket
    from websocket import WebSocketBadStatusException, WebSocketException

    tried = f"Kubernetes {kind} pod {pod} in {namespace} at {kube.address}"
    base = kube.address.replace("https://", "wss://", 1).replace("http://", "ws://", 1)
    url = f"{base}/api/v1/namespaces/{namespace}/pods/{pod}/{kind}?{urlencode(query)}"
    headers = {"sec-websocket-protocol": V4}
    token = kube.authorization()
    headers |= {"authorization": token} if token else {}
    try:
        made = create_websocket(kube.configuration, url, headers)
    except WebSocketBadStatusException as refused:
        _refused(kube, tried, namespace, kind, refused)
    except (WebSocketException, OSError) as broken:
        said = redact(str(broken))[:300] or type(broken).__name__
        raise Unanswered(tried, said, "is the address right, the VPN up, the CA the cluster's own?") from None
    made.settimeout(None)
    return Upgrade(tried, made)


def _refused(kube: Kube, tried: str, namespace: str, kind: str, refused: Any) -> NoReturn:
    status, body = refused.status_code, bytes(refused.resp_body or b"")
    said = _message(body)
    if status == http.HTTPStatus.UNAUTHORIZED:
        raise IdentityRejected(tried, "401 Unauthorized", "is the kubeconfig's token expired, or of another cluster?")
    if status == http.HTTPStatus.FORBIDDEN:
        kube.lack(("get", "create"), f"pods/{kind}", namespace, said)
    if status == http.HTTPStatus.BAD_REQUEST and "does not have a host assigned" in said:
        raise Unproven(f"the pod has no node: {said}", "see rustfs.workload-ready; kubectl describe pod says why")
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unanswered(
            tried, f"{status} {said}", "the API server can't reach the kubelet: is the node up? kubectl get nodes"
        )
    raise NotUnderstood(tried, f"{status} {said}", "does the pod still stand? kubectl get pods")


def _message(body: bytes) -> str:
    """Return what a refusal says: a Status, or the kubelet's plain text."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    said = document.get("message", "") if isinstance(document, dict) else body.decode(errors="replace")
    return redact(str(said).strip())[:300]
