"""Hostile checkouts: bounded, refused by name, nothing executed, never a traceback."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_gf.honey.formats import bash, envrc, expression, hcl, markdown, nixconf, recipes, shell, workflow
from pytest_gf.honey.formats.expression import Truth
from pytest_gf.honey.formats.expression_values import UNKNOWN
from pytest_gf.honey.formats.templates import GITHUB, GITLAB, JUST, rendered
from pytest_gf.honey.formats.yaml_nodes import Malformed, read, read_all
from pytest_gf.honey.observed.repository import gitlab
from pytest_gf.honey.observed.repository.effects import Around, effects
from pytest_gf.honey.probes import repository

WORKFLOW = "on: pull_request\njobs: {t: {runs-on: x, steps: [{run: make}]}}\n"
BAD_YAML = {
    "5 MB": "a: b\n" * 1_000_000,
    "10,000 anchors": "".join(f"k{n}: &a{n} v\n" for n in range(10_000)),
    "aliases of aliases": "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 30)),
    "deep flow": "a: " + "[" * 5_000 + "]" * 5_000,
    "deep blocks": "".join(" " * n + "k:\n" for n in range(300)),
    "deep, and never ended": "a: " + "{b: " * 100_000,
    "an alias to itself": "a: &a [*a]\n",
    "an unknown alias": "a: *b\n",
    "a key that is a list": "? [a]\n: b\n",
    "a control character": "a: \x01\n",
    "a tab": "a:\n\t- b\n",
    "two documents": "a: b\n---\nc: d\n",
    "a key twice": "a: b\na: c\n",
}


@pytest.mark.parametrize("text", BAD_YAML.values(), ids=BAD_YAML)
def test_yaml_is_refused_with_a_line(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        read(text)
    assert refused.value.line >= 1
    assert 5 < len(refused.value.what) < 300


def test_a_few_aliases_are_no_attack() -> None:
    assert len(read_all("a: &a {x: 1}\nb: *a\nc: *a\n---\nd: e\n")) == 2


@pytest.mark.parametrize("text", ["{\U000e1481", "echo {1..\U0010ffff}", "a={\u4e2d", "${\U0001f600}"])
def test_a_strange_character_behind_a_brace_does_not_end_the_process(text: str) -> None:
    for _ in range(100):
        bash.Tree(text)
    first = shell.read(f"attic push {text}\n").commands[0]
    assert [word.text for word in first.words][:2] == ["attic", "push"]


@pytest.mark.parametrize("text", ["attic push a\u2003b", "attic \u3000push x", "\u03a9=1 attic push"])
def test_a_strange_character_is_a_part_of_a_word(text: str) -> None:
    """As Bash has it: no other than the space, the tab and the line's end part words, and a name is ASCII."""
    assert [word.text for word in shell.read(f"{text}\n").commands[0].words] == text.split(" ")


_SIGNS = st.text(alphabet="ab:{}[]#&*-\n \"'$()|<>=%!?,.~`@\\\t;if", max_size=300)


@settings(deadline=None)  # The first call imports libraries.
@given(st.one_of(st.text(max_size=300), _SIGNS))
def test_any_text_is_read_or_refused(text: str) -> None:
    for take in (read, workflow.workflow, workflow.action):
        try:
            take(text)
        except Malformed as refused:
            assert refused.what
    try:
        hcl.backends(text)
    except hcl.NoHcl as refused_hcl:
        assert str(refused_hcl)
    envrc.read(text)
    with contextlib.suppress(bash.Unread):
        shell.read(text)
    recipes.just(text), recipes.make(text)
    list(nixconf.read("nix.conf", text, lambda _: None)), list(nixconf.files_by_variable(text))
    gitlab.fits(text, {"CI_COMMIT_BRANCH": "main"})
    rendered(text, (GITHUB, GITLAB, JUST))
    effects(text, Around())
    list(markdown.fences(text)), list(markdown.rows(text)), list(markdown.prose(text))


_WORDS = st.sampled_from(
    ["&&", "||", "!", "==", "!=", "(", ")", "'a'", "github.ref", "true", "1", "contains(", ",", "[", "]", ".", "*", "<"]
)


@settings(deadline=None)
@given(st.lists(_WORDS, max_size=30).map(" ".join))
def test_any_expression_comes_to_a_truth(text: str) -> None:
    assert expression.condition(text, lambda _: frozenset({UNKNOWN})) in Truth


@pytest.mark.parametrize("text", ["(" * 10_000, "!" * 3_999 + "x", "a" * 100_000, "(" * 39 + "x" + ")" * 39])
def test_long_expressions_are_bounded(text: str) -> None:
    assert expression.condition(text, lambda _: frozenset({UNKNOWN})) is Truth.UNDECIDED


@pytest.mark.parametrize(
    "text", ["terraform {" * 5_000, 'a = "' + "${" * 5_000, "a = " + "[" * 70, "x" * 600_000, "[" * 61]
)
def test_hcl_is_bounded(text: str) -> None:
    with pytest.raises(hcl.NoHcl):
        hcl.backends(text)


@pytest.mark.parametrize(
    ("setting", "at"),
    [
        ("= 'SECRET/KEY'", "line 3, column 12"),
        ("= SECRET$$KEY", "line 3, column 18"),
        ('"SECRET/KEY"', "line 4, column 2"),
    ],
)
def test_what_is_no_hcl_is_told_by_its_place_alone(setting: str, at: str) -> None:
    """The library quotes the text, where a key may stand in the wrong quotes."""
    with pytest.raises(hcl.NoHcl) as refused:
        hcl.backends(f'terraform {{\n backend "s3" {{\n  secret {setting}\n }}\n}}\n')
    assert str(refused.value) == f"no HCL: {at}"


