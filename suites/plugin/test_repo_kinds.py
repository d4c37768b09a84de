"""Kinds of writing that once hid a push, or showed one where none is: shell, recipes, pipelines, backends."""

from __future__ import annotations

import pytest

from pytest_gf.honey import contract as contracts
from pytest_gf.honey.contract.repository import Repository
from pytest_gf.honey.observed.repository import addresses, backends, quarantine, stacks
from pytest_gf.honey.observed.repository.effect import Opaque, Writes
from pytest_gf.honey.observed.repository.effects import Around, effects

SEEN = {
    "a known word is read anew": "c=echo\nread c <<< attic\n$c push main x\n",
    "a known word is printed anew": "c=echo\nprintf -v c attic\n$c push main x\n",
    "a known word is taken away": "c=echo\nunset c\n$c attic push main x\n",
    "a loop has the same name": "c=echo\nfor c in attic nix; do $c push main x; done\n",
    "a function sets the word": "f() { V=push; }\nV=login\nf\nattic $V main x\n",
    "a sourced file may set the word": "V=login\n. ./vars.sh\nattic $V main x\n",
    "an array grows": 'a=(attic)\na+=(push main x)\n"${a[@]}"\n',
    "an array is another one behind a condition": 'a=(attic push main x)\nif [ -n "$DRY" ]; then a=(echo no); fi\n"${a[@]}"\n',
    "an alias": "alias a=attic\na push main x\n",
    "a word in escapes": "$'\\x61ttic' $'p\\165sh' main x\n",
    "env -S in one word": "env -S'attic push main x'\n",
    "script with options in one word": "script -qc 'attic push main x' /dev/null\n",
    "devenv without --": "devenv shell attic push main x\n",
    "options before Nix's subcommand": "nix --extra-experimental-features 'nix-command flakes' run nixpkgs#attic-client push main x\n",
    "options before nix shell": "nix --option sandbox false shell nixpkgs#attic-client -c attic push main x\n",
    "Python's text in a here-document": "python3 - <<'EOF'\nimport os\nos.system('attic push main x')\nEOF\n",
    "awk runs it": "awk 'BEGIN{system(\"attic push main x\")}'\n",
    "an exported function": 'f() { attic push main "$1"; }\nexport -f f\nxargs -n1 bash -c \'f "$@"\' _ < paths\n',
    "Attic's own address": "curl -X PUT https://nix-cache.tinyland.dev/_api/v1/upload-path --data-binary @x.nar\n",
    "an exit in the background": "exit 0 &\nattic push main x\n",
    "an option before Attic's verb": "attic --config x push main y\n",
}
"""Each writes to Attic, or may: a finding, or something that can't be read."""
UNSEEN = {
    "exec takes the shell's place": "exec ./server\nattic push main x\n",
    "awk only prints it": "awk '/attic push/ {print}' log\n",
    "a loop's other word": "for c in a b; do echo $c; done\nc=login\nattic $c main x\n",
}


@pytest.mark.parametrize("name", SEEN)
def test_a_push_is_never_passed_over(name: str) -> None:
    seen = effects(SEEN[name], Around())
    assert any(isinstance(one, Writes | Opaque) for one in seen)


@pytest.mark.parametrize("name", UNSEEN)
def test_no_push_is_seen_where_none_is(name: str) -> None:
    assert not [one for one in effects(UNSEEN[name], Around()) if isinstance(one, Writes)]


def test_a_hook_in_a_variable_is_followed() -> None:
    seen = effects("export NIX_CONFIG='post-build-hook = ./push.sh'\nnix build\n", Around())
    assert [getattr(one, "target", "") for one in seen] == ["./push.sh"]


RUN = "on: pull_request\njobs:\n  a:\n    runs-on: x\n    env: {{ATTIC_TOKEN: '${{{{ secrets.ATTIC_TOKEN }}}}'}}\n{more}    steps:\n      - run: {run}\n"
MAKE = {
    "a variable of the call": ("make push T=attic", "T ?= echo\npush:\n\t$(T) push main x\n"),
    "a variable that grows": ("make push", "C := attic\nC += push\npush:\n\t$(C) main x\n"),
    "a variable of a branch": (
        "make push",
        "ifeq ($(CI),true)\nC := attic\nelse\nC := echo\nendif\npush:\n\t$(C) push main x\n",
    ),
    "a pattern": ("make push-x", "push-%:\n\tattic push main $*\n"),
    "two rules of one target": ("make all", "all: build\nall: push\nbuild:\n\techo\npush:\n\tattic push main x\n"),
    "needs before commands": ("make push", "push: build\nbuild:\n\techo\npush:\n\tattic push main x\n"),
    "two colons": ("make all", "all::\n\techo\nall::\n\tattic push main x\n"),
    "another prefix": ("make push", ".RECIPEPREFIX = >\npush:\n>attic push main x\n"),
    "a comment between": ("make push", "push:\n\techo\n\n# now\n\tattic push main x\n"),
    "a goal by default": ("make", ".DEFAULT_GOAL := push\nall:\n\techo\npush:\n\tattic push main x\n"),
    "a special target first": ("make", ".SUFFIXES:\npush:\n\tattic push main x\n"),
    "a variable of a target": ("make push", "push: C = attic\npush:\n\t$(C) push main x\n"),
    "a conditional among commands": ("make push", "push:\n\techo\nifdef CI\n\tattic push main x\nendif\n"),
    "a folder in one word": ("make -Csub push", "none:\n"),
}
JUST = {
    "set before": ("just verb=push run", "verb := 'login'\nrun:\n  attic {{verb}} main x\n"),
    "--set": ("just --set verb push run", "verb := 'login'\nrun:\n  attic {{verb}} main x\n"),
}


