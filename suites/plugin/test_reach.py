"""What a plan begins with, against servers of loopback: each step that fails has its line and its mend, and nothing waits for ever."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.house import Endpoint, PlanLine, Section
from pytest_gf.engine.reach import ahead, reach
from pytest_gf.engine.target import Unset

LONG = 40.0
"""A run's deadline where nothing is to be late."""
DATELESS = b"HTTP/1.0 200 OK\r\n\r\n"
DRIPS = b"HTTP/1.1 200 OK\r\nX-Drips: "
"""The answer that goes on for ever, a byte at a time."""
Serve = Callable[..., int]


def dated(seconds: float = 0.0, *more: str) -> bytes:
    """Return a server's answer whose clock is so many seconds ahead."""
    lines = ["HTTP/1.1 403 Forbidden", f"Date: {email.utils.formatdate(time.time() + seconds, usegmt=True)}", *more]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve one answer to everybody on a port of loopback, by TLS where a context is given; None as answer says nothing at all."""
    with contextlib.ExitStack() as closing:

        def start(answer: bytes | None = None, tls: ssl.SSLContext | None = None) -> int:
            listener = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
            over = threading.Event()
            server = threading.Thread(target=answering, args=(listener, answer, tls, over), daemon=True)
            server.start()
            closing.callback(server.join, 60)
            closing.callback(listener.shutdown, socket.SHUT_RDWR)  # Whoever waits in accept is woken by this alone.
            closing.callback(over.set)
            return int(listener.getsockname()[1])

        yield start


def answering(listener: socket.socket, answer: bytes | None, tls: ssl.SSLContext | None, over: threading.Event) -> None:
    """Answer whoever comes, until the listener is shut down."""
    with contextlib.ExitStack() as kept, contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.settimeout(30)
            with contextlib.suppress(OSError):
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                if answer is not None:
                    connection.recv(4096)
                    connection.sendall(answer)
                while answer is DRIPS and not over.wait(0.1):
                    connection.sendall(b"x")
            kept.callback(connection.close)


def certificate(folder: Path, *, days: tuple[float, float] = (-1, 90), name: str = "127.0.0.1") -> ssl.SSLContext:
    """Return the server's side of a self-signed certificate; ``folder/ca.pem`` is it, good from and until so many days from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now + datetime.timedelta(days=days[0]))
    builder = builder.not_valid_after(now + datetime.timedelta(days=days[1], hours=1))
    names = x509.IPAddress(ipaddress.IPv4Address(name)) if name[0].isdigit() else x509.DNSName(name)
    builder = builder.add_extension(x509.SubjectAlternativeName([names]), critical=False)
    (folder / "ca.pem").write_bytes(
        signed := builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(signed + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


def lines(*sections: Section, deadline: float = LONG) -> list[PlanLine]:
    """Return the lines of a target that has these sections, but for the first."""
    house = SimpleNamespace(sections=sections)
    target = SimpleNamespace(sections={section.name: f"the value of {section.name}" for section in sections})
    first, *rest = reach(SimpleNamespace(house=house, target=target, deadline=deadline))  # type: ignore[arg-type]
    assert first[1] is False
    return rest


def line(url: str, **more: Any) -> PlanLine:
    """Return the one line of a section with one address, without its label."""
    ((said, lacks),) = lines(Section("one", dict, endpoints=at(url, **more)))
    assert f" [one] at {url}: " in said
    return said.replace(f"[one] at {url}: ", "").strip(), lacks


def at(url: str, **more: Any) -> Callable[[Any, Any], dict[str, str | Endpoint]]:
    """Return the endpoints of a section with one address."""
    return lambda _value, _target: {"at": Endpoint(url, **more)}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_what_is_reached_is_one_good_line(serve: Serve, tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    said, lacks = line(f"https://127.0.0.1:{serve(dated(), tls)}", ca_file=str(tmp_path / "ca.pem"))
    assert (said.split()[0], lacks) == ("good", False)
    for words in ("DNS 127.0.0.1, TCP ", "TLS good until ", "(90 days)", "clock agrees within"):
        assert words in said
    assert "TLS" not in line(f"http://127.0.0.1:{serve(dated())}")[0]
    assert line(f"grpc://127.0.0.1:{serve()}")[0].startswith("good   DNS 127.0.0.1, TCP "), "gRPC tells no clock"
    assert "clock unknown (no Date came)" in line(f"http://127.0.0.1:{serve(DATELESS)}")[0]
    assert "TLS unchecked" in line(f"https://127.0.0.1:{serve(dated(), tls)}", unchecked=True)[0]


@pytest.mark.parametrize("scheme", ["http", "https", "grpc", "grpcs"])
def test_a_closed_port(scheme: str) -> None:
    port = closed_port()
    assert line(f"{scheme}://127.0.0.1:{port}") == (
        f"FAILS  TCP: 127.0.0.1 port {port}: Connection refused: is it up, and does it listen on this port?",
        True,
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", f"{'a' * 64}.example"])
def test_a_name_that_does_not_resolve(host: str) -> None:
    said, lacks = line(f"http://{host}:80")
    assert said.startswith(f"FAILS  DNS: {host} does not resolve (")
    assert said.endswith("): check the name; a cluster's own names are known in its pods alone")
    assert lacks


@pytest.mark.parametrize(
    ("made", "trusted", "says", "mend"),
    [
        ({}, False, "self-signed certificate (issued by CN=a test, until ", "name the file of its authority (ca_file"),
        ({"days": (-90, -3)}, True, "certificate has expired (issued by CN=a test, until ", "renew it; or is this"),
        ({"days": (-90, -3)}, False, "(3 days ago)", "renew it; or is this machine's clock wrong (20"),
        ({"days": (3, 90)}, True, "certificate is not yet valid", "is this machine's clock wrong (20"),
        ({"name": "10.1.1.1"}, True, "IP address mismatch", "ask by a name that it has: 10.1.1.1"),
        ({"name": "a.example"}, True, "mismatch", "ask by a name that it has: a.example"),
    ],
    ids=["self-signed", "expired", "expired-and-foreign", "from-tomorrow", "another-address", "another-name"],
)
def test_a_certificate_that_is_not_good(  # noqa: PLR0917  # A row of a table, and two fixtures.
    made: dict[str, Any], trusted: bool, says: str, mend: str, serve: Serve, tmp_path: Path
) -> None:
    port = serve(dated(), certificate(tmp_path, **made))
    said, lacks = line(f"https://127.0.0.1:{port}", ca_file=str(tmp_path / "ca.pem") if trusted else None)
    assert said.startswith("FAILS  TLS: ")
    assert says in said
    assert mend in said
    assert lacks


def test_a_certificate_that_soon_ends_is_good_and_says_so(serve: Serve, tmp_path: Path) -> None:
    port = serve(None, certificate(tmp_path, days=(-1, 5)))
    said, lacks = line(f"grpcs://127.0.0.1:{port}", ca_file=str(tmp_path / "ca.pem"))
    assert "(5 days: renew it)" in said
    assert not lacks


def test_a_port_that_speaks_another_tongue(serve: Serve) -> None:
    said, lacks = line(f"https://127.0.0.1:{serve(dated())}")
    assert said.startswith("FAILS  TLS: no handshake (")
    assert "does this port speak TLS?" in said
    assert lacks
    for garbage in (b"220 mail.example ESMTP\r\n", b"\x00" * 100 + b"\n", b"HTTP/1.1 abc\r\n\r\n"):
        said, lacks = line(f"http://127.0.0.1:{serve(garbage)}")
        assert said.startswith("FAILS  HTTP: what answers speaks no HTTP ("), garbage
        assert lacks


@pytest.mark.parametrize(
    ("skew", "says"),
    [(-3600, "the server's is 36[0-9]{2} s behind this machine's"), (2 * 86_400, r"is [12]\.[0-9] days ahead of this")],
)
def test_a_wrong_clock(skew: int, says: str, serve: Serve) -> None:
    said, lacks = line(f"http://127.0.0.1:{serve(dated(skew))}")
    assert re.search(says, said)
    assert said.endswith("set the one that is wrong (NTP): signatures and tokens are refused where clocks disagree")
    assert lacks


def test_an_answer_of_a_cache_is_as_old_as_it_says(serve: Serve) -> None:
    assert not line(f"http://127.0.0.1:{serve(dated(-7200, 'Age: 7200'))}")[1]


@given(st.text(max_size=60), st.text(max_size=20))
def test_whatever_a_server_says_of_its_clock(date: str, age: str) -> None:
    seconds = ahead(date, age, 0.0)
    assert seconds is None or seconds == seconds  # noqa: PLR0124  # It is no NaN.
    assert ahead("Thu, 01 Jan 1970 00:01:00 GMT", age, 60.0) is not None


@pytest.mark.parametrize("date", ["", "0", "Mon, 99 Nov 2026 00:00:00 GMT", "\x00"])
def test_a_date_that_is_none(date: str) -> None:
    assert ahead(date, "", time.time()) is None


def test_servers_that_are_silent_end_with_the_deadline(serve: Serve) -> None:
    """Side by side: ten of them take no longer than one."""
    lines_said = lines(
        *(Section(f"s{number}", dict, endpoints=at(f"http://127.0.0.1:{serve()}")) for number in range(10)),
        deadline=2.0,
    )
    for said, lacks in lines_said:
        assert "no answer within" in said
        assert lacks
    assert len(lines_said) == 10


def test_a_server_that_drips_is_given_up(serve: Serve) -> None:
    """Each byte comes in time, and the head never ends."""
    ((said, lacks),) = lines(Section("one", dict, endpoints=at(f"http://127.0.0.1:{serve(DRIPS)}")), deadline=2.0)
    assert "no answer within 2 s" in said
    assert lacks


def never(_value: Any, _target: Any, _seconds: float = 0) -> Any:
    threading.Event().wait(3600)


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (Unset("A_KEY"), "FAILS  [one] identity: variable A_KEY is not set: set it in the environment of this run"),
        (ProbeError("x", "403 InvalidKey", "check it"), "FAILS  [one] identity: 403 InvalidKey: check it"),
        (Unproven("it may not ask", "grant it"), "unseen [one] identity: it may not ask: grant it"),
        (ValueError("\x1b[31m" * 1000), "FAILS  [one] identity: ValueError: \\x1b[31m"),
    ],
)
def test_what_an_identity_raises_is_one_line(raised: Exception, says: str) -> None:
    def identity(_value: Any, _target: Any, _seconds: float) -> Iterator[str]:
        yield "unfinished"
        raise raised

    ((said, lacks),) = lines(Section("one", dict, identity=identity))
    assert said.strip().startswith(says)
    assert len(said) < 1_200
    assert "\n" not in said
    assert lacks == ("FAILS" in says)


def test_a_target_of_which_everything_is_down(tmp_path: Path) -> None:
    """A section without a word, one that hangs, one that breaks, and some that are down: a line each, and none is left out."""
    port = closed_port()

    def breaks(_value: Any, _target: Any) -> dict[str, str]:
        raise ProbeError("reading it", "it is not there", "write it")

    lines_said = lines(
        Section("bare", dict),
        Section("breaks", dict, endpoints=breaks),
        Section("hangs", dict, endpoints=never),
        Section("down", dict, endpoints=at(f"http://127.0.0.1:{port}"), identity=never),
        Section("files", dict, endpoints=lambda _v, _t: {"is": tmp_path.as_uri(), "no": f"{tmp_path.as_uri()}/no"}),
        Section("ways", dict, endpoints=at("port-forward:n/svc/s:1", about="see [down]")),
        deadline=2.0,
    )
    assert [said.split(": ")[0].strip() for said, _ in lines_said] == [
        "unseen [bare] its Section declares no endpoints and no identity",
        "FAILS  [breaks]",
        "FAILS  [hangs]",
        f"FAILS  [down] at http://127.0.0.1:{port}",
        "unseen [down] identity",
        f"good   [files] is {tmp_path.as_uri()}",
        f"FAILS  [files] no {tmp_path.as_uri()}/no",
        "unseen [ways] at port-forward:n/svc/s:1",
    ]
    assert [lacks for _, lacks in lines_said] == [False, True, True, True, False, False, True, False]
    assert "it is not there: write it" in lines_said[1][0]
    assert "no answer within 2 s" in lines_said[2][0]
    assert lines_said[4][0].endswith("not asked, because no address above is reached")


def test_behind_a_proxy_nothing_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://user:password@proxy.example:3128")
    assert line("https://nowhere.invalid") == (
        "unseen asked through the proxy proxy.example of the environment",
        False,
    )
    port = closed_port()
    assert "Connection refused" in line(f"https://127.0.0.1:{port}")[0], "this machine is never behind it"
