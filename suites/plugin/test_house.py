"""A House of a fork's own: how it is found, and that axes, options, markers, sections and clauses of its own are first-class."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pytest_gf import Axis, House, Selection
from pytest_gf.engine import loading
from pytest_gf.engine.axes import Axes
from pytest_gf.engine.house import BadInput
from pytest_gf.engine.trouble import OWN_KINDS, Kind, Severity
from pytest_gf.honey import HOUSE, contract

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    """The fork that docs/fork.md writes."""
    text = (ROOT / "docs" / "fork.md").read_text()
    for name, body in re.findall(r"`([a-z_/.]+)`:\n\n```\w+\n(.*?)```", text, re.DOTALL):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(body)
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("where", "args", "rows"),
    [
        (".", ["-m", "mirrors"], {"mirrors.complete[east]", "mirrors.complete[west]"}),
        (".", ["-m", "mirrors", "--gf-mirror", "west"], {"mirrors.complete[west]"}),
        (".", ["-m", "mirrors", "-n", "2"], {"mirrors.complete[east]", "mirrors.complete[west]"}),
        ("sub", ["-m", "mirrors", "--gf-mirror=east"], {"mirrors.complete[east]"}),
        ("/", ["-c", "{fork}/pytest.ini", "-m", "mirrors", "--gf-mirror=east"], {"mirrors.complete[east]"}),
        (
            "/",
            ["-o", "gf_house={fork}/house.py:HOUSE", "-m", "mirrors", "--gf-mirror=east"],
            {"mirrors.complete[east]"},
        ),
        (".", ["-m", "canary", "--gf-bucket=our-cache", "-k", "list-buckets"], {"rustfs.list-buckets[our-cache]"}),
    ],
    ids=("plain", "spaced", "spread", "sub-folder", "ini-named", "overridden", "packaged"),
)
def test_its_clauses_and_the_packaged_ones(
    where: str, args: list[str], rows: set[str], fork: Path, run_pytest: Any
) -> None:
    outcome = run_pytest(*(arg.format(fork=fork) for arg in args), cwd=fork / where)
    assert outcome.exit == 0, outcome.text
    assert outcome.rows("holds") == rows
    assert f"gf: house ours ({fork / 'house.py'}), contract ours" in outcome.text


def test_help_and_markers_name_what_is_its_own(fork: Path, run_pytest: Any) -> None:
    assert re.search(r"--gf-mirror=NAME +only this mirror", run_pytest("--help", cwd=fork).text)
    assert "@pytest.mark.mirrors: clauses of our mirrors" in run_pytest("--markers", cwd=fork).text


def test_its_section_stands_in_the_plan(fork: Path, run_pytest: Any) -> None:
    (fork / "facts" / "asking.py").write_text(
        "from pytest_gf import fact\n\n\n@fact(asks=('Mirror list',))\n"
        'def asked(mirror: str) -> str:\n    """A question."""\n    return mirror\n'
    )
    clause = (fork / "clauses" / "test_mirrors.py").read_text()
    (fork / "clauses" / "test_mirrors.py").write_text(
        clause.replace("mirrored_buckets: tuple[str, ...]", "asked: str").replace("in mirrored_buckets", "in asked")
    )
    (fork / "t.toml").write_text(
        'name = "ours"\nvantage = "operator"\n[mirrors.addresses]\neast = "https://east.invalid"\n'
    )
    outcome = run_pytest("--gf-plan", "-m", "mirrors", "--gf-target=t.toml", cwd=fork)
    assert "Mirror (https://east.invalid): list x2" in outcome.text, outcome.text
    assert "FAILS  [mirrors] east https://east.invalid: DNS: east.invalid does not resolve" in outcome.text


def test_a_fact_of_its_own_stands_in_the_place_of_a_packaged_one(fork: Path, run_pytest: Any) -> None:
    (fork / "facts" / "listing.py").write_text(
        "from pytest_gf import Unproven, fact\nfrom pytest_gf.honey.observed.s3 import Listing\n\n\n@fact\n"
        'def listed_buckets() -> Listing:\n    """Nothing."""\n    raise Unproven("our own fact")\n'
    )
    outcome = run_pytest("-m", "mirrors", cwd=fork)
    assert {row["reason"] for row in outcome.verdicts().values()} == {"our own fact"}, outcome.text


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("nope.py:HOUSE", "nope.py: no such file"),
        ("house.py", "expected FILE.py:NAME or package.module:NAME"),
        ("house.py:OTHER", "OTHER is no House there"),
        ("no.such.package:HOUSE", "can't be loaded: ModuleNotFoundError: No module named 'no'"),
        ("broken.py:HOUSE", "can't be loaded: ZeroDivisionError: division by zero"),
        ("leaving.py:HOUSE", "can't be loaded: SystemExit: 3"),
        ("bare.py:HOUSE", "the House lacks read_contract, target, vantages, lab, system: give them, or let it extend"),
        ("extending.py:HOUSE", "extends=3: expected a House"),
        ("missing.py:HOUSE", "facts: no such folder: "),
        ("lines.py:HOUSE", "can't be loaded: ValueError: two lines"),
        ("comma.py:HOUSE", "axes: expected a tuple of Axis; a comma stands behind a single one"),
        ("twice.py:HOUSE", "option --gf-bucket: option names {'--gf-bucket'} already added"),
        ("pytests.py:HOUSE", "option --maxfail: option dest 'maxfail' already used by"),
        ("dashes.py:HOUSE", "option gf-mirror: expected a name that begins with --"),
        ("values.py:HOUSE", "the values of axis mirror can't be had of contract GloriousFlywheel: AttributeError: "),
    ],
)
def test_a_house_that_can_not_be_loaded_is_one_line(said: str, says: str, fork: Path, refused: Any) -> None:
    axis = "extends=HONEY, axes=(Axis('mirror', lambda contract: {}, '{}'),)"
    houses = {"bare": "suites='clauses'", "extending": "extends=3", "missing": "extends=HONEY, facts='fact'"}
    houses |= {"comma": "extends=HONEY, axes=(Axis('mirror'))", "twice": axis.format("()", "--gf-bucket")}
    houses |= {"pytests": axis.format("()", "--maxfail"), "dashes": axis.format("()", "gf-mirror")}
    houses |= {"values": axis.format("contract.mirrors", "--gf-mirror")}
    head = "from pytest_gf.engine.house import Axis, House\nfrom pytest_gf.honey import HOUSE as HONEY\n"
    for name, given in houses.items():
        (fork / f"{name}.py").write_text(f"{head}HOUSE = House('x', {given})\n")
    (fork / "broken.py").write_text("1 / 0\n")
    (fork / "leaving.py").write_text("raise SystemExit(3)\n")
    (fork / "lines.py").write_text("raise ValueError('two\\nlines')\n")
    outcome = refused("-m", "canary", "-o", f"gf_house={said}", cwd=fork)
    assert outcome.exit == 4, outcome.text
    (line,) = [line for line in outcome.text.splitlines() if line.startswith("ERROR")]
    assert says in line
    assert "Traceback" not in outcome.text


def test_an_ending_that_raises_takes_no_record_along(fork: Path, run_pytest: Any) -> None:
    house = (fork / "house.py").read_text()
    ends = '"clauses of our mirrors", ends=lambda _, verdicts: [verdicts[0]["no"]]'
    (fork / "house.py").write_text(house.replace('"clauses of our mirrors"', ends))
    outcome = run_pytest("-m", "mirrors", "--gf-mirror=west", cwd=fork)
    assert (outcome.exit, outcome.record["exit"]) == (0, 0), outcome.text
    assert "what -m mirrors shows at the end can't be told: KeyError: 'no'" in outcome.text


def test_what_lies_above_stands_before_what_lies_below() -> None:
    own = (Axis("bucket", lambda _: ("mine",)), Axis("extra"))
    house = House("above", extends=HOUSE, axes=own, selections=(Selection("canary", "ours"),), allows=("more",)).whole()
    assert house.axis_names == (*HOUSE.axis_names, "extra")
    assert house.axis("bucket").values(None) == ("mine",)
    assert {selection.marker: selection.about for selection in house.selections}["canary"] == "ours"
    assert house.markers == HOUSE.markers
    assert house.allows == (*HOUSE.allows, "more")
    assert (house.guard, house.lab, house.read_contract) == (HOUSE.guard, HOUSE.lab, HOUSE.read_contract)
    for name in ("applies", "behind", "plan", "removers", "rights", "where", "why_not"):
        assert getattr(house, name) is getattr(HOUSE, name), "a function that it does not give is that of below"
    assert [layer.name for layer in House("above", extends=HOUSE).layers()] == [HOUSE.name, "above"]


def test_a_chosen_value_that_the_contract_has_not() -> None:
    with pytest.raises(BadInput, match="unknown bucket 'x'; contract GloriousFlywheel has tofu-state"):
        Axes(HOUSE, contract.load(), {}, {"bucket": ["x"]})
    with pytest.raises(KeyError):
        HOUSE.axis("nothing")


def test_a_house_of_a_package() -> None:
    assert loading.load("pytest_gf.honey:HOUSE", Path("/nowhere")).name == HOUSE.name


def test_a_forks_kinds_of_causes_stand_beside_the_packaged_ones() -> None:
    kind = Kind("a mirror is behind", Severity.MAJOR, first=("Ask who runs it.",))
    whole = House("ours", extends=HOUSE, causes={"mirror-stale": kind}).whole()
    assert whole.kinds["mirror-stale"] is kind
    assert whole.kinds["bucket-index-loss"] is HOUSE.kinds["bucket-index-loss"]
    assert House("alone").kinds == OWN_KINDS
