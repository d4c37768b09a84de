"""What ``--gf-plan`` begins with: each section's addresses step by step (DNS, TCP, TLS, clock), and its identity."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import functools
import http.client
import re
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.house import Endpoint
from pytest_gf.engine.redaction import redact
from pytest_gf.engine.target import Unset
from pytest_gf.engine.visible import visible

if TYPE_CHECKING:
    from pytest_gf.engine.house import PlanLine, Section
    from pytest_gf.engine.run import Run

DAY = 86_400
SOON = 21
"""Days before a certificate's end from which on the line says that it is to be renewed."""
MOST_SKEW = 60.0
"""Seconds that two clocks may differ."""
PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
Value = TypeVar("Value")
_AGE = re.compile(r"[0-9]{1,9}")


class Wrong(Exception):
    """A step that failed. It says which one, what came back, and how to mend it."""

    def __init__(self, step: str, came_back: str, mend: str) -> None:
        super().__init__(f"{step}: {visible(came_back)}: {mend}")


class NotLookedAt(Exception):
    """What can't be looked at from here, and why."""


def reach(run: Run) -> Iterator[PlanLine]:
    """Yield a line for each address of the target's sections, and one for each identity. A failure's line says how to mend it.

    All sections are looked at side by side, and whatever has not answered within the run's deadline is given up.
    """
    seconds = run.deadline
    ends = time.monotonic() + seconds
    sections = [section for section in run.house.sections if section.name in run.target.sections]
    begun = [(section, _begin(functools.partial(_looks, section, run, seconds))) for section in sections]
    yield f"it reaches (looked at for at most {seconds:g} s):", False
    for section, section_looks in begun:
        try:
            looks = section_looks.result(max(ends - time.monotonic(), 0))
        except Exception as wrong:  # noqa: BLE001  # Whatever the House's own functions raise is one line.
            yield _failed(f"[{section.name}]", wrong, seconds)
            continue
        if not looks:
            yield f"  unseen [{section.name}] its Section declares no endpoints and no identity", False
        for label, look in looks:
            yield _line(label, look, max(ends - time.monotonic(), 0), seconds)


def _looks(section: Section, run: Run, seconds: float) -> list[tuple[str, Future[str]]]:
    """Begin to look at a section: at each address, then at the identity, which is not asked where no address is reached."""
    value, target = run.target.sections[section.name], run.target
    looks = []
    for key, given in (section.endpoints(value, target) if section.endpoints is not None else {}).items():
        endpoint = Endpoint(given) if isinstance(given, str) else given
        looks.append((f"[{section.name}] {key} {endpoint.url}", _begin(Look(endpoint, seconds).report)))
    identity = section.identity
    if identity is None:
        return looks

    def ask() -> str:
        if looks and all(_is_down(look, seconds) for _, look in looks):
            raise NotLookedAt("not asked, because no address above is reached")
        return ", ".join(identity(value, target, seconds / 2))

    return [*looks, (f"[{section.name}] identity", _begin(ask))]


def _is_down(look: Future[str], seconds: float) -> bool:
    try:
        return isinstance(look.exception(seconds), Wrong)
    except TimeoutError:
        return True


def _begin(work: Callable[[], Value]) -> Future[Value]:
    """Do this in a daemon thread, so that a hang does not delay the exit."""
    future: Future[Value] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as raised:  # noqa: BLE001  # The line that waits for it says so.
            future.set_exception(raised)

    threading.Thread(target=do, name="gf-plan", daemon=True).start()
    return future


def _line(label: str, look: Future[str], left: float, seconds: float) -> PlanLine:
    try:
        return f"  good   {label}: {look.result(left)}", False
    except Unset as wrong:
        return _failed(label, wrong, seconds)
    except (NotLookedAt, Unproven) as unseen:
        return f"  unseen {label}: {_told(unseen, seconds)}", False
    except Exception as wrong:  # noqa: BLE001  # A plan has a line, never a traceback.
        return _failed(label, wrong, seconds)


def _failed(label: str, wrong: Exception, seconds: float) -> PlanLine:
    return f"  FAILS  {label}: {visible(redact(_told(wrong, seconds)), 1_000)}", True


