"""index.html in a real Chromium: no text of a server is more than text, and a person reads it by any means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pytest_gf.engine.reports import webpage
from pytest_gf.engine.reports.claims import row_name
from pytest_gf.honey import contract as contracts
from pytest_gf.pages.screenshots import CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.is_file(), reason="there is no chromium (apt-get install chromium)"),
]

ROOT = Path(__file__).parents[2]
CONTRACT = contracts.load()
RECORD: dict[str, Any] = json.loads((ROOT / "reports" / "sample" / "record.json").read_text())
NAMES = [row_name(account) for account in RECORD["verdicts"]]
SOME = [account for account in RECORD["verdicts"] if account["verdict"] != "holds"][::2] + RECORD["verdicts"][:6]
"""Rows of each verdict that the record has: what is slow looks at these."""
HISTORY = [
    {"run": f"r{at}", "finished": f"2026-05-25T{at:02}:00:00.000Z", "rows": dict.fromkeys(NAMES[at:], "holds")}
    for at in range(12)
]
ATTACKS = (
    *("<script>hit()</script>", "</script><script>hit()</script>", "</style><style>*{display:none}", "{{ 7 * 7 }}"),
    *(
        "{% raw %}",
        "'\"><img src=x onerror=hit()>",
        "<svg onload=hit()>",
        "</title>",
        "-->",
        "&lt;b&gt;",
        "<base href=//x>",
    ),
    *("javascript:hit()", "\u202egnp.exe", "\u2066\u200b\x1b[31m", "<a href=javascript:hit()>x</a>", "]]>", "\ud800"),
)
ATTACK = " ".join(ATTACKS)
KEPT = {"verdict", "started", "schema"}
"""What is no text of anybody: a verdict is one of six words, and the page needs a start to draw a bar."""
WATCH = """
globalThis.hits = []; globalThis.hit = () => hits.push("a script ran"); globalThis.alert = hit;
addEventListener("securitypolicyviolation", (event) => hits.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


def poisoned(value: Any, name: str = "") -> Any:
    """Return a JSON-like value with an attack in every text and in every name that isn't ours."""
    if isinstance(value, dict):
        ours = name not in {"params", "tickets", "expected", "rows"}
        return {key if ours else f"{key}{ATTACK}": poisoned(of, key) for key, of in value.items()}
    if isinstance(value, list):
        return [poisoned(member, name) for member in value]
    if name == "evidence":
        return f"javascript:hit()//{ATTACK}"
    return f"{value}{ATTACK}" if isinstance(value, str) and name not in KEPT else value


def hostile_page() -> str:
    """Return a page of a record, a contract, a history and shown texts that all attack."""
    record = poisoned({**RECORD, "verdicts": SOME})
    record["incidents"][0] |= {
        "severity": ATTACK,
        "tickets": [ATTACK],
        "avoid": [ATTACK],
        "page": ATTACK,
        "since": ATTACK,
    }
    texts = {name: msgspec.structs.replace(statement, text=ATTACK) for name, statement in CONTRACT.statements.items()}
    contract = msgspec.structs.replace(CONTRACT, statements=texts, sections=dict.fromkeys(CONTRACT.sections, ATTACK))
    runs = [{"run": ATTACK, "finished": ATTACK, "rows": {ATTACK: "violated", **dict.fromkeys(NAMES, ATTACK)}}]
    return webpage.page(record, contract, shown={ATTACK: ATTACK}, history=runs)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The addresses of a plain page, of a small one and of a hostile one, and evidence beside them."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "evidence").mkdir()
    for path in {path for row in RECORD["verdicts"] for path in row["evidence"]}:
        exchange = {
            "system": "s3",
            "operation": "Get",
            "at": "2026-01-01T00:00:00.000Z",
            "seconds": 0.1,
            "answer": {"status": 200},
        }
        (folder / path).write_text(json.dumps({"exchanges": [exchange], "left_out": 0}))
    statements = dict(list(CONTRACT.statements.items())[:12])
    for name, record, contract in (
        ("plain", RECORD, CONTRACT),
        ("small", {**RECORD, "verdicts": SOME}, msgspec.structs.replace(CONTRACT, statements=statements)),
    ):
        page = webpage.page(record, contract, folder=folder, shown={"inventory": "one\ntwo"}, history=HISTORY)
        (folder / f"{name}.html").write_text(page)
    (folder / "hostile.html").write_text(hostile_page())
    return {path.stem: path.as_uri() for path in folder.glob("*.html")}


@pytest.fixture
def show(browser: Browser, written: dict[str, str]) -> Iterator[Any]:
    """Show a page at a width; options are those of a browser's context."""
    contexts = []

    def shown(name: str, width: int = 1280, part: str = "", **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(written[name] + part)
        return page

    yield shown
    for context in contexts:
        context.close()


def test_no_text_is_more_than_text(show: Any) -> None:
    page = show("hostile")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    for summary in page.locator(".incident summary, .row summary, .fact summary").all()[:30]:
        summary.click()
    page.wait_for_timeout(200)
    assert page.evaluate("hits") == []
    assert len(asked) == 1, "the page asked for something"
    counted = {tag: page.locator(tag).count() for tag in ("script", "style", "img", "base", "iframe", "link")}
    assert counted == {"script": 1, "style": 1, "img": 0, "base": 0, "iframe": 0, "link": 0}
    links = page.locator("a").evaluate_all("every => every.map(each => each.getAttribute('href'))")
    assert [link for link in links if not link.startswith("#")] == []
    told = page.locator("body").inner_text()
    for attack in ATTACKS[:8]:
        assert attack in told, attack
    assert r"\u202egnp.exe" in told
    assert not [character for character in page.content() if not character.isprintable() and character != "\n"]


def test_the_policy_lets_nothing_else_run(show: Any) -> None:
    """What our page would not write either, a browser refuses: the watch sees it, so it would have seen an attack."""
    page = show("plain")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=hit()>')")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'hit()'}))")
    page.wait_for_timeout(200)
    seen = page.evaluate("hits")
    assert len(seen) >= 2
    assert "a script ran" not in seen


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [
        *(("small", "light", 1280), ("small", "dark", 1280), ("small", "light", 360), ("small", "dark", 360)),
        ("hostile", "light", 360),
    ],
)
def test_axe_finds_nothing_and_nothing_is_cut_off(name: str, scheme: str, width: int, show: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = show(name, width, color_scheme=scheme)
    for part in (".incident details", ".row.violated", ".statements details", ".fact"):
        page.locator(part).evaluate_all("every => every.slice(0, 2).forEach((each) => { each.open = true; })")
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_read_without_javascript(show: Any) -> None:
    page = show("plain", java_script_enabled=False)
    incident = page.locator(".incident").first.inner_text()
    assert RECORD["incidents"][0]["headline"] in incident
    assert RECORD["incidents"][0]["next_steps"][0] in incident
    assert sorted(page.locator(".row:visible .name").all_text_contents()) == sorted(NAMES)
    assert not page.locator("#filter").is_visible(), "what needs a script is not offered without one"
    row = page.locator(".row.violated").first
    assert not row.locator(".body").is_visible()
    row.locator("summary").click()
    assert row.locator(".body").is_visible()


def test_filters_choose_rows_and_a_link_shows_its_row(show: Any) -> None:
    from playwright.sync_api import expect

    page = show("plain")
    shown, total = page.locator("#shown"), len(NAMES)
    # Not by `wait_for_function`: where it must wait, it evaluates its text in the page, which the page's policy refuses.
    rows = expect(page.locator(".row:not([hidden] *, [hidden])"))
    red = [row_name(account) for account in RECORD["verdicts"] if account["verdict"] == "violated"]
    assert shown.inner_text() == f"{total} of {total} rows"
    page.get_by_label("holds (").uncheck()
    page.get_by_label("unproven (").uncheck()
    assert shown.inner_text() == f"{len(red)} of {total} rows"
    alone = next(name for name in red if sum(name in json.dumps(row) for row in RECORD["verdicts"]) == 1)
    page.get_by_label("Search").fill(alone.upper())
    assert shown.inner_text() == f"1 of {total} rows"
    rows.to_have_count(1, timeout=60_000)
    assert page.locator(".row:visible .name").all_inner_texts() == [alone]
    assert page.locator(".group:visible").count() == 1
    page.get_by_label("Search").fill("nothing has this word")
    rows.to_have_count(0, timeout=60_000)
    page.locator(".incident .rows a").first.click()
    wanted = RECORD["incidents"][0]["rows"][0]
    body = page.locator(f".row:has(.name:text-is('{wanted}')) .body")
    body.wait_for(state="visible")
    assert shown.inner_text() == f"{total} of {total} rows"
    rows.to_have_count(total, timeout=60_000)


def test_a_keyboard_reaches_everything(show: Any) -> None:
    page = show("plain")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0, "it is seen while it has the focus"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    passed = []
    for _ in range(40 + len(NAMES)):
        page.keyboard.press("Tab")
        passed.append(
            page.evaluate("(each => each.id || each.type || each.parentElement.className)(document.activeElement)")
        )
    wanted = ["words", "checkbox", "row violated"]
    assert [place for place in passed if place in wanted][:: len(passed)] == ["words"]
    assert set(wanted) <= set(passed), passed
    while "row" not in page.evaluate("document.activeElement.parentElement.className"):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")
    unreachable = page.locator("a:not([href]), [tabindex]:not([tabindex='0']):not([tabindex='-1']), [onclick]").count()
    assert unreachable == 0


def test_paper_has_what_is_red_and_no_controls(show: Any) -> None:
    page = show("plain")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator("#filter").is_visible()
    assert page.locator(".row.violated .body").first.is_visible()
    assert not page.locator(".row.holds .body").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_a_fact_shows_its_evidence_and_a_row_leads_to_it(show: Any) -> None:
    page = show("plain", part="#r0")
    page.locator("#r0").wait_for(state="visible")
    page.locator("#r0 a[href^='#f']").first.click()
    place = page.evaluate("location.hash")
    evidence = page.locator(place)
    evidence.wait_for(state="visible")
    assert "s3 Get" in evidence.inner_text()
    assert evidence.locator("a").get_attribute("href").startswith("evidence/")
    assert page.locator(".fact.critical").count() > 0
