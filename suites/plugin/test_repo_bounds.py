"""What lies beyond a bound, or is not named by anybody, is undecided: nothing is dropped that may be the wrong thing."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pytest_gf import Unproven
from pytest_gf.honey.contract.repository import Attachment, Publication, Quarantine, Repository
from pytest_gf.honey.formats import nixconf, recipes
from pytest_gf.honey.formats.expression_values import UNKNOWN
from pytest_gf.honey.formats.linear import linear
from pytest_gf.honey.formats.templates import GITHUB, rendered
from pytest_gf.honey.formats.yaml_nodes import read
from pytest_gf.honey.observed.repository import (
    DEAD,
    FLAKEHUB,
    Findings,
    attachment,
    branches,
    gitlab,
    machine,
    searching,
)
from pytest_gf.honey.observed.repository import quarantine as quarantines
from pytest_gf.honey.observed.repository.effect import Opaque
from pytest_gf.honey.observed.repository.effects import MOST, Around, effects
from pytest_gf.honey.observed.repository.following import DEEPEST, Reader

JOB = "jobs:\n  t:\n    runs-on: x\n    steps:\n"
TOKEN = 'env: {ATTIC_TOKEN: "${{ secrets.ATTIC_TOKEN }}"}\n'
RULES = Repository(quarantine=Quarantine(pilots=(".github/workflows/pilot.yml",)))
PROMISED = Attachment(https_host="nix-cache", attic_cache="main", endpoint_variables=("GF_BAZEL_REMOTE_CACHE",))


def verdict(findings: Findings) -> str:
    return "violated" if findings.standing else "undecided" if findings.undecided else "holds"


def test_branches_beyond_the_bound_are_unknown() -> None:
    texts = ["\n".join(f"'branch-{number}'" for number in range(branches.MOST + 1))]
    assert frozenset({UNKNOWN}) in branches.possible(texts, None, "main")
    assert frozenset({UNKNOWN}) not in branches.possible(texts[0].splitlines()[:5], None, "main")


@pytest.mark.parametrize(
    ("filters", "branch"),
    [
        ("branches: ['release/[0-9]']", "release/1"),
        ("branches: ['release/[0-9]+']", "release/12"),
        ("branches: [main, 'release/v?[1-3]']", "release/2"),
    ],
)
def test_classes_of_a_filter_let_their_branches_through(filters: str, branch: str) -> None:
    sets = branches.possible([f"github.ref == 'refs/heads/{branch}'"], read(filters), "main")
    assert branch in set().union(*sets)
    unnamed = set().union(*branches.possible([], read(filters), "main"))
    assert any(isinstance(name, str) and name.startswith("release/") and "[" not in name for name in unnamed)


def test_a_filter_that_is_not_understood_lets_anything_through() -> None:
    assert branches.possible([], read("branches: [main, 'a[*]b']"), "main")[-1] == frozenset({UNKNOWN})


@pytest.mark.parametrize(("others", "expected"), [(3, "violated"), (80, "undecided")])
def test_a_pull_request_may_come_from_any_branch_that_is_named(others: int, expected: str) -> None:
    words = "".join(f"      - run: echo ${{{{ 'word-{number}' }}}}\n" for number in range(others))
    gate = "      - if: github.head_ref == 'late'\n        run: attic push main result\n"
    sources = {".github/workflows/a.yml": f"on: pull_request\n{TOKEN}{JOB}{words}{gate}"}
    assert verdict(quarantines.pull_requests(quarantines.read(sources, RULES))) == expected


GATED = "      - if: {}\n        run: attic push main result\n"


@pytest.mark.parametrize(
    ("on", "gate", "expected"),
    [
        ("push", "github.ref == 'refs/heads/next'", "violated"),
        ("push", "github.ref_name == 'next'", "violated"),
        ("workflow_dispatch", "github.ref_name == 'next'", "violated"),
        ("{push: {branches: [main, next, later]}}", "github.ref_name == 'later'", "violated"),
        ("{push: {branches: [main, 'v[0-9]']}}", "github.ref_name == 'v2'", "violated"),
        ("{push: {branches: [main]}}", "github.ref_name == 'next'", "holds"),
        ("push", "github.ref == 'refs/heads/main' && github.ref_name != 'next'", "holds"),
        ("{push: {branches-ignore: [next]}}", "github.ref_name == 'next'", "holds"),
    ],
)
def test_a_pilot_may_run_on_a_branch_that_its_gate_names(on: str, gate: str, expected: str) -> None:
    sources = {".github/workflows/pilot.yml": f"on: {on}\n{TOKEN}{JOB}{GATED.format(f'{gate} && env.ATTIC_TOKEN')}"}
    assert verdict(quarantines.pilots(quarantines.read(sources, RULES))) == expected


@pytest.mark.parametrize("gate", ["github.ref == 'refs/heads/next'", "github.ref_name == 'main'", "always()"])
def test_a_proof_may_run_on_a_branch_that_its_gate_names(gate: str) -> None:
    sources = {".github/workflows/a.yml": f"on: push\n{TOKEN}{JOB}{GATED.format(gate)}"}
    assert verdict(quarantines.proofs(quarantines.read(sources, RULES))) == "violated"


def test_a_rule_of_gitlab_that_is_too_long_is_undecided() -> None:
    variables = gitlab.merge_request("main").variables
    never = '$CI_COMMIT_TAG == "x"' + ' && "abcd"' * gitlab.LONGEST
    assert gitlab.fits(never[:100].rpartition(" &&")[0], variables) is False
    assert gitlab.fits(f"{never} || $CI_MERGE_REQUEST_IID", variables) is None


def test_includes_of_nix_beyond_the_bound_are_absent_and_not_dropped() -> None:
    count = nixconf.MOST_INCLUDES + 5
    text = "".join(f"include {number}.conf\n" for number in range(count))
    settings = list(nixconf.read("nix.conf", text, lambda _: "substituters = x\n"))
    assert any(isinstance(setting, nixconf.Absent) for setting in settings)
    assert len(settings) == count


def test_commands_beyond_the_bound_are_opaque_once() -> None:
    script = rendered("true\n" * (MOST + 10) + "attic push main result\n", (GITHUB,))
    opaque = [effect for effect in effects(script, Around()) if isinstance(effect, Opaque)]
    assert len(opaque) == 1
    assert not list(effects(rendered("true\n" * 10, (GITHUB,)), Around()))


def test_recipes_that_need_each_other_too_deeply_are_opaque() -> None:
    names = [f"r{number}" for number in range(DEEPEST + 3)]
    justfile = (
        "".join(f"{name}: {needed}\n" for name, needed in pairwise(names)) + f"{names[-1]}:\n    attic push main r\n"
    )
    reached = list(Reader({"justfile": justfile}).reached(rendered("just r0", (GITHUB,))))
    assert any(isinstance(seen.effect, Opaque) for seen in reached)


def test_a_dockerfile_that_is_too_long_is_opaque() -> None:
    dockerfile = "RUN true\n" * 3 + "#\n" * recipes.MOST_LINES + "RUN attic push main r\n"
    reached = list(Reader({"Dockerfile": dockerfile}).reached(rendered("docker build .", (GITHUB,))))
    assert any(isinstance(seen.effect, Opaque) for seen in reached)


@pytest.mark.parametrize("value", ["grpc://x$GF_BAZEL_REMOTE_CACHE", "grpc://${GF_BAZEL_REMOTE_CACHE}:1"])
def test_text_around_an_operators_variable_is_an_address_of_ones_own(value: str) -> None:
    assert verdict(attachment.bazel({".envrc": f"BAZEL_REMOTE_CACHE={value}\n"}, PROMISED)) == "violated"


@pytest.mark.parametrize(
    ("justfile", "expected"),
    [
        ("build:\n    true\n", "violated"),
        ("import 'info.just'\nbuild:\n    true\n", "undecided"),
        ("info:\n    echo BAZEL_DISABLED\n", "holds"),
        ("info: status\n    true\nstatus: info\n    echo BAZEL_DISABLED\n", "holds"),
        ("info: status\n    true\nstatus:\n    true\n", "violated"),
        ("import 'status.just'\ninfo: status\n    true\n", "undecided"),
    ],
)
def test_a_status_may_be_reported_by_a_recipe_that_is_needed_or_imported(justfile: str, expected: str) -> None:
    assert verdict(attachment.reported({"Justfile": justfile}, "BAZEL_DISABLED")) == expected


def test_each_clause_of_the_machine_is_behind_its_own_cause() -> None:
    retired = machine.retired({"X": "https://dead.example"}, {}, {"dead.example": "take another"})
    rules = Repository(publication=Publication(hosts=("cache.flakehub.com",)))
    flakehub = machine.substituters({}, {"nix.conf": "substituters = https://cache.flakehub.com\n"}, rules)
    kinds = [trouble.cause.kind for found in (retired, flakehub) if (trouble := found.trouble())]
    assert kinds == [DEAD.kind, FLAKEHUB.kind]


def test_matches_beyond_the_bound_are_not_passed_over() -> None:
    pattern = linear(r"x")
    assert len(list(searching.hits(searching.Lines("x\n" * searching.MOST_HITS), pattern))) == searching.MOST_HITS
    with pytest.raises(Unproven, match=r"more than 1000 matches.*: x in line 1001 is the first that is not"):
        list(searching.hits(searching.Lines("x\n" * (searching.MOST_HITS + 1)), pattern))
