"""deploy/alerts.yaml and deploy/dashboard.json: each expression can be read, asks for what a run writes, and alerts when it must."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from pytest_gf.engine.reports import metrics
from pytest_gf.engine.reports.history import SCHEMA, Past
from pytest_gf.engine.reports.metrics import FAMILIES, LAST_CALM
from pytest_gf.engine.verdict import Verdict

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMTOOL = shutil.which("promtool")
RULES: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
EXPRESSIONS = [
    *((rule["alert"], rule["expr"]) for rule in RULES),
    *((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]),
]
COLUMNS = 24
"""Of Grafana's grid."""


def run(target: str = "honey", selection: str = "canary", verdict: str = "holds", code: int = 0) -> list[Any]:
    """Return the metrics of a run of one row, as a run writes them."""
    now = Past(SCHEMA, "r", target, "C", "runner", selection, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", code, {})
    row = {
        "clause": "a.b",
        "params": {"x": "y"},
        "verdict": verdict,
        "facts": [{"fact": "f", "params": {}, "seconds": 1.0}],
    }
    record = {"started": now.started, "finished": now.finished, "exit": code, "incidents": [], "verdicts": [row]}
    return metrics.families(record, ["unreachable"], now, 0.0)


LABELS = {family.name: set(family.samples[0].labels) for family in run()}


def selectors(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name and the labels of each series that an expression asks for. Raises ValueError where it can't be read."""
    names: list[tuple[str, dict[str, str]]] = []

    def look(node: promql_parser.Expr) -> None:
        node = getattr(node, "vector_selector", node)  # What a range is of.
        if isinstance(node, promql_parser.VectorSelector):
            names.append((str(node.name), {matcher.name: matcher.value for matcher in node.matchers.matchers}))

    promql_parser.walk(promql_parser.parse(expression), look)
    yield from names


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[row[0] for row in EXPRESSIONS])
def test_each_expression_can_be_read_and_asks_for_what_a_run_writes(where: str, expression: str) -> None:
    names = list(selectors(expression))
    assert names, where
    for name, labels in names:
        assert name in FAMILIES
        assert labels.keys() <= LABELS[name]
        assert {"target", "selection"} <= labels.keys(), "runs of other targets and selections lie beside this one's"
        assert labels.get("verdict", "holds") in set(Verdict)
    for labels in re.findall(r"\bby \(([^)]*)\)", expression):
        assert set(labels.split(", ")) <= set.union(*(LABELS[name] for name, _ in names))


def test_what_cant_be_read_is_seen() -> None:
    with pytest.raises(ValueError, match=r"unclosed|unexpected|expected"):
        list(selectors("sum(x"))


def test_there_are_three_rules_that_a_person_can_act_on() -> None:
    assert [rule["alert"] for rule in RULES] == ["PytestGfCanaryRed", "PytestGfCanarySilent", "PytestGfUnproven"]
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description"}
        known = set.union(*(LABELS[name] for name, _ in selectors(rule["expr"])))
        assert set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"]))) <= known
        assert all(labels["target"] == "lab" for _, labels in selectors(rule["expr"])), "a lab never alerts"


def test_the_dashboard_shows_every_metric_and_no_panel_lies_on_another() -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name, _ in selectors(target["expr"])}
    assert shown == FAMILIES.keys()
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert not taken & cells, panel["title"]
        assert max(column for column, _ in cells) < COLUMNS
        taken |= cells
        assert panel["title"]
        assert panel["description"]


def test_the_dashboard_uses_its_own_variables() -> None:
    known = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    assert used - {"__all"} == known
    for variable in DASHBOARD["templating"]["list"]:
        for asked in re.findall(r"label_values\((.+), (\w+)\)", variable.get("definition", "")):
            ((name, labels),) = selectors(asked[0])
            assert {asked[1], *labels} <= LABELS[name]


def series(values: str, family: str = "pytest_gf_exit_code", **asked: Any) -> list[dict[str, str]]:
    """Return the series of a metric with these values, one for each of its samples that is not 0, or that is the only one."""
    (made,) = (candidate for candidate in run(**asked) if candidate.name == family)
    chosen = [sample for sample in made.samples if sample.value or len(made.samples) == 1]
    return [
        {
            "series": f"{family}{{{', '.join(f'{name}={json.dumps(value)}' for name, value in sample.labels.items())}}}",
            "values": values,
        }
        for sample in chosen
    ]


