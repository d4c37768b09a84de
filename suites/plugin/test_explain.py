"""--gf-explain: every clause, statement and kind of cause is explained, from what is there, and nothing is asked for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.explain import kinds, kinds_of
from pytest_gf.honey import HOUSE, contract
from pytest_gf.lab import drills

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, types
from pytest_gf.engine.axes import Axes
from pytest_gf.engine.explain import explain
from pytest_gf.honey import HOUSE, contract
from pytest_gf.pages.clauses import collected
found, promised = collected("suites/contract"), contract.load()
run = types.SimpleNamespace(house=HOUSE, contract=promised, axes=Axes(HOUSE, promised, {}, {}))
names = [*found.clauses, *promised.statements, *HOUSE.causes]
print(json.dumps({name: explain(name, found, run) for name in names}))
"""
WIDTH = 100


@pytest.fixture(scope="module")
def every() -> Mapping[str, list[str]]:
    """What is said of each name."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    texts: Mapping[str, list[str]] = json.loads(done.stdout)
    return texts


def lines(told: list[str], label: str) -> str:
    """Return what stands behind a label, its lines joined."""
    parts, is_ours = [], False
    for line in told:
        if line[2:3].strip():
            is_ours = line[2:].startswith(f"{label} ")
        if is_ours:
            parts.append(line.strip().removeprefix(label).strip())
    return " ".join(parts)


def test_every_name_is_explained_within_the_width(every: Mapping[str, list[str]]) -> None:
    assert every.keys() >= {*contract.load().statements, *HOUSE.causes}
    for name, told in every.items():
        assert told[0].startswith(f"{name}: ")
        wide = [line for line in told[1:] if len(line) > WIDTH and " " in line.strip()]
        assert not wide, "wrapped on words"
        assert lines(told, "next")


def test_a_clause_has_its_requirement_facts_rights_faults_and_causes(every: Mapping[str, list[str]]) -> None:
    told = every["rustfs.api-disk-coherent"]
    assert told[0] == "rustfs.api-disk-coherent: S3 and the disk agree on {bucket}"
    assert lines(told, "contract").startswith("S077: bucket-index loss: NoSuchBucket or absent from list-buckets")
    assert lines(told, "rows") == "one for each bucket (tofu-state, attic, bazel-cache)"
    assert "listed_buckets: ListBuckets, asked once" in lines(told, "fact")
    assert "Asks S3 ListBuckets." in lines(told, "fact")
    assert 'get, create pods/exec in namespace nix-cache: {apiGroups: [""], resources: ["pods/exec"]' in lines(
        told, "needs"
    )
    assert lines(told, "changes") == "nothing"
    assert "bucket-index-lost:tofu-state" in lines(told, "turned red by")
    assert "bucket-index-loss: S3 does not know a bucket" in lines(told, "may show")
    assert "publication: the target must allow it" in lines(every["publication.pushed"], "changes")
    confirmed = "cache-delete: the target must allow it, and --gf-confirm=delete-from-bazel-cache"
    assert confirmed in lines(every["bazel.list-after-delete"], "changes")


def test_what_turns_a_clause_red_is_what_the_tables_say(every: Mapping[str, list[str]]) -> None:
    known = drills.drills()
    for name, told in every.items():
        if "." in name:
            red = [drill.fault for drill in known if drill.violates(name)]
            said = lines(told, "turned red by")
            assert all(fault in said for fault in red) if red else said == "no fault of the lab that is known here"


def test_a_statement_names_what_proves_it(every: Mapping[str, list[str]]) -> None:
    told = every["S077"]
    assert lines(told, "section") == "state (live)"
    proved = lines(told, "proved by")
    assert "rustfs.api-disk-coherent: S3 and the disk agree" in proved
    assert "rustfs.list-buckets (in part)" in proved
    stack = next(statement for statement in contract.load().stacks["arc-runners"].proves.split())
    assert "[arc-runners]" in lines(every[stack.rstrip("~")], "proved by")


def test_a_kind_of_cause_names_the_clauses_that_may_show_it(every: Mapping[str, list[str]]) -> None:
    told = every["digest-mismatch"]
    assert told[0].startswith("digest-mismatch: a cached blob is not what its name says")
    assert "bazel.cas-digest" in lines(told, "shown by")
    assert "rustfs.list-buckets" not in lines(told, "shown by")
    assert lines(told, "lab faults").startswith("bazel-blob:other")
    assert lines(every["unreachable"], "shown by") == "any row whose probe meets it"
    lost = every["bucket-index-loss"]
    assert lost[0].endswith("(critical)")
    assert "TIN-1012: the HA implementation gate" in lines(lost, "tickets")
    assert "Don't restart RustFS" in lines(lost, "avoid")
    assert "bucket-index-lost:tofu-state" in lines(lost, "lab faults")
    assert "state-html" not in lines(lost, "lab faults")
    assert lines(lost, "next").endswith("see docs/incidents.md#bucket-index-loss")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("rustfs.list-bucket", "did you mean rustfs.list-buckets or "),
        ("s77", "did you mean S077"),
        ("bucket-index-lost", "did you mean bucket-index-loss"),
        ("disk", "did you mean "),
        ("", "docs/clauses.md lists clauses and statements"),
        ("../../etc/passwd\x1b[31m", "docs/clauses.md lists clauses and statements"),
    ],
    ids=range(6),
)
def test_a_name_that_nobody_has_is_one_line_with_near_ones(name: str, near: str) -> None:
    import types

    from pytest_gf.engine.catalog import Collection
    from pytest_gf.engine.clauses import Clause
    from pytest_gf.engine.explain import explain
    from pytest_gf.engine.house import BadInput

    made: Any = Clause("rustfs.list-buckets", "t", (), lambda: None)
    run: Any = types.SimpleNamespace(house=HOUSE, contract=contract.load())
    with pytest.raises(BadInput, match=r"^--gf-explain=") as caught:
        explain(name, Collection(clauses={made.id: made}), run)
    assert near.removesuffix(" or ") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_it_runs_nothing_and_leaves_nothing(run_pytest: Any, tmp_path: Path) -> None:
    outcome = run_pytest("--gf-explain=rustfs.list-buckets[attic]", cwd=tmp_path)
    assert outcome.exit == 0, outcome.text
    assert "rustfs.list-buckets: S3 list-buckets shows {bucket}" in outcome.text
    assert "LAB" not in outcome.text
    assert not (tmp_path / "reports").exists()


def test_an_unknown_name_ends_with_4(refused: Any, tmp_path: Path) -> None:
    outcome = refused("--gf-explain=rustfs.list-bucket")
    assert outcome.exit == 4
    assert (
        "--gf-explain=rustfs.list-bucket is neither a clause, a statement nor a kind of cause; did you mean "
        in outcome.text
    )
    assert not (tmp_path / "reports").exists()


def test_it_is_made_in_one_process(run_pytest: Any) -> None:
    outcome = run_pytest("--gf-explain=S077", "-n", "2")
    assert outcome.exit == 4
    assert "--gf-explain is made in one process: leave -n out" in outcome.text


def test_kinds_are_found_in_a_source_and_in_what_it_uses() -> None:
    source = "A = Cause('a', b)\nif x:\n    y = Trouble(Cause('c' if x else 'd'), Cause(kind, 'e'), Cause(kind='f'))\n"
    assert sorted(kinds(source)) == ["", "", "a", "c", "d"]
    from pytest_gf.honey.observed.publication import BucketsAfter

    assert set(kinds_of(BucketsAfter)) == {"bucket-index-loss", "s3-fails"}
    assert kinds_of(int) == ()