def judged(files: dict[str, str]) -> str:
    found = quarantine.pull_requests(quarantine.read(files, Repository()))
    return "violated" if found.standing else "undecided" if found.undecided else "holds"


@pytest.mark.parametrize("name", MAKE)
def test_what_make_runs_is_seen(name: str) -> None:
    run, text = MAKE[name]
    files = {".github/workflows/w.yml": RUN.format(run=run, more=""), "Makefile": text}
    files["sub/Makefile"] = "push:\n\tattic push main x\n"
    assert judged(files) in {"violated", "undecided"}


def test_commands_of_make_behind_a_conditional_are_undecided() -> None:
    run, text = MAKE["a conditional among commands"]
    assert judged({".github/workflows/w.yml": RUN.format(run=run, more=""), "Makefile": text}) == "undecided"


@pytest.mark.parametrize("name", JUST)
def test_what_just_is_told_counts(name: str) -> None:
    run, text = JUST[name]
    assert judged({".github/workflows/w.yml": RUN.format(run=run, more=""), "justfile": text}) == "violated"


def test_a_shell_that_a_dockerfile_feeds_is_read() -> None:
    text = "FROM x\nRUN bash <<'EOF'\nattic push main x\nEOF\nRUN echo\n"
    assert (
        judged({".github/workflows/w.yml": RUN.format(run="docker build .", more=""), "Dockerfile": text}) == "violated"
    )


@pytest.mark.parametrize(
    ("matrix", "run"),
    [
        ("{t: [{verb: login}, {verb: push}]}", "attic ${{ matrix.t.verb }} main x"),
        ("{t: [{cmd: {it: attic push main x}}]}", "${{ matrix.t.cmd.it }}"),
        ("{include: [{t: {verb: push}}]}", "attic ${{ matrix.t.verb }} main x"),
    ],
)
def test_members_of_a_matrix_are_values(matrix: str, run: str) -> None:
    assert (
        judged({".github/workflows/w.yml": RUN.format(run=run, more=f"    strategy: {{matrix: {matrix}}}\n")})
        == "violated"
    )


@pytest.mark.parametrize(
    "text",
    [
        ".p: &p\n  script: [attic push main x]\na:\n  <<: *p\n  rules: [{if: $CI_MERGE_REQUEST_IID}]\n",
        ".p: &p\n  script: [attic push main x]\n.q: &q\n  rules: [{if: $CI_MERGE_REQUEST_IID}]\na:\n  <<: [*p, *q]\n",
        ".p: &p\n  script: [echo]\na:\n  script: [attic push main x]\n  <<: *p\n  rules: [{if: $CI_MERGE_REQUEST_IID}]\n",
    ],
)
def test_merge_keys_are_resolved(text: str) -> None:
    assert judged({".gitlab-ci.yml": text}) == "violated"


FOLDER = "tofu/stacks/attic"
BLOCK = 'terraform {\n  backend "s3" {\n    bucket = "b"\n    key    = "attic/terraform.tfstate"\n  }\n}\n'
GIVEN = 'endpoints = { s3 = "http://s3.example:9000" }\nuse_lockfile = true\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".terraform.lock.hcl", 'provider "registry.opentofu.org/hashicorp/aws" {\n  version = "5.0.0"\n}\n'),
        ("terragrunt.hcl", 'include "root" {\n  path = find_in_parent_folders()\n}\n'),
        ("a.tftest.hcl", 'run "x" {\n  command = plan\n}\n'),
    ],
)
def test_another_file_in_hcl_is_no_backend_file(name: str, text: str) -> None:
    sources = {f"{FOLDER}/main.tf": BLOCK, f"{FOLDER}/b.hcl": GIVEN, f"{FOLDER}/{name}": text}
    seen = backends.effective(sources, backends.BackendPlace(FOLDER, (f"{FOLDER}/*.hcl",), {}))
    assert [backend.path for backend in seen.backends] == [f"{FOLDER}/b.hcl"]
    assert backends.locking(seen, backends.block(sources, FOLDER), "attic").holds


def test_a_byte_order_mark_is_no_part_of_hcl() -> None:
    assert (
        stacks.declared({f"{FOLDER}/main.tf": f"\ufeff{BLOCK}"}, "attic", FOLDER, "attic/terraform.tfstate").found == []
    )


