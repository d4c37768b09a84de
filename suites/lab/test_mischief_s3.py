"""S3's clauses behind a proxy that spoils exchanges: noise costs no row, and what is broken is told as what it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.errors import Unanswered
from pytest_gf.honey.probes.s3 import S3, Body
from pytest_gf.honey.probes.s3_read import read_object
from pytest_gf.honey.probes.unreadable import NotRead, Unreadable
from pytest_gf.honey.target import S3Section
from pytest_gf.lab import Lab
from pytest_gf.lab.mischief import Mischief, Rates

Before = Callable[..., Mischief]
NOISE = Rates(slow=0.05, reset=0.05, close=0.02, cut=0.02, late=0.2, latency=0.1)
BUCKET, KEY = "tofu-state", "attic/terraform.tfstate"
CANARY = ("-m", "canary", "-k", "rustfs or state", "--gf-deadline=10")


def client(proxy: Mischief, lab: Lab, *, deadline: float = 20.0) -> S3:
    section = S3Section(endpoint=proxy.url)
    return S3(
        section, (lab.environment["GF_LAB_S3_ACCESS_KEY"], lab.environment["GF_LAB_S3_SECRET_KEY"]), deadline=deadline
    )


@pytest.fixture
def through(lab: Lab, mischief: Before, drill: Any, tmp_path: Path) -> Callable[..., tuple[Any, Mischief]]:
    """What judges the canary on the lab with a proxy before its S3."""

    def run(rates: Rates, *, seed: int, rotten: str = "", chosen: tuple[str, ...] = CANARY) -> tuple[Any, Mischief]:
        proxy = mischief(lab.addresses["s3"], rates, seed=seed)
        proxy.rotten |= {rotten} if rotten else set()
        target = lab.target_file.with_name("through.toml")
        target.write_text(lab.target_file.read_text().replace(lab.addresses["s3"], proxy.url))
        return drill(*chosen).judge(tmp_path, lab=lab, target=target), proxy

    return run


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_noise_costs_no_row(through: Callable[..., tuple[Any, Mischief]], seed: int) -> None:
    outcome, proxy = through(NOISE, seed=seed)
    assert outcome.rows("holds") == set(outcome.verdicts()), outcome.text
    assert proxy.done["slow"] + proxy.done["reset"] > 0, proxy.done


@pytest.mark.slow
def test_a_rotten_state_is_found_behind_noise(through: Callable[..., tuple[Any, Mischief]]) -> None:
    outcome, _ = through(NOISE, seed=4, rotten=f"/{BUCKET}/{KEY}")
    assert outcome.rows("violated") == {"state.body-whole[attic]"}, outcome.text
    assert outcome.rows("error") == set()
    assert outcome.rows("unproven") == {"state.body-shape[attic]"}
    reason = outcome.verdicts()["state.body-whole[attic]"]["reason"]
    assert "unreadable: 6 reads" in reason
    assert "corrupt" not in reason


def test_a_rotten_blob_is_unreadable_at_a_short_deadline_too(
    lab: Lab, through: Callable[..., tuple[Any, Mischief]]
) -> None:
    """Six tries that nobody answers take no longer than the patience: each is made once, on a connection of its own."""
    blob = min((lab.folder / "data" / "bazel-cache" / "cas.v2").glob("??/*"))
    key = f"/bazel-cache/{blob.relative_to(blob.parents[2])}"
    chosen = ("-m", "canary", "-k", "cas-digest", "--gf-deadline=2")
    outcome, _ = through(Rates(), seed=8, rotten=key, chosen=chosen)
    assert outcome.rows("violated") == {"bazel.cas-digest"}, outcome.text
    assert "1 unreadable of " in outcome.verdicts()["bazel.cas-digest"]["reason"]


@pytest.mark.slow
def test_what_fails_for_all_was_not_read(lab: Lab, mischief: Before) -> None:
    """Every GET is closed, every HEAD answers: the others fail too, so that it is no finding about this object."""
    proxy = mischief(lab.addresses["s3"])
    proxy.rotten.add(f"/{BUCKET}/")
    with pytest.raises(NotRead, match="the read of another object failed too"):
        read_object(client(proxy, lab, deadline=3.0), BUCKET, KEY)


@pytest.mark.slow
def test_several_rotten_objects_are_told_each(lab: Lab, mischief: Before) -> None:
    proxy = mischief(lab.addresses["s3"], dataclasses.replace(NOISE, slow=0.0), seed=5)
    keys = {f"{stack}/terraform.tfstate" for stack in ("attic", "arc-runners")}
    proxy.rotten |= {f"/{BUCKET}/{key}" for key in keys}
    patient = client(proxy, lab, deadline=10.0)
    read = {key: read_object(patient, BUCKET, key) for key in (*keys, "gitlab-runners/terraform.tfstate")}
    assert {key for key, body in read.items() if isinstance(body, Unreadable)} == keys
    assert all(isinstance(body, Unreadable) or (isinstance(body, Body) and not body.cut) for body in read.values())


def test_a_read_that_comes_in_the_end_is_a_read(lab: Lab, mischief: Before) -> None:
    proxy = mischief(lab.addresses["s3"], Rates(close=0.3, cut=0.3), seed=6)
    for _ in range(10):
        body = read_object(client(proxy, lab), BUCKET, KEY)
        assert isinstance(body, Body)
        assert len(body.data) == body.head.length


def test_writes_that_nobody_answered_are_looked_up(lab: Lab, mischief: Before) -> None:
    """The server did what it was asked, and the answer was cut: the bucket is there, and then it is not."""
    proxy = mischief(lab.addresses["s3"], Rates(cut=0.15, reset=0.1), seed=7)
    s3 = client(proxy, lab)
    for number in range(8):
        bucket = f"gf-rca-lookup-{number}"
        assert s3.create_bucket(bucket).ok
        assert s3.put_object(bucket, "k", b"body").ok
        assert s3.delete_object(bucket, "k").ok
        assert s3.delete_bucket(bucket).ok
        assert not (lab.folder / "data" / bucket).exists()


def test_a_conditional_write_that_nobody_answered_is_not_sent_again(lab: Lab, mischief: Before) -> None:
    proxy = mischief(lab.addresses["s3"], Rates(reset=1.0))
    with pytest.raises(Unanswered):
        client(proxy, lab).put_object(BUCKET, "gf-proof/once", b"x", only_new=True)
    assert sum(proxy.done.values()) == 1


def test_a_head_that_is_cut_between_two_lines_is_asked_again(lab: Lab, mischief: Before) -> None:
    """http.client takes it for a whole one: a 404 without a code, a listing without a body."""
    proxy = mischief(lab.addresses["s3"], Rates(cut=0.2), seed=8)
    s3 = client(proxy, lab)
    for _ in range(15):
        assert s3.get_object(BUCKET, "gf-probe/absent").head.answer.code == "NoSuchKey"
        assert s3.list_buckets().lacks("attic", "tofu-state", "bazel-cache") == ()
        assert s3.head_object(BUCKET, KEY).etag
