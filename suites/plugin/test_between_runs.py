"""Runs that keep a history: what each says of the earlier ones, what happens where it can't be kept, and what diff and history print."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.reports.__main__ import main

Built = Callable[..., Any]
TWO = {"one": "return 1", "two": "return int(os.environ.get('TWO', '1'))"}


@pytest.fixture
def told(built: Built, tmp_path: Path) -> Callable[..., Any]:
    """Run a house of two facts, one of which is as ``two`` says, with a history."""

    def run(two: str, *args: str, **options: Any) -> Any:
        return built(TWO, f"--gf-history={tmp_path / 'kept'}", *args, environment={"TWO": two}, lean=True, **options)

    return run


def test_a_run_says_what_is_new_since_when_and_what_was_mended(
    told: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    green, red, still = told("1").record, told("2").record, told("3", "-n", "2")
    assert (green["history"]["runs"], green["history"]["last"]) == (0, None)
    assert (red["history"]["new"], red["history"]["new_since_green"]) == (["lab.two"], ["lab.two"])
    assert [incident["since"] for incident in red["incidents"]] == [red["started"]]
    assert (still.record["history"]["new"], still.record["history"]["since"]) == ([], {"lab.two": red["started"]})
    assert [incident["since"] for incident in still.record["incidents"]] == [red["started"]]
    assert f"since: {red['started']}" in still.text
    assert "nothing is new since the last run" in still.text
    assert "new since the last green run (1): lab.two" in still.text
    assert f"- since: {red['started']}" in (still.folder / "summary.md").read_text()
    assert len(list((tmp_path / "kept").iterdir())) == 3, "under xdist only the controller writes"

    (tmp_path / "kept" / "broken.json").write_text("{")
    well = told("1", "-k", "two")
    assert (well.record["history"]["mended"], well.exit) == (["lab.two"], 0)
    assert [incident["kind"] for incident in well.record["history"]["gone"]] == ["not-as-promised"]
    assert "mended (1): lab.two" in well.text
    assert "history: 1 file can't be read and left out: broken.json: " in well.text

    assert main(["history", str(tmp_path / "kept")]) == 0
    grid = capsys.readouterr().out
    assert "exit    .VV.\nlab.two .VV.\n1 row held wherever they were judged" in grid
    folders = (path for path in (tmp_path / "reports").iterdir() if not path.is_symlink())
    # By the instant that they began: names of one second are in no order.
    runs = sorted(folders, key=lambda path: str(json.loads((path / "record.json").read_text())["started"]))
    assert main(["diff", str(runs[0]), str(runs[1] / "record.json")]) == 0
    apart = capsys.readouterr().out
    assert "new incident: not-as-promised lab.two\nnew (1): lab.two\nhold in both: 1 row\n" in apart
    assert main(["diff", str(runs[2]), str(tmp_path / "kept" / f"{runs[3].name}.json")]) == 0
    assert "stands no more: not-as-promised lab.two\nmended (1): lab.two\n" in capsys.readouterr().out
    assert max(map(len, (grid + apart).splitlines())) <= 100


def test_without_a_history_nothing_is_compared(built: Built) -> None:
    record = built({"two": "return 2"}).record
    assert (record["history"], [incident["since"] for incident in record["incidents"]]) == (None, [None])


def test_the_ini_option_is_relative_to_its_file_and_the_option_takes_precedence(built: Built, tmp_path: Path) -> None:
    built({"one": "return 1"}, "-o", "gf_history=kept")
    assert len(list((tmp_path / "kept").iterdir())) == 1
    built({"one": "return 1"}, "-o", "gf_history=kept", f"--gf-history={tmp_path / 'other'}")
    assert len(list((tmp_path / "other").iterdir())) == len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--gf-history={}/file"], "the history can't be written to {}/file: File exists"),
        (["--gf-history=/proc/gf/kept"], "the history can't be written to /proc/gf/kept: "),
        (
            ["--gf-metrics={}/none/gf.prom"],
            "metrics can't be written to {}/none: No such file or directory. Make room or name another file with --gf-metrics=FILE",
        ),
        (["--gf-metrics={}"], "--gf-metrics={}: it is no file"),
        (["--gf-metrics=ftp://x/y"], "--gf-metrics=ftp://x/y: expected a file, or an address"),
        (["--gf-metrics=http://me:hunter2secret@:99999/"], "http://[redacted]@:99999/: expected a file, or an address"),
        (["--gf-history", "{}"], "--gf-history {}: write --gf-history={}"),
    ],
)
def test_what_cant_be_written_is_one_line_before_anything_is_asked(
    args: list[str], says: str, built: Built, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    asked = tmp_path / "asked"
    outcome = built({"one": f"open({str(asked)!r}, 'w'); return 1"}, *(argument.format(tmp_path) for argument in args))
    assert outcome.exit == 4, outcome.text
    assert says.replace("{}", str(tmp_path)) in outcome.text
    assert "hunter2" not in outcome.text
    assert "Traceback" not in outcome.text
    assert not asked.exists()


def test_a_history_that_is_taken_away_meanwhile_is_said_and_never_green(built: Built, tmp_path: Path) -> None:
    kept = str(tmp_path / "kept")
    away = f"import shutil; shutil.rmtree({kept!r}); open({kept!r}, 'w').close(); return 1"
    outcome = built({"one": away}, f"--gf-history={kept}", f"--gf-metrics={tmp_path / 'gf.prom'}")
    assert outcome.exit == outcome.record["exit"] == 10, outcome.text
    assert f"reports are incomplete: the history in {kept}: Not a directory" in outcome.text
    assert "exit_code{" in (tmp_path / "gf.prom").read_text()
    assert "} 10.0\n" in (tmp_path / "gf.prom").read_text().partition("exit_code{")[2]
    assert "INTERNALERROR" not in outcome.text


PAST: dict[str, Any] = {
    "schema": "pytest_gf.history/1", "run": "r", "target": "t", "contract": "c", "vantage": "v", "selection": "",
    "started": "2026-01-01T00:00:00Z", "finished": None, "exit": 0, "rows": {"a": "holds"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (PAST, PAST | {"target": "lab"}, "these are of t, c, v and of lab, c, v"),
        (PAST, PAST | {"vantage": "w"}, "these are of t, c, v and of t, c, w"),
        (PAST, {}, "Object missing required field `schema`"),
        (PAST, None, "it is no file; expected the folder of a run"),
    ],
)
def test_what_cant_be_compared_is_one_line(
    before: Any, after: Any, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, record in (("a", before), ("b", after)):
        if record is not None:
            (tmp_path / f"{name}.json").write_text(json.dumps(record))
    assert main(["diff", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("diff: ")
    assert says in line


def test_an_empty_history_and_one_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no run is here\n"
    assert main(["history", str(tmp_path / "none")]) == main(["history", str(tmp_path), "--runs=0"]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert main(["diff", str(tmp_path / "none"), str(tmp_path)]) == main(["diff", str(tmp_path), str(tmp_path)]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_grid_of_many_runs_and_long_hostile_names_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["x" * 300, "y\x1b[31m\n::error::", "z"]
    for at in range(120):
        rows = dict.fromkeys(names, ("holds", "violated", "error", "unproven", "interim", "fixed")[at % 6])
        past = PAST | {
            "run": f"r{at:03}",
            "started": f"2026-01-01T{at // 60:02}:{at % 60:02}:00Z",
            "rows": rows,
            "exit": at % 12,
        }
        (tmp_path / f"{at}.json").write_text(json.dumps(past))
    assert main(["history", str(tmp_path), "--runs=1000"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    assert "\x1b" not in shown
    assert not [line for line in shown.splitlines() if line.startswith("::")]
    assert ".VEuiF.VEuiF" in shown