ENDED, VERDICT = "pytest_gf_run_timestamp_seconds", "pytest_gf_verdict"
CASES = {
    "green": (series("0x60"), "PytestGfCanaryRed", {"50m": 0}),
    "red at once, and until the next run": (
        series("0x9 1x59 0x9"),
        "PytestGfCanaryRed",
        {"9m": 0, "10m": 1, "69m": 1, "75m": 0},
    ),
    "a broken probe is no green": (series("10x60"), "PytestGfCanaryRed", {"50m": 1}),
    "a run that could not go on": (series("3x60"), "PytestGfCanaryRed", {"50m": 1}),
    "unproven waits": (series("11x60"), "PytestGfCanaryRed", {"50m": 0}),
    "a lab": (series("1x60", target="lab"), "PytestGfCanaryRed", {"50m": 0}),
    "another selection": (series("1x60", selection="audit"), "PytestGfCanaryRed", {"50m": 0}),
    "two targets": (series("1x60") + series("1x60", target="other"), "PytestGfCanaryRed", {"50m": 2}),
    "silent": (series("0x300", ENDED), "PytestGfCanarySilent", {"119m": 0, "124m": 0, "126m": 1, "299m": 1}),
    "each hour": (series("0+60x300", ENDED), "PytestGfCanarySilent", {"299m": 0}),
    "never": ([], "PytestGfCanarySilent", {"4m": 0, "6m": 1}),
    "gone": (series("0+60x60 _x60", ENDED), "PytestGfCanarySilent", {"60m": 0, "80m": 1}),
    "a missed scrape": (series("0+60x60 _x8 4080+60x60", ENDED), "PytestGfCanarySilent", {"68m": 0, "100m": 0}),
    "only a lab": (series("0+60x60", ENDED, target="lab"), "PytestGfCanarySilent", {"50m": 1}),
    "unproven for a day": (series("1x1500", VERDICT, verdict="unproven"), "PytestGfUnproven", {"1439m": 0, "1441m": 1}),
    "looked at once within the day": (
        series("1x700 0 1x1500", VERDICT, verdict="unproven"),
        "PytestGfUnproven",
        {"1441m": 0, "2139m": 0, "2143m": 1},
    ),
    "not scraped for an hour": (
        series("1x700 _x60 1x900", VERDICT, verdict="unproven"),
        "PytestGfUnproven",
        {"1600m": 1},
    ),
    "new today": (series("_x1000 1x900", VERDICT, verdict="unproven"), "PytestGfUnproven", {"1800m": 0}),
    "unproven for an hour": (
        series("1x60 0x1440", VERDICT, verdict="unproven"),
        "PytestGfUnproven",
        {"59m": 0, "1499m": 0},
    ),
    "holds": (series("1x1500", VERDICT), "PytestGfUnproven", {"1441m": 0}),
    "a lab's": (series("1x1500", VERDICT, verdict="unproven", target="lab"), "PytestGfUnproven", {"1441m": 0}),
}
"""Series, the alert that is looked at, and how many of it stand at which time."""


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(PROMTOOL is None, reason="no promtool here: .ci/run says how")
def test_promtool_says_that_each_alert_comes_when_it_must_and_only_then(tmp_path: Path) -> None:
    rules = tmp_path / "alerts.yaml"
    shutil.copy(DEPLOY / "alerts.yaml", rules)
    tests = [
        {
            "name": name,
            "interval": "1m",
            "input_series": given,
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)',
                    "eval_time": when,
                    "exp_samples": [{"labels": "{}", "value": count}],
                }
                for when, count in counts.items()
            ],
        }
        for name, (given, alert, counts) in CASES.items()
    ]
    path = tmp_path / "tests.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}))
    for command in (["check", "rules", str(rules)], ["test", "rules", str(path)]):
        done = subprocess.run([str(PROMTOOL), *command], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    rules.write_text(rules.read_text().replace("!= 0 != 11", "== 10"))
    done = subprocess.run([str(PROMTOOL), *command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, "a rule that is spoilt is seen"


def test_every_alert_has_cases_of_both_kinds() -> None:
    assert {alert for _, alert, _ in CASES.values()} == {rule["alert"] for rule in RULES}
    for rule in RULES:
        counts = [count for _, alert, counted in CASES.values() if alert == rule["alert"] for count in counted.values()]
        assert min(counts) == 0 < max(counts)
    assert LAST_CALM in LABELS
