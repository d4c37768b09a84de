"""FlakeHub's page: answering holds, any other answer is violated, none is an error, no section is unproven."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CLAUSE = "acceleration.flakehub-answers"


class Published(http.server.BaseHTTPRequestHandler):
    """Knows one flake."""

    def do_GET(self) -> None:  # http.server's name.
        self.send_response(200 if self.path == "/f/known" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name.
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Published)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("section", "verdict", "code"),
    [
        ('[flakehub]\npage = "ADDRESS/f/known"\n', "holds", 0),
        ('[flakehub]\npage = "ADDRESS/f/unknown"\n', "violated", 1),
        ('[flakehub]\npage = "http://127.0.0.1:1/"\n', "error", 10),
        ("", "unproven", 11),
    ],
)
def test_each_answer_has_its_verdict(  # noqa: PLR0917  # pytest calls it by name.
    section: str, verdict: str, code: int, address: str, run_pytest: Any, tmp_path: Path
) -> None:
    target = tmp_path / "target.toml"
    target.write_text(f'name = "outside"\nvantage = "operator"\n{section.replace("ADDRESS", address)}')
    outcome = run_pytest("--gf", "-k", CLAUSE, f"--gf-target={target}", environment={"NO_PROXY": "127.0.0.1"})
    assert {name: row["verdict"] for name, row in outcome.verdicts().items()} == {CLAUSE: verdict}, outcome.text
    assert outcome.exit == code
