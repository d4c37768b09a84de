"""The documents are true: every option, marker, hook and file stands in them, and every command in them runs."""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine import options
from pytest_gf.engine.axes import Axes
from pytest_gf.engine.facts import GIVENS
from pytest_gf.engine.verdict import Exit, Verdict
from pytest_gf.honey import HOUSE, contract
from pytest_gf.honey.house import load_target
from pytest_gf.honey.vantage import VANTAGES
from pytest_gf.lab.kube import tls
from pytest_gf.pages import incidents, usage

ROOT = Path(__file__).parents[2]
USAGE = (ROOT / "docs" / "usage.md").read_text()


def test_every_option_is_documented_and_no_other() -> None:
    known = {option.name for option in options.options_of(HOUSE)}
    assert set(re.findall(r"^\| `(--gf[a-z-]*)", USAGE, re.MULTILINE)) == known
    a_forks = set(re.findall(r'"(--gf-[a-z-]+)"', (ROOT / "docs" / "fork.md").read_text()))
    assert set(re.findall(r"--gf(?:-[a-z]+)*", _everything())) - known == a_forks


def _everything() -> str:
    return "\n".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def test_markers_verdicts_exit_codes_vantages_and_words_are_documented() -> None:
    for marker in options.markers_of(HOUSE):
        assert f"| `{marker.partition('(')[0]}` |" in USAGE
    for verdict in Verdict:
        assert f"| {verdict} |" in USAGE
        assert f"| {verdict} |" in (ROOT / "README.md").read_text()
    for code in Exit:
        assert re.search(rf"\b{int(code)}\b", USAGE)
    targets = (ROOT / "docs" / "targets.md").read_text()
    for word in (*HOUSE.allows, *VANTAGES, "bazel"):
        assert re.search(rf"\b{word}\b", targets)
    writing = (ROOT / "docs" / "writing-clauses.md").read_text()
    for word in (*HOUSE.axis_names, *GIVENS):
        assert f"`{word}`" in writing
    for word in ("pytest_gf_verdict", "| `gf_house` |", "| `gf_suites` |", "| `gf_target` |"):
        assert word in USAGE