def test_envrc_with_everything_open_is_bounded() -> None:
    for text in ("A=${" * 5_000, "A='" + "\n" * 9_000, "if x\n" * 6_000, "A=$(" * 2_000 + "\n" * 100):
        envrc.read(text)
    grown = "A=1\n" + "".join(f"if x; then A{n}=$A$A; else A{n}=b$A; fi\nA=$A{n}\n" for n in range(60))
    assert len(envrc.read(grown).values["A"]) <= envrc.MOST_VALUES


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50_000,
        "$(" * 20_000,
        '"' * 50_001,
        "if x; then " * 10_000,
        "<<E " * 2_000,
        "${x" * 20_000,
        "f() { " * 9_000,
        "a" * 300_000,
    ],
    ids=lambda text: text[:5],
)
def test_shell_is_bounded_and_what_is_not_read_is_undecided(text: str) -> None:
    acts = effects(f"{text}\nattic push main\n", Around())
    # A here-document that never ends takes the rest for its text, as Bash does.
    assert acts or text.startswith("<<")
    assert all(act.unknown for act in acts)


def test_a_parse_that_takes_too_long_is_no_shell_without_a_push(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bash, "MOST_SECONDS", -1.0)
    (only,) = effects("nix build\nattic push main\n", Around())
    assert only.offset == 1
    assert "was not parsed within" in only.unknown


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


HOSTILE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a FIFO": (make_fifo, "neither file nor folder"),
    "a symlink out of the tree": (lambda path: path.symlink_to("/etc/passwd"), "a symlink out of the tree"),
    "a symlink to itself": (lambda path: path.symlink_to(path.name), "a symlink that leads nowhere"),
    "not UTF-8": (lambda path: path.write_bytes(b"on: push # \xe9\n"), "not UTF-8, at byte 11"),
    "binary": (lambda path: path.write_bytes(b"\x7fELF\0\xff"), "binary"),
    "5 MB": (lambda path: path.write_bytes(b"a: b\n" * 1_000_000), "5000000 bytes; at most 2000000 are read"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_is_not_read_is_refused_by_name(what: str, run_pytest: Any, tmp_path: Path) -> None:
    folder = tmp_path / "checkout" / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "good.yml").write_text(WORKFLOW)
    make, why = HOSTILE[what]
    make(folder / "bad.yml")
    outcome = run_pytest("-m", "quarantine", "-k", "pull-requests", f"--gf-repository={tmp_path / 'checkout'}")
    (row,) = outcome.verdicts().values()
    assert row["verdict"] == "unproven"
    assert f".github/workflows/bad.yml:1: [refused-file] {why}" in row["reason"]
    assert "Traceback" not in outcome.text
    assert outcome.exit == 11


def test_loops_are_not_followed_and_inside_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "a" / "text").write_text("x")
    (tmp_path / "link").symlink_to("a/text")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("a secret")
    (tmp_path / "config").symlink_to(".git/config")
    checkout = repository.read(tmp_path)
    assert checkout.texts == {"a/text": "x", "link": "x"}
    assert set(checkout.refused) == {"a/again", "config"}


def test_a_deep_tree_is_bounded(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(repository.DEEPEST + 5):
        folder /= "d"
    folder.mkdir(parents=True)
    (refused,) = repository.read(tmp_path).refused.values()
    assert "deeper than" in refused


def test_nothing_of_a_checkout_is_executed(run_pytest: Any, tmp_path: Path) -> None:
    checkout, made = tmp_path / "checkout", tmp_path / "executed"
    (checkout / "tofu" / "stacks" / "attic").mkdir(parents=True)
    (checkout / "tofu" / "stacks" / "attic" / "main.tf").write_text("# nothing\n")
    (checkout / ".envrc").write_text(f"touch {made}\nexport ATTIC_SERVER=$(touch {made}; echo x)\n`touch {made}`\n")
    (checkout / "Justfile").write_text(f"x := `touch {made}`\ninfo:\n    touch {made}\n")
    (checkout / "conftest.py").write_text(f"open({str(made)!r}, 'w')\n")
    outcome = run_pytest("-m", "repository", f"--gf-repository={checkout}")
    assert outcome.exit == 1
    assert outcome.verdicts()["attachment.envrc-attic"]["verdict"] == "violated"
    assert not outcome.rows("error")
    assert not made.exists()


@pytest.mark.parametrize("given", [(), ("--gf-repository=lab",)])
def test_no_lab_is_started_and_no_client_imported(given: tuple[str, ...], run_pytest: Any, tmp_path: Path) -> None:
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "seen.py").write_text(
        "import json, sys\n"
        "def pytest_unconfigure(config):\n"
        "    names = {'boto3', 'botocore', 'kubernetes', 'grpc', 'aiohttp', 'httpx'}\n"
        f"    open({str(tmp_path / 'seen.json')!r}, 'w').write(json.dumps(sorted(names & set(sys.modules))))\n"
    )
    environment = {"PYTHONPATH": str(tmp_path / "plugin")}
    outcome = run_pytest("-m", "repository or environment", "-p", "seen", *given, environment=environment)
    reasons = {row["reason"] for row in outcome.verdicts().values() if row["verdict"] == "unproven"}
    assert ("no checkout was given" in reasons) is not bool(given)
    assert json.loads((tmp_path / "seen.json").read_text()) == []
    assert not (outcome.folder / "lab").exists()
    assert "LAB" not in outcome.text
