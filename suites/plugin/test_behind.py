"""What stands behind a probe that broke, and which faults of several rows are one cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from pytest_gf.engine.errors import DeadlineExceeded, IdentityRejected, ProbeError, Unanswered
from pytest_gf.engine.evidence import Evidence
from pytest_gf.engine.facts import Fact
from pytest_gf.engine.judging import _behind
from pytest_gf.engine.nodes import Node
from pytest_gf.engine.run import Run
from pytest_gf.engine.trouble import Cause, Observed, failing, is_failing
from pytest_gf.honey import HOUSE, contract
from pytest_gf.honey.answers import Answer, Folder
from pytest_gf.honey.observed.bucket import ABOUT_S3
from pytest_gf.honey.observed.disk import Disk
from pytest_gf.honey.observed.exposure import Endpoint
from pytest_gf.honey.observed.gates import Passed, WriteGate
from pytest_gf.honey.observed.ha import Inventory, Limit
from pytest_gf.honey.observed.s3 import BucketListed
from pytest_gf.honey.observed.state import StateBody, StateListing
from pytest_gf.honey.observed.workload import Placement
from pytest_gf.honey.probes.again import Throttled

OK, DENIED, GONE = Answer(200), Answer(403, "AccessDenied"), Answer(404)
PROMISED = contract.load()
FACT = Fact("asked", lambda: None, (), frozenset(), frozenset(), None, (), patient=False)


class Asking:
    """As much of a run as `_behind` looks at."""

    house = HOUSE
    contract = PROMISED


def behind(cause: Cause, node: Node | None = None) -> tuple[Cause, ...]:
    return _behind(cause, node, cast("Run", Asking()))


def ended(failure: BaseException, *asked: str) -> Node:
    node = Node(("asked", ()), FACT, evidence=Evidence())
    assert node.evidence is not None
    for system in asked:
        node.evidence.exchanges.append({"system": system})
    node.end(None, failure)
    return node


@pytest.mark.parametrize("kind", ["unreachable", "too-slow", "throttled", "not-understood", "probe-broken"])
def test_s3_follows_from_the_pod_the_node_and_its_own_word(kind: str) -> None:
    assert {
        Cause("storage-node-down", "bumble"),
        Cause("pod-down", "attic-rustfs-openebs"),
        Cause("workload-gone", "attic-rustfs-openebs"),
        Cause("s3-not-ready"),
        Cause("s3-fails"),
        Cause("disk-offline"),
    } <= set(behind(Cause(kind, "s3")))


def test_caches_follow_from_a_node_and_not_from_s3s_pod() -> None:
    for system in ("Attic", "REAPI"):
        causes = behind(Cause("unreachable", system))
        assert Cause("node-down", "honey") in causes
        assert not [cause for cause in causes if cause.kind in {"pod-down", "s3-fails"}]
    assert behind(Cause("unreachable", "Kubernetes")) == ()


def test_every_cause_behind_a_system_is_a_kind_of_the_table() -> None:
    for system in ("s3", "Attic", "REAPI"):
        assert {cause.kind for cause in behind(Cause("probe-broken", system))} <= HOUSE.kinds.keys()
    assert {cause.kind for cause in failing("x")} <= HOUSE.kinds.keys()


def test_a_system_that_fails_in_two_ways_is_one_cause_and_no_circle() -> None:
    slow, silent = Cause("too-slow", "s3"), Cause("unreachable", "s3")
    assert silent in behind(slow)
    assert slow not in behind(silent)
    assert all(cause not in behind(cause) for cause in failing("s3"))


def test_a_rejected_identity_and_a_wrong_cluster_follow_from_nothing() -> None:
    assert behind(Cause("identity-rejected", "s3")) == ()
    assert behind(Cause("wrong-cluster", "cluster")) == ()
    assert not is_failing(Cause("identity-rejected", "s3"))


def test_a_broken_probe_follows_from_what_its_facts_needs_saw() -> None:
    node, need = ended(Unanswered("t", "c", "n"), "Attic"), Node(("attic_bucket", ()), FACT)
    need.end(BucketListed("attic", listed=False), None)
    node.needs["attic_bucket"] = need
    assert Cause("bucket-index-loss", "attic") in behind(Cause("unreachable", "Attic"), node)
    need.end(BucketListed("attic", unseen="down"), None)
    assert set(failing("s3")) <= set(behind(Cause("unreachable", "Attic"), node))
    assert set(failing("s3")) <= set(ABOUT_S3)


def test_a_failure_knows_where_it_was_once_and_for_all() -> None:
    broken = Unanswered("t", "c", "n")
    ended(broken, "kube", "s3")
    ended(broken, "Attic")  # A fact that needs the first one fails by the same failure.
    assert broken.where == "s3"
    unasked = ProbeError("t", "c", "n")
    ended(unasked)
    assert unasked.where == "asked"
    named = DeadlineExceeded("t", "c", "n")
    named.where = "s3"
    ended(named, "HTTP")
    assert named.where == "s3"
    assert (Throttled("t", "c", "n").kind, IdentityRejected("t", "c", "n").where) == ("throttled", "")


def cause(value: Observed) -> Cause:
    trouble = value.trouble()
    assert trouble is not None
    return trouble.cause


def because(value: Observed) -> tuple[Cause, ...]:
    trouble = value.trouble()
    assert trouble is not None
    return trouble.because


def test_an_emptied_bucket_is_one_loss_for_all_stacks() -> None:
    listing = StateListing("attic", "tofu-state", "k", OK, {}, {})
    assert cause(listing) == Cause("state-object-missing", "attic")
    assert cause(replace(listing, emptied=True)) == Cause("state-object-missing", "tofu-state")
    body = StateBody("attic", "tofu-state", "k", GONE, None, 0, None, "", "", "", (), GONE, None, "")
    assert cause(body) == Cause("state-object-missing", "attic")
    assert cause(replace(body, emptied=True)) == Cause("state-object-missing", "tofu-state")


def test_a_head_that_is_refused_is_a_missing_right_unless_more_is_wrong() -> None:
    read = StateBody("attic", "tofu-state", "k", OK, 5, 5, 5, "e", "m", "s", (), DENIED, None, "")
    assert cause(read) == Cause("right-missing", "tofu-state")
    assert "GET reads the body" in read.diagnosis
    assert cause(replace(read, listed_size=6)) == Cause("state-body-damaged", "attic")
    assert cause(replace(read, head=GONE)) == Cause("state-body-damaged", "attic")


PLACE = Endpoint("grpc://a:1", "grpc://a:1", "runner", "cache", 1, None, "nix-cache")


@pytest.mark.parametrize(
    ("value", "explained"),
    [
        (Placement(("bumble", "sting"), "bumble", "rustfs"), Cause("not-one-replica", "rustfs")),
        (Placement(("sting",), "bumble", "rustfs"), None),
        (Limit("rustfs", "one", ("a", "b"), ("x", "y"), "rustfs"), Cause("not-one-replica", "rustfs")),
        (Limit("other", "one", ("a", "b"), ("x", "y")), None),
        (PLACE, Cause("wrong-namespace", "nix-cache")),
        (replace(PLACE, ports=(2,)), None),
        (Inventory((), "nix-cache/rustfs"), Cause("wrong-namespace", "nix-cache")),
        (
            WriteGate("none", "nobody", "push", "main", may=False, answers=(Passed("api", 200, "", passed=True),)),
            Cause("anonymous-allowed", "attic"),
        ),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, Cause) else type(value).__name__,
)
def test_what_one_cause_turns_wrong_too_names_it(value: Any, explained: Cause | None) -> None:
    assert (explained in because(value)) if explained is not None else (because(value) == ())


def test_a_disk_that_could_not_be_looked_at_is_offline_or_shut() -> None:
    shut = Disk(Folder("/data", "unreadable", {}), Folder("/data/b", "unreadable", {}))
    assert shut.causes == (Cause("permissions-or-mount"),)
    assert replace(shut, data=Folder("/data", "stalled", {})).causes == (Cause("disk-offline"),)
