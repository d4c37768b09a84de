"""The Kubernetes wire against hostile servers and strange kubeconfigs: nothing leaks, nothing is dropped, all is bounded."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_gf.engine.errors import NotUnderstood, ProbeError, Unproven
from pytest_gf.honey.probes import kube as probe
from pytest_gf.honey.probes import kube_exec, upgrade
from pytest_gf.honey.probes.again import Throttled
from pytest_gf.honey.probes.kube import Kube
from pytest_gf.honey.probes.kube_answers import KubeAnswer
from pytest_gf.honey.target import KubernetesSection

Given = tuple[int, Mapping[str, str], bytes]
TOKEN = "a-token-of-a-test-0123456789"
PODS = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [{"metadata": {"name": "p"}}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
STRANGE = JSON | st.fixed_dictionaries(
    {},
    optional={
        "kind": JSON | st.just("PodList"),
        "metadata": JSON | st.fixed_dictionaries({"name": JSON | st.just("p")}),
        "items": JSON | st.lists(st.fixed_dictionaries({"metadata": JSON, "spec": JSON}), max_size=2),
        "status": JSON | st.fixed_dictionaries({"allowed": JSON}),
        "message": JSON,
        "details": JSON | st.fixed_dictionaries({"causes": JSON}),
        "reason": JSON | st.just("NonZeroExitCode"),
    },
)


@dataclass
class Server:
    """A server that notes what it is asked, and answers each time the next of its answers; the last one for ever."""

    address: str = ""
    answers: list[tuple[int, Mapping[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Callable[[], Server]]:
    """What starts a server."""
    running = []

    def start() -> Server:
        made = Server(answers=[(200, {}, json.dumps(PODS).encode())])

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                made.asked.append((self.path, self.headers))
                status, headers, body = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name.
                """Say nothing."""

        listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(listening)
        threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True).start()
        made.address = f"http://127.0.0.1:{listening.server_port}"
        return made

    yield start
    for listener in running:
        listener.shutdown()
        listener.server_close()


def config(folder: Path, server: str, user: Mapping[str, Any], cluster: Mapping[str, Any] | None = None) -> Path:
    """Write a kubeconfig of one user and one cluster."""
    made = {
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": dict(user)}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(json.dumps(made))
    return folder / "config"


def client(path: Path, *, deadline: float = 5) -> Kube:
    return Kube(KubernetesSection(kubeconfig=str(path)), deadline=deadline)


# What a kubeconfig says


def test_a_colon_in_the_path_and_a_token_file_with_a_newline(server: Any, tmp_path: Path) -> None:
    api = server()
    folder = tmp_path / "a:b"
    path = config(folder, api.address, {"tokenFile": "token", "token": "an-older-token-0123"})
    (folder / "token").write_text(f"{TOKEN}\n")
    assert len(client(path).list("pods", "ns")) == 1
    assert api.asked[0][1]["Authorization"] == f"Bearer {TOKEN}"
    assert api.asked[0][1]["Accept-Encoding"] == "identity"


def test_who_impersonates_asks_in_the_others_name(server: Any, tmp_path: Path) -> None:
    api = server()
    user = {"token": TOKEN, "as": "viewer", "as-groups": ["one", "two"], "as-user-extra": {"why": ["a", "b"]}}
    made = client(config(tmp_path, api.address, user))
    made.list("pods", "ns")
    with pytest.raises(ProbeError):
        kube_exec.run(made, "ns", "p", "c", ["true"])
    for _, headers in (api.asked[0], api.asked[-1]):
        assert headers["Impersonate-User"] == "viewer"
        assert headers.get_all("Impersonate-Group") == ["one", "two"]
        assert headers.get_all("Impersonate-Extra-why") == ["a", "b"]
    assert "exec" in api.asked[-1][0]


def test_a_proxy_is_used_for_loopback_too(server: Any, tmp_path: Path) -> None:
    api = server()
    cluster = {"proxy-url": api.address}
    made = client(config(tmp_path, "http://127.0.0.1:1", {"token": TOKEN}, cluster))
    made.list("pods", "ns")
    assert api.asked[0][0].startswith("http://127.0.0.1:1/api/v1/namespaces/ns/pods")


@pytest.mark.parametrize(
    ("user", "cluster", "says"),
    [
        ({"auth-provider": {"name": "oidc"}}, {}, "the auth provider 'oidc', which is not honoured here"),
        ({"token": TOKEN}, {"proxy-url": "socks5://127.0.0.1:1"}, "a proxy of kind 'socks5', which is not honoured"),
        ({"token": TOKEN, "as-groups": ["system:masters"]}, {}, "and no user (`as`)"),
        ({"token": TOKEN, "as": "a\r\nX-Other: b"}, {}, "is not one line of text"),
        (
            {"exec": {"apiVersion": "v1", "command": "sh", "args": ["-c", "echo the plugin says no >&2; exit 7"]}},
            {},
            "no",
        ),
        ({"exec": {"apiVersion": "v1", "command": "/no/such/plugin"}}, {}, "No such file"),
        ({"exec": {"apiVersion": "v1", "command": "echo", "args": ["{}"]}}, {}, "missing key"),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(
    user: dict[str, Any], cluster: dict[str, str], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ProbeError) as raised:
        client(config(tmp_path, "http://127.0.0.1:1", user, cluster))
    assert says in str(raised.value)
    assert "u" in raised.value.tried


def test_an_exec_plugins_token_is_sent(server: Any, tmp_path: Path) -> None:
    api = server()
    given = {"apiVersion": "v1", "kind": "ExecCredential", "status": {"token": f"{TOKEN}\n"}}
    plugin = {"apiVersion": "v1", "command": "echo", "args": [json.dumps(given)]}
    client(config(tmp_path, api.address, {"exec": plugin})).list("pods", "ns")
    assert api.asked[0][1]["Authorization"] == f"Bearer {TOKEN}"


def test_a_user_that_the_file_does_not_hold_is_no_anonymous_one(tmp_path: Path) -> None:
    path = config(tmp_path, "http://127.0.0.1:1", {"token": TOKEN})
    path.write_text(path.read_text().replace('"name": "u"', '"name": "another"'))
    with pytest.raises(ProbeError, match="it names no user 'u'"):
        client(path)


# What a server answers


def test_no_redirect_is_followed_with_a_credential(server: Any, tmp_path: Path) -> None:
    api, elsewhere = server(), server()
    api.answers = [(307, {"Location": f"{elsewhere.address}/api/v1/namespaces/ns/pods"}, b"")]
    made = client(config(tmp_path, api.address, {"token": TOKEN}))
    host = elsewhere.address.removeprefix("http://")
    for ask in (lambda: made.list("pods", "ns"), lambda: kube_exec.run(made, "ns", "p", "c", ["true"])):
        with pytest.raises(NotUnderstood, match=f"307: it redirects to {host}, which is not followed"):
            ask()
    assert elsewhere.asked == []


def test_what_is_throttled_is_asked_again(server: Any, tmp_path: Path) -> None:
    api = server()
    refused: Given = (
        429,
        {"Retry-After": "0"},
        json.dumps({"kind": "Status", "message": "too many requests"}).encode(),
    )
    starting: Given = (503, {}, b"apiserver is starting")
    api.answers = [refused, starting, *api.answers]
    assert len(client(config(tmp_path, api.address, {"token": TOKEN})).list("pods", "ns")) == 1
    assert len(api.asked) == 3
    api.answers = [refused]
    hurried = client(config(tmp_path, api.address, {"token": TOKEN}), deadline=0.5)
    for ask in (lambda: hurried.list("pods", "ns"), lambda: kube_exec.run(hurried, "ns", "p", "c", ["true"])):
        with pytest.raises(Throttled, match="429 too many requests, "):
            ask()


def test_a_listing_that_expires_in_the_middle_begins_anew(server: Any, tmp_path: Path) -> None:
    api = server()
    first: Given = (200, {}, json.dumps(PODS | {"metadata": {"continue": "t"}}).encode())
    gone: Given = (410, {}, json.dumps({"kind": "Status", "reason": "Expired"}).encode())
    api.answers = [first, gone, first, *api.answers]
    assert len(client(config(tmp_path, api.address, {"token": TOKEN})).list("pods", "ns")) == 2


def test_a_long_answer_is_unproven_and_a_deep_one_not_understood(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = server()
    made = client(config(tmp_path, api.address, {"token": TOKEN}))
    deep = b'{"kind": "PodList", "items": [{"metadata": {"name": "p"}, "x": ' + b"[" * 900 + b"]" * 900 + b"}]}"
    api.answers = [(200, {}, deep)]
    with pytest.raises(NotUnderstood):
        made.list("pods", "ns")
    api.answers = [(200, {"Content-Encoding": "gzip"}, json.dumps(PODS).encode())]
    with pytest.raises(NotUnderstood, match="an encoded body"):
        made.list("pods", "ns")
    monkeypatch.setattr(probe, "MOST_ANSWER", 1_000)
    api.answers = [(200, {}, b" " * 1_001)]
    with pytest.raises(Unproven, match="with more than"):
        made.list("pods", "ns")


def test_who_may_not_ask_for_reviews_is_told_so(server: Any, tmp_path: Path) -> None:
    api = server()
    api.answers = [(403, {}, json.dumps({"kind": "Status", "message": "forbidden: nobody"}).encode())]
    made = client(config(tmp_path, api.address, {"token": TOKEN}))
    made_post = KubeAnswer(403, b'{"message": "reviews are forbidden"}', {})
    real = made._exchange  # The script answers GET alone.

    def exchange(method: str, *rest: Any, **more: Any) -> KubeAnswer:
        return made_post if method == "POST" else real(method, *rest, **more)

    made._exchange = exchange  # type: ignore[method-assign]  # As above.
    with pytest.raises(Unproven, match=r"the API server refuses to list pods: forbidden: nobody; .*reviews"):
        made.list("pods", "ns")


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Kube, list[bytes]]:
    """A client whose every answer is the last body of a list."""
    made = client(config(tmp_path_factory.mktemp("scripted"), "http://127.0.0.1:1", {"token": TOKEN}), deadline=60)
    bodies: list[bytes] = []
    made._exchange = lambda method, *_, **__: KubeAnswer(201 if method == "POST" else 200, bodies[-1], {})  # type: ignore[method-assign]
    return made, bodies


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STRANGE)
def test_any_json_value_is_an_answer_or_not_understood(scripted: tuple[Kube, list[bytes]], value: Any) -> None:
    made, bodies = scripted
    bodies.append(json.dumps(value).encode())
    asks: tuple[Callable[[], Any], ...] = (
        lambda: made.get("pods", "p", "ns"),
        lambda: made.list("pods", "ns"),
        lambda: made.list("virtualservices"),
        lambda: made.allowed("list", "pods", "ns"),
        made.served,
    )
    for ask in asks:
        try:
            ask()
        except (ProbeError, Unproven):
            continue


class Frames:
    """A connection that gives these frames and ends."""

    tried = "exec"

    def __init__(self, *frames: bytes) -> None:
        self._frames = list(frames)

    def receive(self) -> bytes | None:
        return self._frames.pop(0) if self._frames else None

    def end(self) -> None:
        """Nothing is open."""

    close = end


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STRANGE)
def test_any_json_value_as_the_status_of_a_command(
    scripted: tuple[Kube, list[bytes]], monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    made, _ = scripted
    monkeypatch.setattr(made, "deadline", 0.5)
    monkeypatch.setattr(kube_exec, "upgrade", lambda *_: Frames(b"\x03" + json.dumps(value).encode()))
    try:
        output = kube_exec.run(made, "ns", "p", "c", ["true"])
    except (ProbeError, Unproven):
        return
    assert 0 <= output.exit_code <= 999


def test_a_frame_is_refused_by_its_length_before_it_is_held(tmp_path: Path) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4_096)
            key = next(line for line in head.decode().splitlines() if line.lower().startswith("sec-websocket-key"))
            guid = f"{key.partition(': ')[2]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(guid.encode(), usedforsecurity=False).digest()).decode()
            lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
            more = (f"Sec-WebSocket-Accept: {accept}", f"Sec-WebSocket-Protocol: {upgrade.V4}", "", "")
            connection.sendall("\r\n".join((*lines, *more)).encode() + b"\x82\x7f" + struct.pack(">Q", 1 << 40))
            connection.recv(1)

    threading.Thread(target=answer, daemon=True).start()
    made = client(config(tmp_path, f"http://127.0.0.1:{listening.getsockname()[1]}", {"token": TOKEN}), deadline=10)
    with pytest.raises(NotUnderstood, match="a frame of 1099511627776 bytes, and 1048576 at most are read"):
        kube_exec.run(made, "ns", "p", "c", ["true"])
    listening.close()
