"""A WebSocket to the kubelet, through the API server: opened with v4 only, refused as the API server says, read by frames."""

from __future__ import annotations

import contextlib
import http
import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, urlencode, urlsplit

from pytest_gf.engine.errors import NotUnderstood, Unanswered, Unproven
from pytest_gf.honey.probes.again import NotNow, settled
from pytest_gf.honey.probes.exchange import said
from pytest_gf.honey.probes.kube_answers import REACH, KubeAnswer, message_of

if TYPE_CHECKING:
    from pytest_gf.honey.probes.kube import Kube

V4 = "v4.channel.k8s.io"
"""With v5 a node side that dies is answered by Success and a clean close: the output is just short (docs/systems.md)."""

NODE = "is the node up? kubectl get nodes"
POD_DOWN = "see rustfs.workload-ready; kubectl describe pod says why"
_KUBELET = "is this a kubelet, or a proxy before it?"
MOST_MESSAGE = 1024 * 1024
"""Bytes of one message; a kubelet sends 32 KiB at most."""


class Upgrade:
    """One open connection. Frames in, frames out, ended from any thread."""

    def __init__(self, tried: str, sock: Any) -> None:
        self.tried = tried
        self._sock = sock
        self.clean = False
        """Whether the other side ended it with a close frame."""

    def receive(self) -> bytes | None:
        """Return the next message's bytes, channel first; None at the end.

        Raises Unanswered where the connection breaks, and NotUnderstood for a message longer than `MOST_MESSAGE`.
        """
        from websocket import ABNF, WebSocketException

        held = bytearray()
        while True:
            try:
                frame = self._sock.recv_frame()
                if frame.opcode == ABNF.OPCODE_CLOSE:
                    self.clean = True
                    return None
                if frame.opcode == ABNF.OPCODE_PING:
                    self._sock.pong(frame.data)
            except _TooLong as long:
                raise NotUnderstood(self.tried, str(long), _KUBELET) from None
            except (WebSocketException, OSError, AttributeError) as broken:  # AttributeError: it was ended meanwhile.
                raise Unanswered(self.tried, f"cut: {said(broken)}", NODE) from None
            if frame.opcode not in {ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT, ABNF.OPCODE_CONT}:
                continue
            held += frame.data if isinstance(frame.data, bytes) else frame.data.encode()
            if len(held) > MOST_MESSAGE:
                raise NotUnderstood(self.tried, f"a message of more than {MOST_MESSAGE} bytes", _KUBELET)
            if frame.fin and held:
                return bytes(held)

    def send(self, frame: bytes) -> None:
        """Send one frame. Raises Unanswered."""
        from websocket import WebSocketException

        try:
            self._sock.send_binary(frame)
        except (WebSocketException, OSError, AttributeError) as broken:
            raise Unanswered(self.tried, f"cut: {said(broken)}", NODE) from None

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
    """Open exec or portforward of a pod, asking again what was throttled. The caller holds the deadline.

    Raises `Unproven` (a right is missing, or the pod or its container does not run), `IdentityRejected`, `Unanswered`,
    `NotUnderstood`.
    """
    tried = f"Kubernetes {kind} pod {pod} in {namespace} at {kube.address}"
    base = kube.address.replace("https://", "wss://", 1).replace("http://", "ws://", 1)
    url = f"{base}/api/v1/namespaces/{namespace}/pods/{pod}/{kind}?{urlencode(query)}"
    opened = settled(tried, lambda _: _opened(kube, tried, url), seconds=kube.deadline, not_now=_not_now)
    if isinstance(opened, KubeAnswer):
        _refused(kube, tried, namespace, pod, kind, opened)
    return opened


def _opened(kube: Kube, tried: str, url: str) -> Upgrade | KubeAnswer:
    """Connect once; no redirect is followed, since the credential would go with it."""
    from websocket import WebSocket, WebSocketBadStatusException, WebSocketException

    made = WebSocket(sslopt=_tls(kube.configuration), skip_utf8_validation=True)
    made.frame_buffer = _bounded(made.frame_buffer)
    headers = [f"{name}: {value}" for name, value in kube.headers()]
    try:
        made.connect(
            url, header=headers, subprotocols=[V4], redirect_limit=0, suppress_origin=True, **_proxy(kube.configuration)
        )
    except WebSocketBadStatusException as refused:
        given = {str(name).title(): str(value) for name, value in (refused.resp_headers or {}).items()}
        return KubeAnswer(int(refused.status_code), bytes(refused.resp_body or b""), given)
    except (WebSocketException, OSError, ValueError) as broken:
        response = getattr(made, "handshake_response", None)
        if response is not None and "redirect" in str(broken).lower():
            return KubeAnswer(int(response.status), b"", {"Location": str(response.headers.get("location"))})
        raise Unanswered(tried, said(broken), REACH) from None
    made.settimeout(None)
    return Upgrade(tried, made)


def _not_now(opened: Upgrade | KubeAnswer) -> NotNow | None:
    return opened.not_now() if isinstance(opened, KubeAnswer) else None


def _tls(configuration: Any) -> dict[str, Any]:
    """Return websocket-client's TLS settings, as the kubernetes library sets them for `stream`."""
    import certifi

    if not configuration.verify_ssl:
        made: dict[str, Any] = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
    else:
        made = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": configuration.ssl_ca_cert or certifi.where()}
    names = {"certfile": "cert_file", "keyfile": "key_file", "server_hostname": "tls_server_name"}
    return made | {name: getattr(configuration, own) for name, own in names.items() if getattr(configuration, own)}


def _proxy(configuration: Any) -> dict[str, Any]:
    if not configuration.proxy:
        return {}
    parts = urlsplit(configuration.proxy)
    # An empty list of exceptions would be taken for the environment's.
    without = [host for host in (configuration.no_proxy or "").split(",") if host] or ["none.invalid"]
    made: dict[str, Any] = {"http_proxy_host": parts.hostname, "http_proxy_port": parts.port or 80}
    if parts.username:
        made["http_proxy_auth"] = (unquote(parts.username), unquote(parts.password or ""))
    return made | {"proxy_type": "http", "http_no_proxy": without}


class _TooLong(Exception):
    """A frame that says it is longer than may be held. It never leaves this file."""


def _bounded(buffer: Any) -> Any:
    """Let a connection's buffer refuse a frame by the length that it says, before any of it is held."""
    original = buffer.recv_length

    def recv_length() -> None:
        original()
        if buffer.length > MOST_MESSAGE:
            raise _TooLong(f"a frame of {buffer.length} bytes, and {MOST_MESSAGE} at most are read")

    buffer.recv_length = recv_length
    return buffer


def _refused(  # noqa: PLR0917  # One call site.
    kube: Kube, tried: str, namespace: str, pod: str, kind: str, refused: KubeAnswer
) -> NoReturn:
    status, words = refused.status, message_of(refused.data)
    refused.check_accepted(tried)
    if status == http.HTTPStatus.FORBIDDEN:
        kube.lack(("get", "create"), f"pods/{kind}", namespace, words, pod)
    if status == http.HTTPStatus.BAD_REQUEST and "does not have a host assigned" in words:
        raise Unproven(f"the pod has no node: {words}", POD_DOWN)
    if "container not found" in words:
        raise Unproven(f"its container does not run: {words}", POD_DOWN)
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unanswered(tried, f"{status} {words}", f"the API server can't reach the kubelet: {NODE}")
    raise NotUnderstood(tried, f"{status} {words}", "does the pod still stand? kubectl get pods")
