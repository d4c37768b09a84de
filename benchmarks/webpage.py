"""What index.html of a large run costs: CPU-seconds to render, megabytes, and how soon a filter is seen in Chromium.

Usage: python benchmarks/webpage.py [ROWS] (default: 10000). One row in ten is red, with a reason of several lines. Each row rests on
ten facts, eight of which asked something.

The filter's time is the work of the page's main thread until the frame that shows the rows in sight: the least of five, the
worst of several words. A wrong row in sight misses the bar. The clock, which a busy machine lengthens, and how soon the rows out
of sight follow stand beside it.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pytest_gf.engine.evidence import instant
from pytest_gf.engine.reports import webpage
from pytest_gf.engine.reports.incidents import incidents
from pytest_gf.engine.trouble import Kind, Severity
from pytest_gf.honey import contract
from pytest_gf.pages.screenshots import CHROMIUM

CPU, MEGABYTES, MILLISECONDS = 2.0, 15.0, 100.0
REPEATS = 5
BEGIN = 1_767_225_600.0
WORDS = ("clause.7", "r", "", "nothing like it", "value 42", "")
CAUSE = {"kind": "index-loss", "subject": "a"}
KIND = dataclasses.asdict(Kind("an index does not know what stands on disk", Severity.CRITICAL))
REASON = (
    "S3 does not know the bucket, and both its markers stand on disk (lost from the listing: a; still listed: b, c)\nobserved: "
    + "HEAD 404; " * 20
)


def main() -> int:
    """Print the table and return 1 where a bar is missed."""
    rows = int(sys.argv[1]) if sys.argv[1:] else 10_000
    record = made(rows)
    webpage.page(made(1), contract.load())  # Jinja is imported and its template compiled, as in any run.
    begun = time.process_time()
    page = webpage.page(record, contract.load())
    cpu, size = time.process_time() - begun, len(page.encode()) / 1e6
    print(f"{rows} rows: {cpu:.2f} CPU-s (at most {CPU}), {size:.1f} MB (at most {MEGABYTES})")
    slowest = filtered(page) if CHROMIUM.is_file() else 0.0
    print(f"filter: {slowest:.0f} ms at worst (at most {MILLISECONDS})" if slowest else f"filter: no {CHROMIUM} here")
    return int(cpu > CPU or size > MEGABYTES or slowest > MILLISECONDS)


def made(rows: int) -> dict[str, Any]:
    """Return a record of so many rows."""
    statements = list(contract.load().statements)
    verdicts = [row(index, statements[index % len(statements)]) for index in range(rows)]
    return {
        "target": "large",
        "vantage": "runner",
        "contract": "GloriousFlywheel",
        "version": "0",
        "exit": 1,
        "command": "pytest",
        "started": instant(BEGIN),
        "finished": instant(BEGIN + 60),
        "does_not_prove": ["high availability"],
        "incidents": incidents(verdicts, {CAUSE["kind"]: KIND}),
        "verdicts": verdicts,
    }


def row(index: int, statement: str) -> dict[str, Any]:
    """Return a row; one in ten is violated."""
    red = index % 10 == 0
    facts = [fact(f"fact_{number}", index % 97, number % 5) for number in range(10)]
    return {
        "clause": f"clause.{index}",
        "params": {"value": f"value {index}"},
        "title": f"row {index} is as promised",
        "statements": [statement],
        "started": instant(BEGIN),
        "ended": instant(BEGIN),
        "seconds": 0.01,
        "facts": facts,
        "verdict": "violated" if red else "holds",
        "reason": REASON if red else "",
        "next_step": "keep the logs" if red else "",
        "cause": CAUSE if red else None,
        "because": [],
        "evidence": [f"evidence/{fact['fact']}-{index % 97}.json" for fact in facts if fact["exchanges"]],
    }


def fact(name: str, value: int, exchanges: int) -> dict[str, Any]:
    """Return an observation of a fact."""
    times = {"started": instant(BEGIN + value / 10), "seconds": 0.2, "after": None}
    return {"fact": name, "params": {"value": str(value)}, "outcome": "observed", "exchanges": exchanges} | times


def filtered(page: str) -> float:
    """Return the milliseconds from an input to the frame that shows it, at worst."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "index.html"
        path.write_text(page)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1280, "height": 900})
        view.goto(path.as_uri())
        view.wait_for_timeout(2_000)
        metrics = view.context.new_cdp_session(view)
        metrics.send("Performance.enable", {"timeDomain": "threadTicks"})
        rounds = [[ask(view, metrics, word) for word in WORDS] for _ in range(REPEATS)]
        browser.close()
    least = [{name: min(run[name] for run in of) for name in of[0]} for of in zip(*rounds, strict=True)]
    for word, of in zip(WORDS, least, strict=True):
        print(
            f"  {word!r}: {of['work']:.0f} ms of work, {of['took']:.0f} ms by the clock; all rows after {of['settled']:.0f} ms"
        )
    wrong = sum(run["wrong"] for of in rounds for run in of)
    return max(of["work"] for of in least) if not wrong else float("inf")


def ask(view: Any, metrics: Any, word: str) -> dict[str, float]:
    """Filter by a word. Return the milliseconds that it took, and how many rows were in sight that should not be."""
    before = worked(metrics)
    filtered: dict[str, float] = view.evaluate(FILTER, word)
    after = worked(metrics)
    settled: dict[str, float] = view.evaluate(SETTLED)
    return filtered | settled | {"work": (after - before) * 1000}


def worked(metrics: Any) -> float:
    """Return the seconds that the page's main thread has worked."""
    values = metrics.send("Performance.getMetrics")["metrics"]
    return next(float(metric["value"]) for metric in values if metric["name"] == "TaskDuration")


FILTER = """async (word) => {
  document.getElementById("rows").scrollIntoView();
  const words = document.getElementById("words");
  const begun = globalThis.begun = performance.now();
  words.value = word;
  words.dispatchEvent(new Event("input", {bubbles: true}));
  const seen = () => document.elementsFromPoint(400, 500).find((each) => each.matches(".row"));
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const row = seen();
  return {took: performance.now() - begun, wrong: row && !row.textContent.toLowerCase().includes(word) ? 1 : 0};
}"""
SETTLED = """async () => {
  const wanted = Number(document.getElementById("shown").textContent.split(" ")[0]);
  const shown = () => document.querySelectorAll(".block:not([hidden]) > .row:not([hidden])").length;
  while (shown() !== wanted) await new Promise((resolve) => setTimeout(resolve, 10));
  return {settled: performance.now() - globalThis.begun};
}"""

if __name__ == "__main__":
    raise SystemExit(main())