SCRIPTS = '{{"scripts": {{"{name}": "attic push main x"}}}}\n'
ELSEWHERE = {
    "task": ("task push", {"Taskfile.yml": "version: '3'\ntasks:\n  push:\n    cmds: [attic push main x]\n"}),
    "mise": ("mise run push", {"mise.toml": "[tasks.push]\nrun = 'attic push main x'\n"}),
    "Earthly": ("earthly +push", {"Earthfile": "push:\n  RUN attic push main x\n"}),
    "Docker Compose": ("docker compose up", {"compose.yml": "services: {a: {command: attic push main x}}\n"}),
    "Ansible": ("ansible-playbook p.yml", {"p.yml": "- hosts: all\n  tasks: [{shell: attic push main x}]\n"}),
    "Bazel": ("bazel run //ci:push", {"ci/push.sh": "attic push main x\n"}),
    "Go": ("go run ./ci", {"ci/main.go": 'exec.Command("attic", "push", "main")\n'}),
    "Python with an option": ("python3 -u ci/p.py", {"ci/p.py": "run(['attic', 'push', 'main'])\n"}),
    "Python's module": ("python3 -m ci.p", {"ci/p.py": "run(['attic', 'push', 'main'])\n"}),
    "a script behind another": ("npm run build", {"package.json": SCRIPTS.format(name="postbuild")}),
    "an installation": ("npm ci", {"package.json": SCRIPTS.format(name="prepare")}),
    "npm elsewhere": ("npm --prefix web run push", {"web/package.json": SCRIPTS.format(name="push")}),
    "a workspace": ("yarn workspace web push", {"web/package.json": SCRIPTS.format(name="push")}),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_other_programs_run_is_looked_at(name: str) -> None:
    run, files = ELSEWHERE[name]
    assert judged({".github/workflows/w.yml": RUN.format(run=run, more=""), **files}) in {"violated", "undecided"}


@pytest.mark.parametrize(
    "run", ["task build", "go test ./...", "npm run build", "docker compose up", "ansible-playbook p.yml"]
)
def test_other_programs_alone_are_no_push(run: str) -> None:
    files = {"Taskfile.yml": "tasks: {}\n", "package.json": SCRIPTS.format(name="push"), "p.yml": "[]\n"}
    assert judged({".github/workflows/w.yml": RUN.format(run=run, more=""), **files}) == "holds"


@pytest.mark.parametrize(
    "path",
    [
        ".woodpecker.yml",
        ".tangled/workflows/w.yml",
        ".buildkite/pipeline.yml",
        ".circleci/config.yml",
        "Jenkinsfile",
        "azure-pipelines.yml",
    ],
)
def test_a_pipeline_of_another_forge_is_undecided_where_it_names_attic(path: str) -> None:
    assert judged({path: "steps: [{commands: [attic push main x]}]\n"}) == "undecided"
    assert judged({path: "steps: [{commands: [make]}]\n"}) == "holds"


MERGE = "  rules: [{if: $CI_MERGE_REQUEST_IID}]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"variables: {{CMD: {{value: attic push main x}}}}\na:\n  script: [$CMD]\n{MERGE}", "violated"),
        (f"variables: {{A: attic, CMD: $A push main x}}\na:\n  script: [$CMD]\n{MERGE}", "violated"),
        (f"a:\n  hooks: {{pre_get_sources_script: [attic push main x]}}\n  script: [echo]\n{MERGE}", "violated"),
        (
            f"default: {{hooks: {{pre_get_sources_script: attic push main x}}}}\na:\n  script: [echo]\n{MERGE}",
            "violated",
        ),
        (f"a:\n  run: [{{name: x, script: attic push main x}}]\n{MERGE}", "violated"),
        (
            "variables: {V: login}\na: {script: [attic $V main x], rules: [{if: $CI_MERGE_REQUEST_IID, variables: {V: push}}]}\n",
            "undecided",
        ),
    ],
)
def test_variables_and_hooks_of_a_pipeline_count(text: str, expected: str) -> None:
    assert judged({".gitlab-ci.yml": text}) == expected


def test_a_hook_in_a_steps_variable_is_followed() -> None:
    env = "        env: {NIX_CONFIG: post-build-hook = ./push.sh}\n"
    files = {".github/workflows/w.yml": RUN.format(run="nix build", more="") + env, "push.sh": "attic push main x\n"}
    assert judged(files) == "violated"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[ pkgs.lan-mouse_git ]", 0),
        ("import com.example.internal.Thing", 0),
        ("no_proxy: 10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10", 0),
        ("the rack is 10.1.0.0/16", 1),
        ("ask nas.lan.", 1),
        ("http://nas.lan:8080/x", 1),
    ],
)
def test_private_topology_is_a_name_of_its_own(text: str, expected: int) -> None:
    assert len(addresses.private({"README.md": text}, contracts.load().repository).found) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [("false", "holds"), ("true", "violated"), ("'false'", "violated"), ("[true, false]", "violated")],
)
def test_a_matrix_keeps_true_and_false(given: str, expected: str) -> None:
    matrix = f"    strategy: {{matrix: {{push: {given if given[0] == '[' else f'[{given}]'}}}}}\n"
    run = "attic push main x\n        if: matrix.push"
    assert judged({".github/workflows/w.yml": RUN.format(run=run, more=matrix)}) == expected
