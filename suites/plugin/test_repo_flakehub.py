"""FlakeHub's page: answering holds, any other answer is violated, none is an error, no section is unproven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CLAUSE = "acceleration.flakehub-answers"


@pytest.fixture
def address(serve: Callable[..., str]) -> str:
    """A site that knows one flake."""
    return serve(lambda _, path: (200 if path == "/f/known" else 404, {}, b""))


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