def test_the_page_of_clauses_is_what_the_generator_makes(tmp_path: Path) -> None:
    import subprocess
    import sys

    made = tmp_path / "clauses.md"
    done = subprocess.run(
        [sys.executable, "-m", "pytest_gf.pages.clauses", str(made)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert made.read_text() == (ROOT / "docs" / "clauses.md").read_text(), (
        "run: python -m pytest_gf.pages.clauses docs/clauses.md"
    )


def test_the_tables_of_usage_are_what_the_generator_makes() -> None:
    assert usage.page(USAGE, HOUSE) == USAGE, "run: python -m pytest_gf.pages.usage docs/usage.md"
    with pytest.raises(ValueError, match="<!-- markers: generated -->"):
        usage.page(USAGE.replace("<!-- markers", "<!-- marks"), HOUSE)


def test_the_page_of_incidents_is_what_the_generator_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    made = incidents.page(HOUSE.kinds, incidents.shown_by())
    assert made == (ROOT / "docs" / "incidents.md").read_text(), (
        "run: python -m pytest_gf.pages.incidents docs/incidents.md"
    )
    sections = set(re.findall(r"^## (.+)$", made, re.MULTILINE))
    assert sections == {kind.page.partition("#")[2] for kind in HOUSE.causes.values()} == HOUSE.kinds.keys()


def test_pages_lead_to_pages_that_are_there() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        linked = re.findall(r"\]\(([a-z-]+\.md)\)", path.read_text())
        assert [name for name in linked if not (path.parent / name).is_file()] == [], path


def test_no_comment_leads_to_a_page_that_is_not_ours() -> None:
    """What real systems do stands in docs/systems.md."""
    for folder in ("pytest_gf", "fixtures", "suites", "benchmarks"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in {".py", ".toml"} and path != Path(__file__):
                assert not re.search(r"\bfacts/[a-z-]+\.md|\bdesign\.md", path.read_text()), path
    assert (ROOT / "docs" / "systems.md").is_file()


def test_each_folder_that_the_map_names_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"^  ([a-z_/]+(?:\.py|/))", text, re.MULTILINE)
    assert named
    assert [name for name in named if not (ROOT / "pytest_gf" / name).exists()] == []


def commands(path: Path) -> list[str]:
    """Return the pytest calls in a document's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("pytest")]


README = [line for line in commands(ROOT / "README.md") if "honey.toml" not in line]
README += commands(ROOT / "docs" / "before-an-apply.md")
LOST = ROOT / "docs" / "bucket-index-gone.md"
README += commands(LOST)
WORDS = {"=STACK": "=attic", "=B": "=attic", "=PATH": "=lab", "=HASH": "=g7y840vqna9ji1azbsnfdz2ixnskc6zg"}
README += [
    functools.reduce(lambda text, word: re.sub(rf"{word}$", WORDS[word], text), WORDS, line)
    for line in re.findall(r"^\| `just [^|]*\| `(pytest [^`]*)`", LOST.read_text(), re.MULTILINE)
]
README = [*dict.fromkeys(README)]
QUICK = ("index-lost", "--gf-plan", "-m repository --gf", "clause(id=", "--gf-expect-interim", "-m rca --gf-bucket")
"""What of these commands runs in every change, one of each kind; the rest is slow."""


@pytest.mark.parametrize("option", ["--gf-faults", "--markers", "--help"])
def test_what_lists_runs_without_the_tests_extra(option: str, run_pytest: Any, tmp_path: Path) -> None:
    (tmp_path / "hypothesis.py").write_text("raise ModuleNotFoundError('not installed')\n")
    outcome = run_pytest(option, environment={"PYTHONPATH": str(tmp_path)})
    assert outcome.exit == 0, outcome.text


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, marks=() if any(word in line for word in QUICK) else pytest.mark.slow, id=str(number))
        for number, line in enumerate(README)  # An id with -k's word in it would run itself.
    ],
)
def test_the_readmes_commands_run(line: str, run_pytest: Any, tmp_path: Path) -> None:
    outcome = run_pytest(*shlex.split(line.replace("baseline.json", str(tmp_path / "baseline.json")))[1:])
    is_red = "--gf-fault" in line or line.endswith("-m ha")
    assert outcome.exit == (1 if is_red else 0), outcome.text
    assert "rights at" in outcome.text if "--gf-plan" in line else outcome.record["verdicts"]


def test_the_teams_old_names_stand_where_people_look() -> None:
    names = contract.load().commands
    for path in (ROOT / "README.md", LOST):
        assert [name for name in names if name not in path.read_text()] == []
    assert "tofu-state-authority-deep-check" in (ROOT / "docs" / "before-an-apply.md").read_text()


def test_the_readmes_makers_are_what_ci_runs() -> None:
    text = (ROOT / "README.md").read_text()
    (test,) = re.findall(r"<!-- test-command -->\n```sh\n(.*)\n```", text)
    (slow,) = re.findall(r"<!-- slow-command -->\n```sh\n(.*)\n```", text)
    (canary,) = re.findall(r"<!-- canary-command -->\n```sh\n(.*)\n```", text)
    assert test.startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert test.endswith('.venv/bin/pytest -n 3 --dist worksteal --timeout=600 -m "not slow"')
    assert slow == ".venv/bin/pytest -n 3 --dist worksteal --timeout=600 -m slow", "together they are all tests"
    assert canary.endswith(".venv/bin/pytest -m canary")
    ci = (ROOT / ".ci" / "run").read_text()
    assert "for name in canary-command test-command slow-command; do" in ci


def test_the_target_and_the_contract_in_the_documents_are_read(tmp_path: Path) -> None:
    tls.context(tmp_path)  # It writes ca.pem.
    for name in ("README.md", "docs/targets.md"):
        (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)
        (tmp_path / "t.toml").write_text(text)
        assert load_target(tmp_path / "t.toml").permits("scratch")
    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "contract.md").read_text(), re.DOTALL)
    (tmp_path / "c.toml").write_text(text)
    fork = contract.load(tmp_path / "c.toml")
    assert Axes(HOUSE, fork, {}, {}).values("bucket") == ("tofu-state", "attic", "my-cache")
    assert fork.stacks["attic"].bucket == "tofu-state"


def test_the_newcomers_clause_works_as_it_stands(run_pytest: Any, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "writing-clauses.md").read_text()
    for name, body in re.findall(r"`([a-z_/.]+)`:\n\n```\w+\n(.*?)```", text, re.DOTALL):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    outcome = run_pytest("-m", "canary", cwd=tmp_path)
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("holds") > {f"lab.name-fits[{bucket}]" for bucket in contract.load().buckets}
    names = tmp_path / "names.py"
    names.write_text(names.read_text().replace("LONGEST = 63", "LONGEST = 5"))
    outcome = run_pytest("-m", "canary", "-k", "lab.name-fits", cwd=tmp_path)
    assert outcome.exit == 1, outcome.text
    assert outcome.rows("holds") == {"lab.name-fits[attic]"}
    row = outcome.verdicts()["lab.name-fits[tofu-state]"]
    assert row["reason"].startswith("S3 refuses the name tofu-state\n")
    assert row["next_step"] == "rename the bucket in the contract"


@pytest.mark.slow
def test_the_files_of_a_run_are_the_documented_ones(run_pytest: Any) -> None:
    written = set()
    for arguments in (
        ("-m", "rca", "-k", "rca.cause"),
        ("-m", "audit", "--gf-shard=0/256"),
        ("-m", "canary", "-k", "scratch"),
    ):
        outcome = run_pytest(*arguments)
        written |= {path.name for path in outcome.folder.iterdir()}
    assert written == {
        name.rstrip("/")
        for name in re.findall(r"^\| `([a-z.-]+/?)` \|", USAGE, re.MULTILINE)
        if "." in name or "/" in name
    }
    for key in outcome.record:
        assert key in USAGE
    for key in outcome.record["verdicts"][0]:
        assert key in USAGE


def test_fragments_are_named_as_the_changelog_says() -> None:
    for path in (ROOT / "changelog").iterdir():
        assert re.fullmatch(r"README\.md|\d+(\.[a-z-]+)?\.(feature|fix|change)\.md", path.name), path.name
