"""The parts of index.html as data: the critical path, the grid of runs, states of statements, addresses of evidence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.axes import Axes
from pytest_gf.engine.reports import webpage
from pytest_gf.engine.reports.__main__ import main
from pytest_gf.engine.reports.webpage import history, rows, timeline
from pytest_gf.honey import HOUSE, contract

CONTRACT = contract.load()
SAMPLE = Path(__file__).parents[2] / "reports" / "sample"
RECORD: dict[str, Any] = json.loads((SAMPLE / "record.json").read_text())
CLAUSE = '''
@clause("lab.{name}", "{name} is as promised", proves="S090")
def test_{name}({name}: int) -> None:
    """It is."""
    assert {name}
'''
SYSTEMS = {"attic", "bazel", "bucket", "buckets", "rustfs", "s3", "nar", "tofu", "kubernetes", "shard"}


def fact(name: str, start: float | None, seconds: float, after: str = "", exchanges: int = 1) -> dict[str, Any]:
    started = None if start is None else f"2026-05-25T10:00:{start:06.3f}Z"
    known = {"fact": name, "params": {}, "outcome": "observed", "exchanges": exchanges}
    return known | {"started": started, "seconds": seconds, "after": after or None}


def row(*facts: dict[str, Any], verdict: str = "holds", evidence: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"verdict": verdict, "facts": list(facts), "evidence": list(evidence)}


def path_of(*facts: dict[str, Any]) -> list[str]:
    return [fact.name for fact in timeline.critical(timeline.facts([row(*facts)]).values())]


def test_the_critical_path_leads_from_the_last_end_back_to_what_each_waited_for() -> None:
    first, fast, slow = fact("first", 0, 1), fact("fast", 1, 1, "first"), fact("slow", 1, 3, "first")
    assert path_of(first, fast, slow, fact("last", 4, 1, "slow")) == ["first", "slow", "last"]
    assert path_of(first, fact("never", None, 0, "first")) == ["first"]
    assert path_of(fact("a", 1, 1, "b"), fact("b", 1, 1, "a")) in (["b", "a"], ["a", "b"]), "a circle ends"
    assert path_of() == []


def test_a_fact_of_many_rows_is_one_and_another_start_makes_two() -> None:
    shown = [row(fact("a", 0, 1)), row(fact("a", 0, 1), verdict="violated"), row(fact("a", 5, 1))]
    facts = list(timeline.facts(shown).values())
    assert [(fact.name, fact.green) for fact in facts] == [("a", False), ("a", True)]


def test_bars_stay_within_the_page_and_evidence_belongs_to_what_asked() -> None:
    asked, quiet, failed = (
        fact("asked", 0, 2),
        fact("quiet", 1, 0.001, exchanges=0),
        fact("failed", 9.9, 0, exchanges=0),
    )
    shown = [row(asked, quiet, failed | {"outcome": "unproven: no right"}, evidence=("evidence/asked.json",))]
    made = timeline.timeline(timeline.facts(shown), Path("/nowhere"))
    assert made is not None
    bars = {fact.name: fact for fact in made["facts"]}
    assert set(bars) == {"asked", "failed"}, "what asked nothing and took no time has no line"
    assert all(float(bar.x) >= 0 and float(bar.x) + float(bar.width) <= 100.01 for bar in bars.values())
    assert bars["asked"].path == "evidence/asked.json"
    assert timeline.timeline(timeline.facts([row(fact("a", None, 0))]), None) is None


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"exchanges": 1}', '{"exchanges": [{"at": 1, "seconds": "x"}]}'])
def test_evidence_that_cant_be_read_is_linked_only(broken: str, tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "a.json").write_text(broken)
    shown = [row(fact("a", 0, 1), evidence=("evidence/a.json",))]
    made = timeline.timeline(timeline.facts(shown), tmp_path)
    assert made is not None
    assert made["facts"][0].path == "evidence/a.json"


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("evidence/listed_buckets.json", True),
        ("evidence/nar-api.incident+x=1.json", True),
        *(
            (path, False)
            for path in ("javascript:hit()", "//x/evidence", "evidence/../x.json", "evidence/..", "/etc/passwd")
        ),
        *(
            (path, False)
            for path in ("evidence/a b.json", 'evidence/a".json', "evidence/a/b.json", "evidence/\u202e.json", "")
        ),
    ],
)
def test_only_a_plain_file_of_evidence_is_a_link(path: str, is_one: bool) -> None:
    assert timeline.href(path) == (path if is_one else "")


def run(at: int, **rows: str) -> dict[str, Any]:
    return {"run": f"r{at}", "finished": f"2026-05-25T{at:02}:00:00.000Z", "rows": rows}


def grid(*runs: dict[str, Any]) -> dict[str, str]:
    made = history.grid(runs[:-1], runs[-1])
    assert made is not None
    return {name: told for name, _, told in made["rows"]}


def test_the_grid_says_since_when_and_what_flaps() -> None:
    red, well, dark = "violated", "holds", "unproven"
    assert grid(run(1, a=well), run(2, a=red), run(3, a=red)) == {"a": "violated since 05-25 02:00"}
    assert grid(run(1, a=red), run(2, a=red)) == {"a": "violated since 05-25 01:00 or earlier"}
    assert grid(run(1, a=red), run(2, a=dark), run(3, a=red)) == {"a": "violated since 05-25 01:00 or earlier"}
    assert grid(run(1, a=red), run(2, b=well), run(3, a=dark)) == {"a": "last observed 05-25 01:00: violated"}
    flaps = grid(run(1, a=well), run(2, a=red), run(3, a=well), run(4, a=red))
    assert flaps == {"a": "violated since 05-25 04:00; changed 3 times in 4 runs"}
    assert grid(run(1, a=well), run(2, a=well)) == {}
    assert grid(run(1, a=dark), run(2, a=dark)) == {"a": ""}
    assert history.grid([], run(1, a=red)) is None


def test_the_grid_is_bounded() -> None:
    names = {f"r{at}": "violated" for at in range(history.MOST_ROWS + 5)}
    made = history.grid([run(at % 24, **names) for at in range(100)], run(1, **names))
    assert made is not None
    assert (len(made["runs"]), len(made["rows"])) == (history.MOST_RUNS, history.MOST_ROWS)
    assert "5 more rows are left out" in made["said"]


def claims(**known: Any) -> dict[str, Any]:
    return {"whole": [], "part": [], "expected": {}, "held_back": "", **known}


@pytest.mark.parametrize(
    ("verdicts", "claimed", "state"),
    [
        (["holds"], claims(whole=["S070"]), "holds"),
        (["holds"], claims(part=["S070"]), "part"),
        (["holds"], claims(), "part"),
        (["holds", "unproven"], claims(part=["S070"]), "unproven"),
        (["holds", "violated"], claims(part=["S070"]), "violated"),
        (["unproven", "error"], {}, "error"),
        (["violated"], claims(expected={"S070": ["a"]}), "expected"),
        ([], claims(), "none"),
        ([], claims(whole=["S070"]), "holds"),
    ],
)
def test_a_statement_has_the_state_that_the_run_shows(verdicts: list[str], claimed: Any, state: str) -> None:
    naming = [{"statements": ["S070"], "verdict": verdict, "name": "a"} for verdict in verdicts]
    told = [statement for _, of in rows.statements(CONTRACT, claimed, naming) for statement in of]
    (statement,) = [statement for statement in told if statement["id"] == "S070"]
    assert statement["state"] == state
    assert len(told) == len(CONTRACT.statements)


def test_what_changed_since_earlier_runs_is_told() -> None:
    last = {"run": "r", "started": "2026-05-25T09:00:00.000Z", "exit": 0}
    changes: dict[str, Any] = {name: [] for name in ("unreadable", "new", "new_since_green", "mended", "gone", "flaps")}
    told = changes | {"runs": 1, "left_out": 0, "later": 0, "last": last, "green": last}
    page = webpage.page({**RECORD, "history": told}, CONTRACT)
    assert "history: 1 earlier run, last 2026-05-25T09:00:00.000Z (exit 0)" in page
    assert "nothing is new since the last run." in page


def test_runs_that_were_merged_have_a_page_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", f"--out={tmp_path}", str(SAMPLE)]) == 1
    assert "1 runs merged" in capsys.readouterr().out
    page = (tmp_path / webpage.NAME).read_text()
    assert page.count('<details class="row ') == len(RECORD["verdicts"])
    assert 'href="evidence' not in page, "no evidence lies beside it"


def test_a_clause_over_more_than_axes_has_its_line() -> None:
    axes = Axes(HOUSE, CONTRACT, {}, {})
    assert not axes.is_quiet({"index": "1", "stack": "attic"})


def test_a_run_says_when_each_fact_began_and_what_it_waited_for(built: Any) -> None:
    later = 'return 1\n\n@fact\ndef later(one: int) -> int:\n    """It."""\n    return one'
    more = CLAUSE.format(name="later")
    outcome = built({"one": later}, more=more)
    facts = {fact["fact"]: fact for row in outcome.record["verdicts"] for fact in row["facts"]}
    assert facts["one"]["after"] is None
    assert facts["later"]["after"] == "one"
    assert facts["one"]["started"] <= facts["later"]["started"]
    page = (outcome.folder / webpage.NAME).read_text()
    assert "<h1>All holds on house: 2 holds</h1>" in page
    assert "Nothing is red." in page


def test_the_page_itself_knows_no_system() -> None:
    files = [path for path in Path(webpage.__file__).parent.iterdir() if path.suffix in {".jinja", ".css", ".js"}]
    assert len(files) == 3
    for path in files:
        assert not set(re.findall(r"[a-z0-9]+", path.read_text().lower())) & SYSTEMS, path