def _told(wrong: Exception, seconds: float) -> str:
    """Return what is wrong, and the mend if there is one."""
    if isinstance(wrong, TimeoutError):
        return f"no answer within {seconds:g} s: a firewall between, or a name server that is silent? (--gf-deadline)"
    if isinstance(wrong, ProbeError | Unproven):
        problem = wrong.came_back if isinstance(wrong, ProbeError) else wrong.reason
        return ": ".join(filter(None, (problem, wrong.next_step)))
    return str(wrong) if isinstance(wrong, Wrong | NotLookedAt) else f"{type(wrong).__name__}: {wrong}"


class Look:
    """A look at one address, step by step. Each answer is waited for a quarter of ``seconds`` at most."""

    def __init__(self, endpoint: Endpoint, seconds: float) -> None:
        self.endpoint, self.seconds = endpoint, seconds / 4
        parts = urlsplit(endpoint.url)
        self.scheme, self.host = parts.scheme, parts.hostname or ""
        self.port = parts.port or PORTS.get(parts.scheme, 0)
        self.authority = parts.netloc.rpartition("@")[2]

    def report(self) -> str:
        """Return what was seen. Raises Wrong for the first step that fails, NotLookedAt for what is no address to dial."""
        if self.scheme == "file":
            return self._folder()
        if self.scheme not in PORTS:
            raise NotLookedAt(self.endpoint.about or "not dialled by a plan")
        self._no_proxy()
        addresses = self._resolved()
        begun = time.monotonic()
        with contextlib.ExitStack() as closing:
            connection = closing.enter_context(self._connected(addresses))
            steps = [f"DNS {connection.getpeername()[0]}", f"TCP {(time.monotonic() - begun) * 1000:.0f} ms"]
            if self.scheme in {"https", "grpcs"}:
                connection, words = self._secured(connection)
                closing.enter_context(connection)  # It took the plain one's place.
                steps.append(words)
            if self.scheme in {"http", "https"}:  # gRPC tells no Date.
                steps.append(self._clock(connection))
        return ", ".join(steps)

    def _folder(self) -> str:
        path = Path(unquote(urlsplit(self.endpoint.url).path))
        if not path.is_dir():
            raise Wrong("folder", "it is not there", "check the path in the target file")
        return "it is there"

    def _no_proxy(self) -> None:
        proxy = urllib.request.getproxies().get(self.scheme)
        loopback = self.host in {"localhost", "::1"} or self.host.startswith("127.")
        if proxy and not loopback and not urllib.request.proxy_bypass(self.host):
            raise NotLookedAt(f"asked through the proxy {urlsplit(proxy).hostname or proxy} of the environment")

    def _resolved(self) -> list[tuple[Any, ...]]:
        try:
            return [address[4] for address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as unknown:
            problem = getattr(unknown, "strerror", None) or str(unknown)
            mend = "check the name; a cluster's own names are known in its pods alone"
            raise Wrong("DNS", f"{self.host} does not resolve ({problem})", mend) from None

    def _connected(self, addresses: list[tuple[Any, ...]]) -> socket.socket:
        failed: OSError = OSError("it has no address")
        for address in addresses:
            try:
                return socket.create_connection(address[:2], timeout=self.seconds / len(addresses))
            except OSError as wrong:
                failed = wrong
        if isinstance(failed, TimeoutError):
            mend = "a firewall or a NetworkPolicy between, or another network?"
            raise Wrong("TCP", f"no answer within {self.seconds:g} s", mend)
        mend = "is it up, and does it listen on this port?"
        raise Wrong("TCP", f"{addresses[0][0]} port {self.port}: {failed.strerror or failed}", mend)

    def _secured(self, connection: socket.socket) -> tuple[socket.socket, str]:
        """Return the connection after TLS's handshake, and how long the certificate is good."""
        import certifi

        try:
            authorities = (
                None if self.endpoint.unchecked else self.endpoint.ca_file or certifi.where()
            )  # As the probes.
            context = ssl.create_default_context(cafile=authorities)
            if self.endpoint.unchecked:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            secured = context.wrap_socket(connection, server_hostname=self.host)
        except ssl.SSLCertVerificationError as wrong:
            raise Wrong("TLS", *self._why(wrong)) from None
        except OSError as wrong:
            problem = getattr(wrong, "reason", None) or wrong.strerror or str(wrong) or type(wrong).__name__
            raise Wrong(
                "TLS", f"no handshake ({problem})", "does this port speak TLS? does a proxy stand before it?"
            ) from None
        if self.endpoint.unchecked:
            return secured, "TLS unchecked, as the target says"
        ends = ssl.cert_time_to_seconds(str((secured.getpeercert() or {})["notAfter"]))
        return secured, f"TLS good until {_days(ends)}"

    def _why(self, wrong: ssl.SSLCertVerificationError) -> tuple[str, str]:
        """Return what is wrong with the certificate that was refused, and the mend; it is asked for once more to be read."""
        today = datetime.datetime.now(datetime.UTC)
        seen, names, expired = self._certificate(today)
        problem = f"{wrong.verify_message}{f' ({seen})' if seen else ''}"
        if expired:
            return problem, f"renew it; or is this machine's clock wrong ({today:%Y-%m-%d})?"
        if "ame mismatch" in wrong.verify_message or "address mismatch" in wrong.verify_message:
            return problem, f"ask by a name that it has: {', '.join(names) or 'it has none'}"
        if "not yet valid" in wrong.verify_message:
            return problem, f"is this machine's clock wrong ({today:%Y-%m-%d %H:%M} UTC)?"
        return problem, "name the file of its authority (ca_file in the target)"

    def _certificate(self, today: datetime.datetime) -> tuple[str, tuple[str, ...], bool]:
        """Return the certificate in words, its names, and whether it is over; nothing where it can't be read."""
        from cryptography import x509

        try:
            pem = ssl.get_server_certificate((self.host, self.port), timeout=self.seconds)
            read = x509.load_pem_x509_certificate(pem.encode())
        except (OSError, ValueError):
            return "", (), False
        try:
            alternatives = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = tuple(visible(str(name.value), 100) for name in list(alternatives)[:10])
        except (x509.ExtensionNotFound, ValueError):
            names = ()
        issuer = visible(read.issuer.rfc4514_string(), 100)
        words = f"issued by {issuer}, until {_days(read.not_valid_after_utc.timestamp())}"
        return words, names, read.not_valid_after_utc < today

    def _clock(self, connection: socket.socket) -> str:
        """Ask for nothing but an answer's head, and compare its Date with this machine's clock."""
        begun = time.time()
        try:
            connection.settimeout(self.seconds)
            client = http.client.HTTPConnection(self.authority)
            client.sock = connection
            client.request("HEAD", "/", headers={"User-Agent": "pytest-gf", "Connection": "close"})
            with client.getresponse() as answer:
                date, age = answer.headers.get("Date", ""), answer.headers.get("Age", "")
        except TimeoutError:
            raise Wrong(
                "HTTP", f"no answer within {self.seconds:g} s", "is it overloaded? is it another server?"
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as wrong:
            problem = str(wrong)[:100] or type(wrong).__name__
            raise Wrong(
                "HTTP", f"what answers speaks no HTTP ({problem})", "is this the right port? http or https?"
            ) from None
        skew = ahead(date, age, (begun + time.time()) / 2)
        if skew is None:
            return "clock unknown (no Date came)"
        if abs(skew) > MOST_SKEW:
            side = "ahead of" if skew > 0 else "behind"
            mend = "set the one that is wrong (NTP): signatures and tokens are refused where clocks disagree"
            raise Wrong("clock", f"the server's is {_span(abs(skew))} {side} this machine's", mend)
        return f"clock agrees within {max(1, round(abs(skew)))} s"


def ahead(date: str, age: str, now: float) -> float | None:
    """Return how many seconds a server's clock is ahead, by an answer's Date and a cache's Age; None where it told none."""
    try:
        theirs = email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return theirs + (int(age) if _AGE.fullmatch(age) else 0) - now


def _span(seconds: float) -> str:
    return f"{seconds / DAY:.1f} days" if seconds > DAY else f"{seconds:.0f} s"


def _days(ends: float) -> str:
    """Return a day, and how far it is."""
    left = int((ends - time.time()) // DAY)
    far = f"{left} days: renew it" if 0 <= left < SOON else f"{left} days" if left >= 0 else f"{-left} days ago"
    return f"{datetime.datetime.fromtimestamp(ends, datetime.UTC):%Y-%m-%d} ({far})"
