"""What a plan's first lines say of the lab: every section that its target has, whose identities it takes, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_gf.engine.house import PlanLine
from pytest_gf.engine.reach import reach
from pytest_gf.honey import HOUSE
from pytest_gf.honey.house import load_target
from pytest_gf.lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(tmp_path_factory.mktemp("lab")) as started:
        yield started


def look(path: Path, environment: Mapping[str, str]) -> list[PlanLine]:
    run: Any = SimpleNamespace(house=HOUSE, target=load_target(path, environment), deadline=100.0)
    return list(reach(run))[1:]


def test_every_section_is_reached(lab: Lab) -> None:
    lines = look(lab.target_file, lab.environment)
    text = "\n".join(said for said, _ in lines)
    assert [said for said, lacks in lines if lacks] == []
    target = load_target(lab.target_file, lab.environment)
    assert {name for said, _ in lines for name in re.findall(r"\[(\w+)\]", said)} == set(target.sections)
    for words in (
        f"[kubernetes] kubeconfig {'https://127.0.0.1'}",
        "TLS good until",
        "of GF_LAB_S3_ACCESS_KEY is accepted",
        "GetCapabilities answers OK",
        "for caches main",
    ):
        assert words in text
    for name, secret in lab.environment.items():
        assert "ACCESS_KEY" in name or secret not in text, name


def test_latency_is_added_on_every_wire(lab: Lab) -> None:
    lab.bend("latency:50")
    lab.reset()
    look(lab.target_file, lab.environment)
    lab.mend()
    seconds = {str(exchange["service"]): float(str(exchange["seconds"])) for exchange in lab.exchanges()}
    assert seconds.keys() == {"s3", "kubernetes", "attic", "bazel", "flakehub"}
    assert min(seconds.values()) >= 0.05


def test_through_a_route(lab: Lab) -> None:
    lines = look(lab.folder / "routed.toml", lab.environment)
    assert [said for said, lacks in lines if lacks] == []
    (said,) = [said for said, _ in lines if "[s3] identity" in said]
    assert re.search(
        r"the route reaches pod attic-rustfs-openebs\S+, access key \S+ of GF_LAB_S3_ACCESS_KEY is accept", said
    )
    assert any("unseen [routes] s3 port-forward:nix-cache/svc/" in said for said, _ in lines)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("GF_LAB_S3_SECRET_KEY", "not-the-secret-at-all", "[s3] identity: 403 SignatureDoesNotMatch"),
        ("GF_LAB_S3_ACCESS_KEY", "AKIANOBODYHASIT", "[s3] identity: 403 InvalidAccessKeyId"),
        ("GF_LAB_S3_ACCESS_KEY", "", "[s3] identity: variable GF_LAB_S3_ACCESS_KEY is not set: set it in"),
        ("GF_LAB_ATTIC_TOKEN", "no-token-at-all", "[attic] identity: the token in GF_LAB_ATTIC_TOKEN: it has 1 parts"),
        ("GF_LAB_ATTIC_TOKEN", "GF_LAB_ATTIC_EXPIRED_TOKEN", "the token in GF_LAB_ATTIC_TOKEN ended: it ends 20"),
    ],
)
def test_an_identity_that_is_not_accepted(variable: str, value: str, says: str, lab: Lab) -> None:
    environment = dict(lab.environment)
    environment[variable] = environment.get(value, value)
    ((said, lacks),) = [line for line in look(lab.target_file, environment) if line[1]]
    assert says in said
    assert lacks


def test_a_kubeconfig_that_is_not_there_or_whose_token_is_not_known(lab: Lab, tmp_path: Path) -> None:
    text = lab.target_file.read_text()
    for name in ("ca.pem", "kubeconfig"):
        text = text.replace(f'"{name}"', f'"{lab.folder / name}"')
    kubeconfig = (lab.folder / "kubeconfig").read_text()
    (tmp_path / "unknown").write_text(kubeconfig.replace(lab.environment["GF_LAB_KUBERNETES_TOKEN"], "nobody-knows-it"))
    target = tmp_path / "target.toml"
    for name, says in (
        ("nowhere", "  FAILS  [kubernetes]: there is no kubeconfig at "),
        ("unknown", "  FAILS  [kubernetes] identity: 401"),
    ):
        target.write_text(text.replace(str(lab.folder / "kubeconfig"), str(tmp_path / name)))
        (said,) = [said for said, lacks in look(target, lab.environment) if lacks]
        assert said.startswith(says)


def test_a_password_of_the_bazel_cache_that_is_not_set(lab: Lab, tmp_path: Path) -> None:
    keys = '[bazel]\nusername_env = "GF_TEST_USER"\npassword_env = "GF_TEST_PASSWORD"'
    text = lab.target_file.read_text().replace("[bazel]", keys)
    for name in ("ca.pem", "kubeconfig"):
        text = text.replace(f'"{name}"', f'"{lab.folder / name}"')
    (tmp_path / "target.toml").write_text(text)
    lines = look(tmp_path / "target.toml", dict(lab.environment) | {"GF_TEST_USER": "somebody"})
    assert [said.strip() for said, lacks in lines if lacks] == [
        "FAILS  [bazel] identity: variable GF_TEST_PASSWORD is not set: set it in the environment of this run"
    ]


def test_a_plan_where_everything_is_down(run_pytest: Any, tmp_path: Path) -> None:
    """A line for each, no traceback, exit 11 under --gf-strict, and nothing is written."""
    (tmp_path / "kubeconfig").write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
        'clusters: [{name: a, cluster: {server: "https://127.0.0.1:9"}}]\nusers: [{name: a, user: {token: abcdefghij}}]\n'
    )
    (tmp_path / "down.toml").write_text(
        'name = "down"\nvantage = "operator"\n[s3]\nendpoint = "http://127.0.0.1:9"\n[kubernetes]\nkubeconfig = "kubeconfig"\n'
        '[routes]\ns3 = "port-forward:nix-cache/svc/s:9000"\n[attic]\nhttps = "https://nowhere.invalid"\n'
        '[bazel]\ngrpc = "grpcs://127.0.0.1:9"\n[dynamodb]\nendpoint = "https://127.0.0.1:9"\ntable = "locks"\n'
    )
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "0123456789"}
    outcome = run_pytest(
        "-m", "canary", "--gf-plan", "--gf-strict", f"--gf-target={tmp_path / 'down.toml'}", environment=keys
    )
    assert outcome.exit == 11, outcome.text
    assert "Traceback" not in outcome.text
    words = re.findall(r"^  (\w+) +\[(\w+)\] ?(\w*)", outcome.text, re.MULTILINE)
    assert words == [
        ("unseen", "s3", "endpoint"),
        ("FAILS", "s3", "identity"),
        ("FAILS", "kubernetes", "kubeconfig"),
        ("unseen", "kubernetes", "identity"),
        ("FAILS", "attic", "https"),
        ("unseen", "attic", "identity"),
        ("FAILS", "bazel", "grpc"),
        ("unseen", "bazel", "identity"),
        ("FAILS", "dynamodb", "endpoint"),
        ("unseen", "dynamodb", "identity"),
        ("unseen", "routes", "s3"),
    ]
    assert not outcome.folder.exists()
