"""What the repository clauses judge, rule by rule: stacks, .envrc, executor mode, the canary, addresses, the page, rotation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pytest_gf.honey import contract as contracts
from pytest_gf.honey.contract.repository import Attachment, Repository
from pytest_gf.honey.formats import envrc, markdown, workflow
from pytest_gf.honey.formats.yaml_nodes import Scalar, Table, read
from pytest_gf.honey.observed.repository import (
    Findings,
    acceleration,
    addresses,
    attachment,
    canary,
    executor,
    machine,
    page,
    stacks,
)
from pytest_gf.lab import model

RULES = contracts.load().repository
FOLDER = "tofu/stacks/attic"
KEY = "attic/terraform.tfstate"
S3 = f'terraform {{\n  backend "s3" {{\n    key = "{KEY}"\n  }}\n}}\n'
HTTP = 'terraform {\n  backend "http" {}\n}\n'
STEPS = RULES.canary.steps
CLOUD = 'terraform {\n  # In the place of a backend.\n  cloud {\n    organization = "o"\n  }\n}\n'
CANARY = (model.HERE / "repository" / ".github" / "workflows" / "rustfs-state-authority-canary.yml").read_text()


def rules(findings: Findings) -> list[str]:
    return [f"{finding.rule}:{finding.line}{'?' if finding.undecided else ''}" for finding in sorted(findings.found)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.tf": S3}, []),
        ({"a.tf": HTTP, "a.tofu": S3}, []),
        ({"a.tf": S3, "a.tofu": HTTP}, ["backend-not-s3:2"]),
        ({"a.tf": HTTP, "b_override.tf": S3}, []),
        ({"a.tf": S3, "override.tf": HTTP}, ["backend-not-s3:2"]),
        ({"a.tf.json": f'{{"terraform": {{"backend": {{"s3": {{"key": "{KEY}"}}}}}}}}'}, []),
        ({"a.tf.json": '{"terraform": [{"backend": {"http": {}}}]}'}, ["backend-not-s3:1"]),
        ({"a.tf": S3.replace(KEY, "${var.x}")}, ["key-not-literal:3?"]),
        ({"a.tf": S3.replace(f'"{KEY}"', "var.x")}, ["key-not-literal:3?"]),
        ({"a.tf": S3.replace(KEY, "b/terraform.tfstate")}, ["wrong-key:3"]),
        ({"a.tf": 'terraform {\n  backend "s3" {}\n}\n'}, ["key-not-literal:2?"]),
        ({"a.tf": S3, "b.tf": S3}, ["two-backends:2"]),
        ({"a.tf": "# nothing\n"}, ["no-backend:1"]),
        ({"a.tf": f'# backend "http" {{}}\n{S3}'}, []),
        ({"a.tf": "backend {"}, ["unreadable-stack:1?"]),
        ({"a.tf": S3, "override.tf": CLOUD}, ["backend-not-s3:3"]),
        ({"a.tf": CLOUD, "x_override.tf": S3}, []),
        ({"a.tf": S3, "b.tf": CLOUD}, ["backend-not-s3:3", "two-backends:3"]),
        ({"a.tf": CLOUD}, ["backend-not-s3:3"]),
        ({"a.tf.json": '{"terraform": {"cloud": {"organization": "o"}}}'}, ["backend-not-s3:1"]),
        ({"a.tf": S3, "a.b_override.tf": HTTP}, ["backend-not-s3:2"]),
        ({"a.tf": S3, "override.b.tf": S3}, ["two-backends:2"]),
        ({"a.tf": S3, ".b.tf": HTTP, "#c#.tf": HTTP}, []),
        ({"a.tf": S3, "x_override.tf": HTTP, "y_override.tf": S3}, []),
        ({"a.tf": S3, "x_override.tf": S3 + S3}, ["two-backends:7"]),
        ({"modules/m/a.tf": HTTP, "a.tf": S3}, []),
    ],
)
def test_the_backend_that_opentofu_would_take(files: dict[str, str], expected: list[str]) -> None:
    sources = {f"{FOLDER}/{name}": text for name, text in files.items()}
    assert rules(stacks.declared(sources, "attic", FOLDER, KEY)) == expected


PROMISED = Attachment(https_host="nix-cache", attic_cache="main", endpoint_variables=("GF_BAZEL_REMOTE_CACHE",))
WELL = 'export ATTIC_SERVER="${ATTIC_SERVER:-https://nix-cache.${DOMAIN}}"\nexport ATTIC_CACHE=main\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WELL, []),
        (WELL.replace("${DOMAIN}", "$(yq .domain config.yaml)"), []),
        (f'DOMAIN=""\nif true; then\n  DOMAIN=x.dev\nfi\n{WELL}', []),
        (WELL.replace("https://nix-cache.${DOMAIN}", "$(cat server)"), ["envrc-attic-server:1?"]),
        (WELL.replace("nix-cache", "attic-cache"), ["envrc-attic-server:1"]),
        (WELL.replace("https", "http"), ["envrc-attic-server:1"]),
        (WELL.replace("=main", "=dev"), ["envrc-attic-cache:2"]),
        (WELL.replace("=main", '="$WHICH"'), ["envrc-attic-cache:2?"]),
        ("# nothing\n", ["envrc-attic-cache:1", "envrc-attic-server:1"]),
        (f"f() {{\n  export ATTIC_CACHE=other\n}}\n{WELL}", []),
        (f"f() {{\n  export ATTIC_CACHE=other\n}}\n{WELL}f\n", ["envrc-attic-cache:6?"]),
        (WELL + "for name in a; do export ATTIC_CACHE=dev; done\n", ["envrc-attic-cache:3"]),
        (WELL + "case $H in\n  a) ATTIC_CACHE=dev ;;\nesac\n", ["envrc-attic-cache:4"]),
        (WELL.replace("=main", "=dev") + "[ -n $CI ] && ATTIC_CACHE=main\n", ["envrc-attic-cache:2"]),
        (  # bash takes it, and our grammar does not: what is not seen may stand there.
            "for secret in a b; { :; }\n" + WELL,
            ["envrc-attic-cache:1?", "envrc-attic-server:1?", "unread-envrc:1?"],
        ),
        (WELL.replace("=main", "=ma") + "ATTIC_CACHE+=in\n", []),
        ("has nix && " + WELL.replace("\n", "; ", 1), []),
    ],
)
def test_what_envrc_derives(text: str, expected: list[str]) -> None:
    findings = attachment.attic({".envrc": text}, PROMISED)
    assert rules(findings) == expected
    assert "secret" not in "".join(map(str, findings.found)), "a line that is not understood may hold one"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ('export BAZEL_REMOTE_CACHE="${BAZEL_REMOTE_CACHE:-}"\n', []),
        ('export BAZEL_REMOTE_CACHE="${GF_BAZEL_REMOTE_CACHE:-}"\n', []),
        ('export BAZEL_REMOTE_CACHE="$GF_BAZEL_REMOTE_CACHE"\n', []),
        ("export BAZEL_REMOTE_CACHE=grpc://x:1\n", ["envrc-bazel:1"]),
        ("\nBAZEL_REMOTE_CACHE=grpc://$(hostname):1\n", ["envrc-bazel:2"]),
        ("BAZEL_REMOTE_CACHE=$(cat endpoint)\n", ["envrc-bazel:1?"]),
        (': "${BAZEL_REMOTE_CACHE:=grpc://x:1}"\n', ["envrc-bazel:1"]),
    ],
)
def test_bazel_is_left_to_the_operator(text: str, expected: list[str]) -> None:
    assert rules(attachment.bazel({".envrc": text}, PROMISED)) == expected


MANY = "".join(f"if [ $WHICH = {n} ]; then {{name}}={n}; fi\n" for n in range(envrc.MOST_VALUES))


def test_values_beyond_the_bound_are_undecided_and_not_dropped() -> None:
    """The value that is dropped may be the wrong one."""
    searched = {".envrc": "BAZEL_REMOTE_CACHE=$(dig x)\n" + MANY.format(name="BAZEL_REMOTE_CACHE")}
    assert rules(attachment.explicit(searched, PROMISED)) == ["unread-value:2?"]
    long = {".envrc": f"BAZEL_REMOTE_CACHE={'x' * envrc.LONGEST_WORD}$(dig x)\n"}
    assert rules(attachment.explicit(long, PROMISED)) == ["unread-value:1?"]
    derived = {".envrc": "E=grpc://x:1\n" + MANY.format(name="E") + "BAZEL_REMOTE_EXECUTOR=$E\n"}
    assert rules(attachment.separate(derived, PROMISED)) == [f"unread-value:{envrc.MOST_VALUES + 2}?"]


ELIGIBLE = '{"classes": {\n  "a": {"state": "eligible"},\n  "b": {"state": "blocked"}\n}}'


@pytest.mark.parametrize(
    ("text", "used", "expected"),
    [
        (ELIGIBLE, "a", []),
        (ELIGIBLE, "b", ["ineligible-class:2"]),
        (ELIGIBLE, "c", ["unknown-class:2"]),
        (ELIGIBLE.replace("blocked", "perhaps"), "a", ["malformed-class:3"]),
        (ELIGIBLE[:-3], "a", ["malformed-eligibility:3"]),
        ("[]", "a", ["malformed-eligibility:1"]),
        ('{"classes": {"a": {}, "a": {}}}', "a", ["malformed-eligibility:1"]),
        ('{"classes": [{"name": "a", "state": "eligible"}]}', "a", []),
    ],
)
def test_executor_mode_is_for_eligible_classes(text: str, used: str, expected: list[str]) -> None:
    flow = f"on: push\n# BAZEL_REMOTE_EXECUTOR\nenv: {{BAZEL_REMOTE_EXECUTOR: x, RBE_TARGET_CLASS: {used}}}\n"
    sources = {"e.json": text, ".github/workflows/w.yml": flow.replace("# BAZEL_REMOTE_EXECUTOR\n", "")}
    findings = executor.eligible(sources, msgspec.structs.replace(RULES.executor, eligibility="e.json"))
    assert rules(findings) == expected


CHANGES = [
    ("triggers", "branches: [main]", "branches: [dev]", ["canary-trigger:3"]),
    ("triggers", "branches: [main]", "branches: main", []),
    ("triggers", "branches: [main]", 'branches: ["ma*", "release/**"]', []),
    ("triggers", "branches: [main]", 'branches: ["**", "!main"]', ["canary-trigger:3"]),
    ("triggers", "branches: [main]", "branches-ignore: [main]", ["canary-trigger:3"]),
    ("triggers", "branches: [main]", "branches-ignore: [dev]", []),
    ("triggers", "branches: [main]", "tags: [v1]", ["canary-trigger:3"]),
    ("triggers", "branches: [main]", "tags: [v1]\n    branches: [main]", []),
    ("triggers", "  workflow_dispatch:\n", "", ["canary-trigger:3"]),
    ("triggers", "17 * * * *", "*/20 * * * *", []),
    ("triggers", "17 * * * *", "0,30 */1 * * SUN-SAT", []),
    ("triggers", "17 * * * *", "5 0-23 1-31 jan-dec *", []),
    ("triggers", "17 * * * *", '5 0-11 * * *"\n    - cron: "5 12-23 * * *', []),
    ("triggers", "17 * * * *", "5 8-18 * * *", ["canary-trigger:6"]),
    ("triggers", "17 * * * *", "5 * * * 1-5", ["canary-trigger:6"]),
    ("triggers", "17 * * * *", "75 * * * *", ["canary-trigger:6?"]),
    ("triggers", "17 * * * *", "@hourly", ["canary-trigger:6?"]),
    ("triggers", "on:", '"on":', []),
    ("lane", "tinyland-nix-operator", "[self-hosted, tinyland-nix-operator]", []),
    ("lane", "tinyland-nix-operator", "{labels: tinyland-nix-operator}", []),
    ("lane", "tinyland-nix-operator", "{group: default, labels: [tinyland-nix-operator]}", ["canary-lane:12"]),
    ("lane", "tinyland-nix-operator", "tinyland-nix", ["canary-lane:12"]),
    ("lane", "tinyland-nix-operator", "${{ vars.LANE }}", ["canary-lane:12?"]),
    (
        "lane",
        "tinyland-nix-operator",
        "${{ matrix.lane }}\n    strategy: {matrix: {lane: [tinyland-nix-operator]}}",
        [],
    ),
    (
        "lane",
        "tinyland-nix-operator",
        "${{ matrix.lane }}\n    strategy: {matrix: {lane: [tinyland-nix]}}",
        ["canary-lane:12"],
    ),
    ("order", "--expect-interim", "", ["canary-step:11"]),
    (
        "order",
        "just ha-state-candidate-inventory",
        "just attic-nar-integrity-check --again",
        ["canary-step:11", "canary-always:27"],
    ),
    (
        "artifacts",
        "actions/upload-artifact@2222222222222222222222222222222222222222",
        "./.github/actions/keep",
        ["canary-artifacts:11?"],
    ),
    (
        "artifacts",
        "actions/upload-artifact@2222222222222222222222222222222222222222",
        "actions/cache@2222222222222222222222222222222222222222",
        ["canary-artifacts:11"],
    ),
    ("hygiene", "    timeout-minutes: 30\n", "", ["canary-timeout:11"]),
    ("hygiene", "contents: read", "contents: write", ["canary-permissions:9"]),
    ("hygiene", "permissions:\n  contents: read\n", "", ["canary-permissions:1"]),
    ("hygiene", "permissions:\n  contents: read\n", "permissions: write-all\n", ["canary-permissions:8"]),
]


@pytest.mark.parametrize(("what", "old", "new", "expected"), CHANGES)
def test_the_canary_workflow(what: str, old: str, new: str, expected: list[str]) -> None:
    assert old in CANARY
    read_ = workflow.workflow(CANARY.replace(old, new, 1))
    judged = {
        "triggers": lambda: canary.triggers("w", read_, "main"),
        "lane": lambda: canary.lane("w", read_, RULES.canary.lane),
        "order": lambda: canary.order("w", read_, STEPS),
        "artifacts": lambda: canary.artifacts("w", read_),
        "hygiene": lambda: canary.hygiene("w", read_),
    }
    assert rules(judged[what]()) == expected


def test_the_canarys_steps_in_another_order_are_found() -> None:
    first, second = "just tofu-state-ha-readiness --expect-interim", "just ha-state-candidate-inventory"
    swapped = CANARY.replace(first, "X").replace(second, first).replace("X", second)
    findings = canary.order("w", workflow.workflow(swapped), STEPS)
    assert {finding.rule for finding in findings.found} == {"canary-order"}


def retired(path: str, text: str) -> list[str]:
    return rules(addresses.retired({path: text}, RULES))


def test_a_dead_address_may_stand_where_the_text_says_so() -> None:
    dead = "https://attic.tinyland.dev"
    assert retired("a.md", f"use {dead}\n") == ["retired-address:1"]
    assert retired("a.md", f"## Out of contract\n\n- {dead}\n") == []
    assert retired("a.md", f"{dead} is retired.\n") == []
    assert retired("a.md", f"{dead}\n\n\nretired things\n") == ["retired-address:1"]
    assert retired("docs/archive/a.md", dead) == []
    assert retired("a.yml", f"# no longer: {dead}\n") == []
    longest = "grpc://bazel-cache.attic-cache-dev.svc.cluster.local:9092"
    (finding,) = addresses.retired({"a.rc": longest}, RULES).found
    assert "bazel-cache.attic-cache-dev.svc.cluster.local stands" in finding.what


def test_private_topology() -> None:
    text = "`honey` is sweet honey\n10.1.2.3 and 110.1.2.3.4\nx.ts.net\nkubernetes.default.svc\nservice.namespace.svc\n172.32.0.1 192.168.0.256\n"
    findings = addresses.private({"docs/a.md": text}, RULES)
    assert {(finding.line, finding.what.split()[0]) for finding in findings.found} == {
        (1, "node"),
        (2, "private"),
        (3, "operator"),
        (6, "private"),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Full remote execution for all.\n", ["claims-remote-execution:1"]),
        ("We do not prove full remote execution.\n", []),
        ("## Non-goals\n\n- full remote execution\n", []),
        ("Every build runs remotely.\n", ["claims-remote-execution:1"]),
    ],
)
def test_claims(text: str, expected: list[str]) -> None:
    assert rules(acceleration.claims({"a.md": text}, RULES)) == expected


def test_flakehub_is_found_in_each_kind_of_configuration() -> None:
    sources = {
        "flake.nix": 'nixConfig = {\n  extra-substituters = [\n    "https://a.example"\n    "https://cache.flakehub.com"\n  ];\n};\n',
        ".github/workflows/a.yml": "steps:\n  - uses: DeterminateSystems/flakehub-cache-action@main\n",
        "nix.conf": "# substituters = https://cache.flakehub.com\nextra-substituters = https://cache.flakehub.com\n",
        "b.yml": "steps:\n  - uses: DeterminateSystems/flakehub-push@v5\n",
    }
    findings = acceleration.substituters(sources, RULES)
    assert [(finding.path, finding.line) for finding in sorted(findings.found)] == [
        (".github/workflows/a.yml", 2),
        ("flake.nix", 4),
        ("nix.conf", 2),
    ]


def test_the_page_and_the_data_are_compared_both_ways() -> None:
    promised = page.Promised({"A": "http://a"}, {"s": "s/k"})
    table = "| System | Address |\n|---|---|\n| A | `http://a` |\n\n| Stack | Key |\n|---|---|\n| `s` | `s/k` |\n"
    assert page.agrees("p", table, promised).holds
    for old, new, says in (
        ("http://a", "http://b", "the page says A is at http://b, and the data says http://a"),
        ("| A |", "| B |", "the data says A is at http://a, and no table of the page names it"),
        ("s/k", "s/l", "the page says the key of s is s/l, and the data says s/k"),
        ("| `s`", "| `t`", "the page names the stack t with the key s/k, and the data knows no such stack"),
    ):
        findings = page.agrees("p", table.replace(old, new), promised)
        assert any(finding.what == says for finding in findings.found), findings.diagnosis


def test_a_sentence_that_no_statement_covers_is_listed() -> None:
    text = "The cluster honey is the only physical target.\n\nPenguins repaint the southern lighthouse weekly.\n"
    statements = ["honey is the only active physical cluster target"]
    assert page.uncovered(text, statements) == ("Penguins repaint the southern lighthouse weekly.",)
    assert "Penguins" in page.agrees("p", text, page.Promised({}, {}), statements).seen


def test_rows_that_were_cut_over_lines_are_joined() -> None:
    text = "| A | B | C |\n|---|---|---|\n| 1 | 2 |\n3 |\nx |\ny | z |\n\nnot | a row\n"
    assert [row.cells for row in markdown.rows(text)] == [
        {"A": "1", "B": "2", "C": "3"},
        {"A": "x", "B": "y", "C": "z"},
    ]


def test_each_credential_has_a_rule_of_its_own() -> None:
    own = {"a.md": "# Rotation\n\n- ATTIC_TOKEN: monthly\n- JWT signing key: yearly\n"}
    shared = {"a.md": "ATTIC_TOKEN and the JWT signing key rotate yearly.\n"}
    kinds = Repository(rotation={"ATTIC_TOKEN": ("ATTIC_TOKEN",), "JWT signing key": ("JWT signing keys?",)})
    assert acceleration.rotation(own, kinds).holds
    assert [finding.what for finding in acceleration.rotation(shared, kinds).found] == [
        "the JWT signing key shares the rule of the ATTIC_TOKEN"
    ]


def test_what_is_not_set_holds_and_no_secret_is_shown() -> None:
    assert machine.variable({}, "BAZEL_REMOTE_CACHE", "grpc://x:1").holds
    finding = machine.variable({"ATTIC_SERVER": "https://user:sEcReT@x.example/?t=sEcReT"}, "ATTIC_SERVER", "http://y")
    assert not finding.holds
    assert "sEcReT" not in f"{finding.diagnosis}{finding.seen}"


@pytest.mark.parametrize(
    ("names", "known", "expected"),
    [
        ("TOFU_BACKEND_S3_BUCKET", "", []),
        ("TOFU_BACKEND_CONFIG_FILE", "TOFU_BACKEND_S3_BUCKET", []),
        ("TOFU_BACKEND_GCS_BUCKET", "", ["TOFU_BACKEND_GCS_BUCKET"]),
        ("TOFU_BACKEND_S3_BUKET", "TOFU_BACKEND_S3_BUCKET", ["TOFU_BACKEND_S3_BUKET", "TOFU_BACKEND_S3_BUCKET"]),
        ("TOFU_BACKEND_S3_A", "TOFU_BACKEND_S3_A TOFU_BACKEND_S3_B", ["TOFU_BACKEND_S3_B"]),
    ],
)
def test_the_single_variables_are_judged_where_the_contract_names_them(
    names: str, known: str, expected: list[str]
) -> None:
    findings = machine.operator_path(frozenset(names.split()), known.split())
    assert [finding.what.partition(" ")[0] for finding in findings.found] == expected


def test_on_is_a_word_and_constants_are_yaml_1_2() -> None:
    top = read("on: yes\na: [no, off, False, 'False', TRUE, ~, null, !!str false]\n")
    assert isinstance(top, Table)
    assert top.entries[0][0].text == "on"
    items = top.get("a")
    assert [node.value for node in getattr(items, "nodes") if isinstance(node, Scalar)] == [  # noqa: B009  # Its type is a union.
        *("no", "off", "false", "False", "true", "", "", "false")
    ]


def test_the_model_is_all_in_its_folder(tmp_path: Path) -> None:
    model.lay(tmp_path / "m", [])
    laid = {str(path.relative_to(tmp_path / "m")) for path in (tmp_path / "m").rglob("*") if path.is_file()}
    assert {"repository/.envrc", "repository/.github/workflows/validate.yml", "environment/variables"} <= laid
