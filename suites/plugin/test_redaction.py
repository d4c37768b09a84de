"""Secrets never appear: not on the terminal, not in any file, whatever is asked for and whoever says them."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.engine import spelling
from pytest_gf.engine.redaction import MARK, Redactor
from pytest_gf.lab import Lab

SMALL = Path(__file__).parent / "houses" / "small.py"
"""Honey without its facts and clauses: these tests bring a few of their own."""
LOUD = ["-vvv", "--showlocals", "--log-level=DEBUG", "-rA", "--tb=long"]

CONFTEST = """
from pathlib import Path
from pytest_gf import facts_in
globals().update(facts_in(Path(__file__).parent / "fixtures"))
"""
FACTS = '''
import logging, warnings
from pytest_gf import ProbeError, Unproven, fact
from pytest_gf.honey.target import Target

def secret_of(target):
    return target.credential(target.s3.secret_key_env)

@fact
def value(target: Target) -> str:
    """A value that holds the secret."""
    secret = secret_of(target)
    logging.getLogger("lab").debug("signing with %s", secret)
    logging.getLogger("lab").warning("headers %r", {"Authorization": f"AWS4 Credential={secret}"})
    warnings.warn(f"deprecated: {secret}", UserWarning)
    return f"{'x' * 300}{secret}{'y' * 300}"

@fact
def broken(target: Target) -> str:
    """An exception that holds the secret."""
    try:
        raise KeyError(secret_of(target))
    except KeyError:
        raise RuntimeError(f"lost {secret_of(target)} on the way to http://u:{secret_of(target)}@h/?t={secret_of(target)}")

@fact
def probe(target: Target) -> str:
    """A probe's error that holds the secret."""
    raise ProbeError(f"tried {secret_of(target)}", f"got {secret_of(target)}", f"rotate {secret_of(target)}")

@fact
def unseen(target: Target) -> str:
    """A reason that holds the secret."""
    raise Unproven(f"no route with {secret_of(target)}", f"ask {secret_of(target)}")
'''
CLAUSES = '''
import sys, warnings
import pytest
from pytest_gf import clause

pytestmark = pytest.mark.canary

@clause("lab.value", "a value is as promised", proves="S090")
def test_value(value: str) -> None:
    """It is another."""
    warnings.warn(value)
    sys.stdout.write(value)
    assert value == value[300:-300]

@clause("lab.broken", "a fact breaks", proves="S090")
def test_broken(broken: str) -> None:
    """It raises."""
    assert broken

@clause("lab.probe", "a probe breaks", proves="S090")
def test_probe(probe: str) -> None:
    """It raises."""
    assert probe

@clause("lab.unseen", "a fact is unproven", proves="S090")
def test_unseen(unseen: str) -> None:
    """It is unproven."""
    assert unseen

@clause("lab.raises", "a clause raises", proves="S090")
def test_raises(value: str) -> None:
    """It raises itself."""
    assert {}[value]

def test_plain(value: str) -> None:
    assert [value] == [], value
