"""The small formats of a checkout: templates, recipes, Nix's settings, GitLab's rules, filters of branches."""

from __future__ import annotations

import time
from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.formats import nixconf, recipes
from pytest_gf.honey.formats.expression import Truth
from pytest_gf.honey.formats.templates import GITHUB, GITLAB, HOLE, JUST, rendered
from pytest_gf.honey.formats.yaml_nodes import read
from pytest_gf.honey.observed.repository import branches, gitlab, gitlab_jobs
from pytest_gf.honey.observed.repository.searching import is_among


@given(st.lists(st.text(alphabet="a/.*?[", max_size=5), max_size=4), st.text(alphabet="a/.b", max_size=6))
def test_a_path_fits_as_fnmatch_says(patterns: list[str], path: str) -> None:
    assert is_among(path, patterns) is any(fnmatchcase(path, pattern) for pattern in patterns)


@given(st.text(alphabet="ab${}[]( )\n'\"é", max_size=60))
def test_a_template_becomes_a_word_of_its_own_length(text: str) -> None:
    template = rendered(text, (GITHUB, GITLAB, JUST))
    assert len(template.text.encode()) == len(text.encode())
    assert template.original(template.text, 0) == text
    assert (HOLE in template.holed(template.text, 0)) is bool(template.spans)


def test_a_known_template_is_filled_in_and_lines_stay_those_of_the_text() -> None:
    template = rendered("a ${{ x }} b\nc ${{ y }}", (GITHUB,), {"x": "1\n2"}.get)
    assert template.text.startswith("a 1\n2 b\nc ___")
    assert template.line(template.text.encode().index(b"c"), 2) == 1


def test_recipes_of_just() -> None:
    read_ = recipes.just(
        "a := 'x'\nalias p := push\n\n@push target=\"main\" *rest: (build 'y') && after\n    @echo {{a}}\nbuild:\n after:\n"
    )
    assert read_.recipes["p"].parameters == (("target", "main"), ("rest", None))
    assert {need.name for need in read_.recipes["push"].needs} == {"build", "after"}
    assert read_.rendered(read_.recipes["push"], []).text.strip() == "echo x"
    assert recipes.just("x:\n    #!/usr/bin/env python3\n    1\n").recipes["x"].interpreter == "python3"
    assert not recipes.just("mod other\n").whole


def test_targets_of_make() -> None:
    read_ = recipes.make("A ?= attic\nall: push # c\n.PHONY: all\npush build:\n\t-@$(A) push $$X $(shell pwd)\n")
    assert read_.first == "all"
    assert [need.name for need in read_.recipes["all"].needs] == ["push"]
    assert read_.rendered(read_.recipes["build"], []).text.strip().startswith("attic push $X ____")


def test_nix_settings_follow_their_includes_once() -> None:
    files = {"a/b.conf": "include nix.conf\n!include absent.conf\nsubstituters = x y # z\n"}
    settings = list(nixconf.read("a/nix.conf", "include b.conf\ntrusted-substituters = w\n", files.get))
    assert settings == [
        nixconf.Absent("a/b.conf", 2, "absent.conf"),
        nixconf.Setting("a/b.conf", 3, "substituters", ("x", "y")),
        nixconf.Setting("a/nix.conf", 2, "trusted-substituters", ("w",)),
    ]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ["/etc/nix/nix.conf", "~/.config/nix/nix.conf", "/etc/xdg/nix/nix.conf"]),
        (
            {"NIX_CONF_DIR": "/n", "XDG_CONFIG_HOME": "/x", "XDG_CONFIG_DIRS": "/y"},
            ["/n/nix.conf", "/x/nix/nix.conf", "/y/nix/nix.conf"],
        ),
        ({"NIX_USER_CONF_FILES": "/a:/b"}, ["/etc/nix/nix.conf", "/a", "/b"]),
    ],
)
def test_which_files_nix_reads(variables: dict[str, str], expected: list[str]) -> None:
    assert nixconf.files(variables) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("export NIX_USER_CONF_FILES=$PWD/ci/nix.conf\n", ["$PWD/ci/nix.conf"]),
        ("env:\n  NIX_CONF_DIR: ./conf\n", ["./conf/nix.conf"]),
        ("d=${XDG_CONFIG_HOME:-$HOME/.config}\n", []),
        ("echo $NIX_CONF_DIR\n", []),
    ],
)
def test_where_a_text_tells_nix_to_look(text: str, expected: list[str]) -> None:
    assert [where for _, where in nixconf.files_by_variable(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('$CI_COMMIT_BRANCH == "main"', False),
        ("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", False),
        ('$CI_PIPELINE_SOURCE == "merge_request_event"', True),
        ('$CI_PIPELINE_SOURCE == "push" || $CI_MERGE_REQUEST_IID', True),
        ('$SOMETHING == "x"', None),
        ('$SOMETHING == "x" && $CI_COMMIT_TAG', False),
        ("$CI_COMMIT_BRANCH =~ /^x/", None),
        ('($CI_COMMIT_TAG == null || "x") && $CI_MERGE_REQUEST_IID != null', True),
        ("(", None),
        ("", None),
    ],
)
def test_rules_of_gitlab(text: str, expected: bool | None) -> None:
    assert gitlab.fits(text, gitlab.merge_request("main").variables) is expected


