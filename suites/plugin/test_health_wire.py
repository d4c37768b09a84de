"""RustFS's health over HTTP: what is an answer of its own, and what asks to come again."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator

import pytest

from pytest_gf.honey.probes.again import Throttled
from pytest_gf.honey.probes.health import Health, ask
from pytest_gf.honey.target import S3Section
from pytest_gf.lab.mischief import SLOW_DOWN

Answers = list[tuple[int, bytes]]
Serve = Callable[..., S3Section]
READY = b'{"status": "ok", "ready": true}'
STARTING = b"Service not ready: waiting for iam"


@pytest.fixture
def served() -> Iterator[Serve]:
    """What serves these answers to GET, one after another, the last for ever."""
    running = []

    def serve(answers: Answers, later: str = "0") -> S3Section:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Retry-After", later)
                self.end_headers()
                self.wfile.write(body)

            def version_string(self) -> str:
                return ""

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name.
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return S3Section(
            f"http://127.0.0.1:{server.server_port}", access_key_env="GF_TEST_ACCESS", secret_key_env="GF_TEST_SECRET"
        )

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()


def test_a_throttled_question_is_asked_again(served: Serve) -> None:
    section = served([*[(503, SLOW_DOWN)] * 3, (429, b""), (200, READY)])
    assert ask(section, "/health", deadline=60).document == {"status": "ok", "ready": True}


@pytest.mark.parametrize("body", [STARTING, b'{"status": "degraded", "ready": false}', b""], ids=repr)
def test_a_503_of_its_own_is_an_answer(body: bytes, served: Serve) -> None:
    answer = ask(served([(503, body), (200, READY)]), "/health/ready", deadline=60)
    assert (answer.status, answer.code) == (503, "")


def test_what_stays_throttled_says_nothing_of_health(served: Serve) -> None:
    with pytest.raises(Throttled, match="503 SlowDown") as caught:
        ask(served([(503, SLOW_DOWN)], "3600"), "/health", deadline=60)
    assert caught.value.where == "s3"
    assert Health(503, {}, "").code == ""
