"""GitLab pipelines as GitLab puts them together: what a merge request reaches through extends, references and includes."""

from __future__ import annotations

import pytest

from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.observed.repository import quarantine

CASES = {
    "extends-child-rules-mr": (
        "violated",
        {
            ".gitlab-ci.yml": """.push:
  script: [attic push main result]
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
release:
  extends: .push
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "extends-child-rules-default": (
        "holds",
        {
            ".gitlab-ci.yml": """.push:
  script: [attic push main result]
release:
  extends: .push
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
""",
        },
    ),
    "hidden-unused": (
        "holds",
        {
            ".gitlab-ci.yml": """.push:
  script: [attic push main result]
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
build:
  script: [nix build]
""",
        },
    ),
    "child-overrides-script": (
        "holds",
        {
            ".gitlab-ci.yml": """.push:
  script: [attic push main result]
build:
  extends: .push
  script: [nix build]
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "reference": (
        "violated",
        {
            ".gitlab-ci.yml": """.push:
  script:
    - attic push main result
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
check:
  script:
    - nix build
    - !reference [.push, script]
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "reference-rules": (
        "holds",
        {
            ".gitlab-ci.yml": """.gate:
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
check:
  script: [attic push main result]
  rules:
    - !reference [.gate, rules]
""",
        },
    ),
    "include-local": (
        "violated",
        {
            ".gitlab-ci.yml": """include:
  - local: /ci/push.yml
""",
            "ci/push.yml": """push:
  script: [attic push main result]
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "include-local-extends": (
        "violated",
        {
            ".gitlab-ci.yml": """include: ci/base.yml
push:
  extends: .push
  rules:
    - if: $CI_MERGE_REQUEST_IID
""",
            "ci/base.yml": """.push:
  script: [attic push main result]
""",
        },
    ),
    "default-after-script": (
        "violated",
        {
            ".gitlab-ci.yml": """default:
  after_script: [attic push main result]
build:
  script: [nix build]
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "global-after-script": (
        "violated",
        {
            ".gitlab-ci.yml": """after_script: [attic push main result]
build:
  script: [nix build]
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "default-gated-everywhere": (
        "holds",
        {
            ".gitlab-ci.yml": """default:
  after_script: [attic push main result]
build:
  script: [nix build]
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
""",
        },
    ),
    "workflow-rules-never-mr": (
        "holds",
        {
            ".gitlab-ci.yml": """workflow:
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
build:
  script: [attic push main result]
""",
        },
    ),
    "include-remote-attic": (
        "undecided",
        {
            ".gitlab-ci.yml": """include:
  - project: tinyland/ci
    file: /attic-push.yml
""",
        },
    ),
    "function-across-items": (
        "violated",
        {
            ".gitlab-ci.yml": """build:
  script:
    - push() { attic push main result; }
    - push
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "if-across-items-var": (
        "violated",
        {
            ".gitlab-ci.yml": """variables: {TOOL: attic}
build:
  script:
    - $TOOL push main result
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "global-token-opaque": (
        "undecided",
        {
            ".gitlab-ci.yml": """variables: {ATTIC_TOKEN: $X}
build:
  script:
    - curl https://example.org/x | bash
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "when-manual-mr": (
        "violated",
        {
            ".gitlab-ci.yml": """push:
  script: [attic push main result]
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
      when: manual
""",
        },
    ),
    "regex-rule": (
        "undecided",
        {
            ".gitlab-ci.yml": """push:
  script: [attic push main result]
  rules:
    - if: $CI_MERGE_REQUEST_SOURCE_BRANCH_NAME =~ /^push-/
""",
        },
    ),
    "except": (
        "undecided",
        {
            ".gitlab-ci.yml": """push:
  script: [attic push main result]
  except: [main]
""",
        },
    ),
    "only-main": (
        "holds",
        {
            ".gitlab-ci.yml": """push:
  script: [attic push main result]
  only: [main]
""",
        },
    ),
    "only-main-except-tags": (
        "holds",
        {
            ".gitlab-ci.yml": """push:
  script: [attic push main result]
  only: [main]
  except: [tags]
""",
        },
    ),
    "only-variables": (
        "holds",
        {
            ".gitlab-ci.yml": """push:
  script: [attic push main result]
  only:
    variables:
      - $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
""",
        },
    ),
    "trigger-child": (
        "violated",
        {
            ".gitlab-ci.yml": """child:
  trigger:
    include: ci/child.yml
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
            "ci/child.yml": """push:
  script: [attic push main result]
""",
        },
    ),
    "pages": (
        "violated",
        {
            ".gitlab-ci.yml": """pages:
  script: [attic push main result]
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
""",
        },
    ),
    "glob-include": (
        "violated",
        {
            ".gitlab-ci.yml": """include: /ci/*.yml
""",
            "ci/a.yml": """push:
  script: [attic push main result]
  rules: [{if: $CI_MERGE_REQUEST_IID}]
""",
        },
    ),
}
"""By what they are about: the verdict, and the checkout's files."""


def judged(files: dict[str, str]) -> str:
    """Return what the clause about pull requests would say of these files."""
    findings = quarantine.pull_requests(quarantine.read(files, Repository()))
    return "violated" if findings.standing else "undecided" if findings.undecided else "holds"


@pytest.mark.parametrize("name", CASES)
def test_what_a_merge_request_reaches(name: str) -> None:
    expected, files = CASES[name]
    assert judged(files) == expected


def test_a_push_is_found_where_it_stands_in_an_included_file() -> None:
    files = {
        ".gitlab-ci.yml": "include: ci/push.yml\nup: {extends: .push, rules: [{if: $CI_MERGE_REQUEST_IID}]}\n",
        "ci/push.yml": ".push:\n  script:\n    - nix build\n    - attic push main result\n",
    }
    standing = quarantine.pull_requests(quarantine.read(files, Repository())).standing
    assert [(finding.path, finding.line) for finding in standing] == [("ci/push.yml", 4)]


def test_pipelines_that_include_and_start_one_another_end() -> None:
    files = {
        ".gitlab-ci.yml": "include: /ci/a.yml\na: {extends: b, script: [attic push main x]}\nb: {extends: a}\n",
        "ci/a.yml": "include: /.gitlab-ci.yml\nt: {trigger: {include: /.gitlab-ci.yml}}\n",
    }
    assert judged(files) == "undecided"


def test_references_that_multiply_are_undecided() -> None:
    letters = "abcdef"
    listed = {
        one: ", ".join(f"!reference [.{other}, script]" for _ in range(9))
        for one, other in zip(letters, letters[1:] + "a", strict=True)
    }
    lines = [f".{one}: {{script: [{reference}]}}" for one, reference in listed.items()]
    assert judged({".gitlab-ci.yml": "\n".join([*lines, "j: {script: [!reference [.a, script]]}"])}) == "undecided"