PUSH = "job:\n  script: [attic push main result]\n"


@pytest.mark.parametrize(
    ("text", "merge", "branch"),
    [
        (PUSH, Truth.NEVER, Truth.POSSIBLE),
        (f"{PUSH}  rules: [{{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}}]\n", Truth.NEVER, Truth.NEVER),
        (f"{PUSH}  rules: [{{if: '$CI_MERGE_REQUEST_IID'}}]\n", Truth.POSSIBLE, Truth.NEVER),
        (
            f"{PUSH}  rules: [{{if: '$CI_MERGE_REQUEST_IID', when: never}}, {{when: always}}]\n",
            Truth.NEVER,
            Truth.POSSIBLE,
        ),
        (f"{PUSH}  rules: [{{if: '$X'}}]\n", Truth.UNDECIDED, Truth.UNDECIDED),
        (f"{PUSH}  only: [main]\n", Truth.NEVER, Truth.NEVER),
        (f"{PUSH}  only: [merge_requests]\n", Truth.POSSIBLE, Truth.NEVER),
        (f"{PUSH}  extends: .elsewhere\n", Truth.UNDECIDED, Truth.UNDECIDED),
        (f".base:\n  only: [main]\n{PUSH}  extends: .base\n", Truth.NEVER, Truth.NEVER),
    ],
)
def test_which_pipeline_runs_a_job(text: str, merge: Truth, branch: Truth) -> None:
    (push,) = gitlab.pushes(gitlab_jobs.pipeline(".gitlab-ci.yml", text, {}), Repository())
    assert push.runs(gitlab.merge_request("main"))[0] is merge
    assert push.runs(gitlab.feature("main"))[0] is branch


def test_includes_that_are_not_here() -> None:
    text = "include:\n  - local: /a.yml\n  - local: b.yml\n  - project: x/y\n  - template: T\n  - https://x.example/z.yml\n"
    assert [line for _, line, _ in gitlab_jobs.pipeline("w.yml", text, {"a.yml": ""}).absent] == [3, 4, 6]


@pytest.mark.parametrize(
    ("filters", "possible", "never"),
    [
        ("a: b", {"main", "release", branches.ANOTHER}, set()),
        ("branches: [main]", {"main"}, {"release"}),
        ("branches: ['release/**', '!release/old']", {"release/x", "release/1"}, {"main", "release", "release/old"}),
        ("branches-ignore: [release]", {"main"}, {"release"}),
    ],
)
def test_which_branches_a_pull_request_may_be_for(filters: str, possible: set[str], never: set[str]) -> None:
    texts = ["if: github.base_ref == 'release' || contains('[\"release/1\", \"release/old\"]', github.base_ref)"]
    reachable = set().union(*branches.possible(texts, read(filters), "main"))
    assert possible <= reachable
    assert not never & reachable


@pytest.mark.parametrize("text", ["x: " + "(a" * 500_000, "x a" + " " * 1_000_000, "y:\n" * (recipes.MOST_LINES + 1)])
@pytest.mark.parametrize("read", [recipes.just, recipes.make])
def test_what_of_a_recipe_is_too_long_is_not_read_and_said(read: Callable[[str], recipes.Recipes], text: str) -> None:
    begun = time.process_time()
    recipes = read(f"x:\n    true\n{text}\n")
    assert time.process_time() - begun < 60
    assert recipes.recipes["x"].body.strip() == "true"
    assert not recipes.whole