'''


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose state key of the stack attic holds the lab's secret."""
    folder = tmp_path_factory.mktemp("secret")
    with Lab.start(folder / "first") as first:
        secret = first.environment["GF_LAB_S3_SECRET_KEY"]
    contract = folder / "contract.toml"
    contract.write_text(
        f'extends = "gloriousflywheel"\nname = "fork"\n[stacks.attic]\nkey = "a/{secret}/terraform.tfstate"\n'
    )
    (folder / "second").mkdir()
    (folder / "second" / "credentials.json").write_bytes((folder / "first" / "credentials.json").read_bytes())
    with Lab.start(folder / "second", contract=contract) as second:
        yield second


def assert_silent(secret: str, text: str, folder: Path) -> None:
    """Fail where the secret, a large part of it, or another spelling of it stands in the text or below the folder."""
    fragments = [secret[start : start + 14] for start in range(0, len(secret) - 13, 3)]
    forms = [*fragments, base64.b64encode(secret.encode()).decode(), secret.encode().hex()]
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
    assert files
    for form in forms:
        assert form not in text
        assert [path for path, data in files.items() if form.encode() in data or form in str(path)] == []


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "n2"])
def test_a_house_that_says_it_everywhere(workers: list[str], lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    house = tmp_path / "house"
    (house / "fixtures").mkdir(parents=True)
    (house / "conftest.py").write_text(CONFTEST)
    (house / "fixtures" / "facts.py").write_text(FACTS)
    (house / "test_loud.py").write_text(CLAUSES)
    (house / "pytest.ini").write_text(f"[pytest]\ngf_house = {SMALL}:HOUSE\ngf_suites = .\n")
    log = tmp_path / "reports" / "log.txt"
    arguments = [*LOUD, *workers, f"--log-file={log}", "--log-file-level=DEBUG", f"--gf-target={lab.target_file}"]
    arguments.append(f"--debug={tmp_path / 'reports' / 'debug.log'}")
    (tmp_path / "reports").mkdir()
    summary = tmp_path / "reports" / "github.md"
    outcome = run_pytest(
        *arguments, cwd=house, environment=dict(lab.environment) | {"GITHUB_STEP_SUMMARY": str(summary)}
    )
    assert outcome.exit == 1, outcome.text
    assert outcome.rows("violated") == {"lab.value"}
    assert outcome.rows("error") == {"lab.broken", "lab.probe", "lab.raises"}
    assert_silent(lab.environment["GF_LAB_S3_SECRET_KEY"], outcome.text, tmp_path / "reports")
    assert MARK in outcome.text
    assert summary.stat().st_size > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "workers"),
    [
        ("", ["-n", "2"]),
        ("server-error:{}", []),
        ("server-error:{}", ["-n", "2"]),
        ("redirect:http://127.0.0.1:9/?token={}", []),
        ("wrong-secret", []),
        ("bucket-index-lost:tofu-state", []),
    ],
)
def test_the_canary_against_a_server_that_says_it(
    fault: str, workers: list[str], lab: Lab, run_pytest: Any, tmp_path: Path
) -> None:
    secret = lab.environment["GF_LAB_S3_SECRET_KEY"]
    contract = lab.folder.parent / "contract.toml"
    log = tmp_path / "reports" / "log.txt"
    arguments = [
        *LOUD,
        *workers,
        f"--log-file={log}",
        "--log-file-level=DEBUG",
        f"--gf-contract={contract}",
        f"--gf-target={lab.target_file}",
    ]
    try:
        if fault:
            lab.bend(fault.format(secret))
        outcome = run_pytest("-m", "canary", *arguments, environment=dict(lab.environment))
    finally:
        lab.mend()
    assert outcome.exit == (0 if not fault else 10 if fault.startswith("wrong") else 1), outcome.text
    assert_silent(secret, outcome.text, tmp_path / "reports")
    assert log.stat().st_size > 0


@pytest.mark.slow
def test_gates_and_a_publication_show_none_of_all_secrets(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    """Tokens and parts of them, the values of Secrets, presigned URLs, private keys: in no file and no stream."""
    log = tmp_path / "reports" / "log.txt"
    arguments = [
        *(*LOUD, "-m", "gate or publication", "--gf-profile=one-path", "--gf-confirm=probe-attic-publication"),
        *(f"--log-file={log}", "--log-file-level=DEBUG", f"--debug={tmp_path / 'reports' / 'debug.log'}"),
        *(f"--gf-contract={lab.folder.parent / 'contract.toml'}", f"--gf-target={lab.target_file}"),
    ]
    (tmp_path / "reports").mkdir()
    for fault in ("attic-accepts-forged", "attic-token-strong", "shared-secret:base64", "attic-redirect-elsewhere"):
        lab.bend(fault)
    try:
        environment = dict(lab.environment)
        outcome = run_pytest(*arguments, environment=environment)
    finally:
        lab.mend()
    red = {"attic.token-bounded", "attic.separate[s3-credentials]", "publication.reads-back[one-path]"}
    assert outcome.rows("violated") >= red, outcome.text
    held = {name: value for name, value in environment.items() if name.startswith("GF_LAB_")}
    for name, value in held.items():
        for part in value.split(".") if "ATTIC" in name else [value]:
            assert_silent(part, outcome.text, tmp_path / "reports")
    files = [
        path.read_bytes() for path in (tmp_path / "reports").rglob("*") if path.is_file() and not path.is_symlink()
    ]
    for text in (outcome.text.encode(), *files):
        assert not re.search(rb"X-Amz-Signature=[0-9a-f]|PRIVATE KEY|eyJ[A-Za-z0-9_-]{8}", text)


def test_a_secret_in_a_node_id_stops_the_run(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    secret = lab.environment["GF_LAB_S3_SECRET_KEY"]
    contract = tmp_path / "c.toml"
    contract.write_text(f'extends = "gloriousflywheel"\nname = "fork"\n[buckets.b-{secret}]\n')
    outcome = run_pytest(
        "-m", "canary", f"--gf-contract={contract}", f"--gf-target={lab.target_file}", environment=dict(lab.environment)
    )
    assert outcome.exit == 4
    assert "a node id holds a secret" in outcome.text
    assert secret not in outcome.text


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60)


def test_a_text_that_was_clean_is_looked_at_again_once_a_secret_is_learned() -> None:
    redactor, secret = Redactor(), "learned-late-4711"
    texts = [f"it is {secret}", f"{'x' * 200} {secret}"]
    assert [redactor.redact(text) for text in texts] == texts
    redactor.learn([secret])
    assert [secret in redactor.redact(text) for text in texts] == [False, False]


@given(secrets, st.text(max_size=40), st.text(max_size=40), st.integers(0, 5), st.integers(0, 5))
def test_whole_and_cut_secrets_are_struck_out(secret: str, before: str, after: str, head: int, tail: int) -> None:
    redactor = Redactor()
    redactor.learn([secret])
    assert secret not in redactor.redact(before + secret + after)
    cut = secret[head : len(secret) - tail] if tail else secret[head:]
    if len(spelling._bare(spelling._decoded(cut.encode()))) >= 11:  # Escapes and quotes come and go, and do not count.
        assert cut not in redactor.redact(f"{before} ...{cut} {after}")


@given(st.text(max_size=200))
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    redactor = Redactor()
    redactor.learn(["a-secret-that-nobody-draws-0123456789"])
    if not any(
        hint in text
        for hint in ("://", "uthorization", "UTHORIZATION", "ookie", "ecurity-token", "X-Amz-", "eyJ", "PRIVATE KEY")
    ):
        assert redactor.redact(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("http://h/p?X-Amz-Signature=abc&x=1 then", f"http://h/p?{MARK} then"),
        ("grpc://user:pass@h:1/", f"grpc://{MARK}@h:1/"),
        ("Authorization: Bearer abcdef", f"Authorization: {MARK}"),
        ("{'Authorization': 'AWS4-HMAC-SHA256 Credential=x'}", f"{{'Authorization': '{MARK}'}}"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abc end", f"token {MARK} end"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY----- end", f"{MARK} end"),
        ("plain text, 100% of it: a=b", "plain text, 100% of it: a=b"),
    ],
)
def test_credentials_by_their_form(text: str, clean: str) -> None:
    assert Redactor().redact(text) == clean


def test_log_records_are_made_clean_and_the_factory_is_given_back() -> None:
    from pytest_gf.engine.output_redaction import redact_log_records
    from pytest_gf.engine.redaction import redactor

    redactor().learn(["a-canary-of-the-log-test"])
    before = logging.getLogRecordFactory()
    undo = redact_log_records()
    try:
        record = logging.getLogger("x").makeRecord(
            "x", logging.INFO, "f", 1, "say %s", ("a-canary-of-the-log-test",), None
        )
        assert record.getMessage() == f"say {MARK}"
    finally:
        undo()
    assert logging.getLogRecordFactory() is before
