"""One variable, one kind of credential: what workflows, pipelines and compose files give, however they spell it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey import contract
from pytest_gf.honey.contract.repository import KnownAction, Quarantine, Repository
from pytest_gf.honey.observed.repository import machine, roles

KINDS = {artifact.says: artifact.variables for artifact in contract.load().artifacts.values()}
RULES = Repository(quarantine=Quarantine(actions=(KnownAction("ryanccn/attic-action", ("v0",), token_input="token"),)))
FLOW = ".github/workflows/x.yml"
STEP = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"

WRONG: dict[str, dict[str, str]] = {
    "one secret under two names": {
        FLOW: "env:\n  ATTIC_TOKEN: ${{ secrets.SHARED }}\n  AWS_SECRET_ACCESS_KEY: ${{ secrets.shared }}\n"
    },
    "in two files": {
        FLOW: "env:\n  ATTIC_TOKEN: ${{ secrets.SHARED }}\n",
        "action.yml": "runs:\n  steps:\n    - env:\n        AWS_ACCESS_KEY_ID: ${{ secrets['SHARED'] }}\n",
    },
    "a name that says another kind": {FLOW: "env: {AWS_SECRET_ACCESS_KEY: '${{ secrets.ATTIC_TOKEN }}'}\n"},
    "by way of a variable": {
        FLOW: STEP
        + "      - env: {KEY: '${{ secrets.ATTIC_TOKEN }}'}\n        run: |\n          export AWS_SECRET_ACCESS_KEY=\"$KEY\"\n"
    },
    "by the input of an action": {
        FLOW: STEP
        + "      - uses: ryanccn/attic-action@v0\n        with: {token: '${{ secrets.K }}'}\n"
        + "      - uses: aws-actions/configure-aws-credentials@v4\n        with: {aws-secret-access-key: '${{ secrets.K }}'}\n"
    },
    "by a login": {FLOW: STEP + "      - run: attic login x https://x ${{ secrets.AWS_SECRET_ACCESS_KEY }}\n"},
    "to GITHUB_ENV": {
        FLOW: STEP + '      - run: echo "AWS_SECRET_ACCESS_KEY=${{ secrets.ATTIC_TOKEN }}" >> "$GITHUB_ENV"\n'
    },
    "one or the other": {FLOW: 'env: {ATTIC_TOKEN: "${{ secrets.A || secrets.AWS_SECRET_ACCESS_KEY }}"}\n'},
    "a key that signs tokens": {FLOW: "env: {ATTIC_SERVER_TOKEN_HS256_SECRET_BASE64: '${{ secrets.ATTIC_TOKEN }}'}\n"},
    "compose, as a mapping": {
        "compose.yaml": "services: {atticd: {environment: {AWS_SECRET_ACCESS_KEY: '${KEY:?}', ATTIC_TOKEN: '$KEY'}}}\n"
    },
    "compose, as a list": {
        "deploy/docker-compose.yml": "services:\n  a:\n    environment:\n      - AWS_SECRET_ACCESS_KEY=${KEY}\n      - ATTIC_TOKEN=${KEY}\n"
    },
    "GitLab": {".gitlab-ci.yml": "variables:\n  AWS_SECRET_ACCESS_KEY: $ATTIC_TOKEN\n"},
}
RIGHT: dict[str, dict[str, str]] = {
    "each its own": {
        FLOW: "env:\n  ATTIC_TOKEN: ${{ secrets.ATTIC_TOKEN }}\n  AWS_SECRET_ACCESS_KEY: ${{ secrets.S3_SECRET }}\n"
    },
    "one kind in two variables": {
        FLOW: "env:\n  AWS_SECRET_ACCESS_KEY: ${{ secrets.S }}\n  RUSTFS_SECRET_KEY: ${{ secrets.S }}\n"
    },
    "a condition": {FLOW: "env: {AWS_REGION: \"${{ secrets.ATTIC_TOKEN != '' && 'a' || 'b' }}\"}\n"},
    "a literal": {FLOW: "env: {AWS_SECRET_ACCESS_KEY: x, ATTIC_TOKEN: x}\n"},
    "one name in two files": {
        "a/compose.yml": "x: {ATTIC_TOKEN: $KEY}\n",
        "b/compose.yml": "x: {AWS_SECRET_ACCESS_KEY: $KEY}\n",
    },
    "passed on": {FLOW: "env: {ATTIC_TOKEN: '${{ env.ATTIC_TOKEN }}'}\n"},
    "not of ours": {"values.yaml": "ATTIC_TOKEN: $K\nAWS_SECRET_ACCESS_KEY: $K\n"},
}
UNKNOWN: dict[str, dict[str, str]] = {
    "any secret": {FLOW: "env: {ATTIC_TOKEN: '${{ secrets[matrix.name] }}'}\n"},
    "a part of one": {FLOW: "env: {ATTIC_TOKEN: '${{ fromJSON(secrets.ALL).token }}'}\n"},
    "one of two": {
        FLOW: "a: {K: '${{ secrets.A }}'}\nb: {K: '${{ secrets.B }}'}\nc: {ATTIC_TOKEN: $K}\nd: {AWS_SECRET_ACCESS_KEY: $K}\n"
    },
    "no YAML": {FLOW: "a: [\n"},
}


@pytest.mark.parametrize("name", WRONG)
def test_two_kinds_are_found(name: str) -> None:
    findings = roles.apart(WRONG[name], KINDS, RULES)
    assert {finding.rule for finding in findings.standing} == {"two-kinds"}
    assert not findings.holds
    assert " and is " in findings.diagnosis


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_of_one_kind_is_none(name: str) -> None:
    findings = roles.apart(RIGHT[name], KINDS, RULES)
    assert (findings.standing, findings.undecided) == ((), ())


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_nobody_can_tell_is_undecided(name: str) -> None:
    findings = roles.apart(UNKNOWN[name], KINDS, RULES)
    assert findings.holds
    assert findings.undecided


def test_a_finding_stands_at_its_line() -> None:
    (finding,) = roles.apart({FLOW: WRONG["by way of a variable"][FLOW]}, KINDS, RULES).standing
    assert (finding.path, finding.line) == (FLOW, 8)
    assert finding.what == (
        "secrets.ATTIC_TOKEN is used as AWS_SECRET_ACCESS_KEY, and is the S3 credential and the workflows' ATTIC_TOKEN at once"
    )


@given(st.text(alphabet="ATOKEN_$ {}:=\n-[]'\"|secrets.&*!<>", max_size=120))
def test_no_text_breaks_the_reader(text: str) -> None:
    findings = roles.apart({FLOW: text}, KINDS, RULES)
    assert findings.looked_at == "1 file(s)"


def test_a_ring_of_variables_ends() -> None:
    findings = roles.apart({FLOW: "a: {A: $B}\nb: {B: $A}\nc: {ATTIC_TOKEN: $A}\n"}, KINDS, RULES)
    assert findings.holds


@pytest.mark.parametrize(
    ("names", "named", "found"),
    [
        ({"ATTIC_SERVER", "ATTIC_CACHE"}, (), []),
        ({"ATTIC_TOKEN", "ATTIC_CACHE"}, (), ["ATTIC_TOKEN"]),
        ({"ATTIC_PUSH_TOKEN", "OURS"}, ("OURS",), ["ATTIC_PUSH_TOKEN", "OURS"]),
    ],
    ids=range(3),
)
def test_a_token_is_told_by_its_name(names: set[str], named: tuple[str, ...], found: list[str]) -> None:
    made = machine.tokens(names, contract.load().artifacts["attic-token"].variables, named)
    assert [finding.what.partition(" ")[0] for finding in made.standing] == found
    assert made.holds == (not found)


@pytest.mark.parametrize("line", ["A=${{", "A=${a-", "ATTIC_TOKEN=$x ", "attic login ", "attic login --a ", "$"])
def test_a_long_line_takes_time_in_proportion(line: str) -> None:
    text = f"jobs:\n  t:\n    steps:\n      - run: |\n          {line * (500_000 // len(line))}\n"
    begun = time.process_time()
    findings = roles.apart({FLOW: text}, KINDS, RULES)
    assert time.process_time() - begun < 60
    assert all(finding.rule != "no-yaml" for finding in findings.found), "it was read"


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("ATTIC_TOKEN=${{ secrets.X }} AWS_SECRET_ACCESS_KEY=${{ secrets.X }} run", 2),
        ("ATTIC_TOKEN=$X.y AWS_SECRET_ACCESS_KEY=$X run", 0),
        ("attic login --set-default a https://x ${{ secrets.X }}; AWS_SECRET_ACCESS_KEY=${{ secrets.X }} run", 2),
        ("attic login --set-default a ${{ secrets.X }}; AWS_SECRET_ACCESS_KEY=${{ secrets.X }} run", 0),
    ],
)
def test_variables_beside_one_another_in_a_script(script: str, lines: int) -> None:
    findings = roles.apart({FLOW: f"jobs:\n  t:\n    steps:\n      - run: |\n          {script}\n"}, KINDS, RULES)
    assert len(findings.found) == lines
