"""The lab as a process: its start, its identity, its end, and the folder that outlives it."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
import tomllib
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pytest_gf.honey.contract import load
from pytest_gf.honey.house import load_target
from pytest_gf.lab import Lab, LabError, process

WAIT = 60.0
"""Seconds; what is waited for comes in tens of milliseconds."""


def get(lab: Lab, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(
        "127.0.0.1", urllib.parse.urlsplit(lab.addresses["s3"]).port or 0, timeout=WAIT
    )
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def ended(pid: int) -> bool:
    """Wait, bounded, until no process of this id lives; a zombie does not."""
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab.start(tmp_path / "lab") as started:
        yield started


def test_it_holds_the_contract_and_says_where(lab: Lab) -> None:
    contract = load()
    for bucket in contract.buckets:
        assert (lab.folder / "data" / bucket).is_dir()
        assert (lab.folder / "data/.rustfs.sys/buckets" / bucket / ".metadata.bin/xl.meta").is_file()
    target = load_target(lab.target_file, environment=lab.environment)
    assert target.s3 is not None
    assert target.s3.endpoint == lab.addresses["s3"]
    assert (target.name, target.vantage) == ("lab", "runner")
    assert tomllib.loads(lab.target_file.read_text())["allow"] == [
        "scratch",
        "state-proof",
        "cache-blob",
        "cache-delete",
        "publication",
    ]
    assert lab.exchanges() == []


def test_its_secrets_are_private(lab: Lab) -> None:
    secret = lab.environment["GF_LAB_S3_SECRET_KEY"]
    for path in (file for file in lab.folder.rglob("*") if file.is_file()):
        if secret.encode() in path.read_bytes():
            assert path.name in {"env.sh", "credentials.json"}
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret not in repr(lab)
    command = ["bash", "-c", f". {lab.folder}/env.sh && printenv GF_LAB_S3_SECRET_KEY"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == secret


def test_health_says_who_it_is_and_no_server_header(lab: Lab) -> None:
    for path, status in (
        ("/health", 200),
        ("/health/live", 200),
        ("/health/ready", 200),
        ("/minio/health/live", 403),
        ("/metrics", 403),
    ):
        answered, headers, body = get(lab, path)
        assert answered == status
        assert "Server" not in headers
        if status == 200:
            assert json.loads(body)["version"]
    assert "lab" in json.loads(get(lab, "/health")[2])


def test_the_anonymous_are_refused_by_code_and_message_only(lab: Lab) -> None:
    for path in ("/", "/attic?list-type=2", "/attic/k", "/no-such-bucket/k", "/%ff/k", "/attic/../../../etc/passwd"):
        status, _, body = get(lab, path)
        assert status in {400, 403}
        assert re.fullmatch(rb"<\?xml[^>]*>\n<Error><Code>\w+</Code><Message>[^<]*</Message></Error>", body)
        assert get(lab, path, "HEAD")[2] == b""


def test_exchanges_are_kept_and_counted(lab: Lab) -> None:
    get(lab, "/attic/some/key")
    get(lab, "/")
    (first, second) = lab.exchanges()
    assert {
        name: first[name] for name in ("service", "operation", "bucket", "key", "status", "code", "authenticated")
    } == {
        "service": "s3",
        "operation": "GetObject",
        "bucket": "attic",
        "key": "some/key",
        "status": 403,
        "code": "AccessDenied",
        "authenticated": False,
    }
    assert second["operation"] == "ListBuckets"
    assert lab.counts() == {"s3 GetObject": 1, "s3 ListBuckets": 1}
    lab.reset()
    assert (lab.exchanges(), lab.counts()) == ([], {})


def test_a_restart_on_the_folder_serves_the_same(tmp_path: Path) -> None:
    with Lab.start(tmp_path) as first:
        shutil.rmtree(tmp_path / "data/bazel-cache")
        before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    with Lab.start(tmp_path) as second:
        assert second.environment == first.environment
        assert {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()} == before
        assert not (tmp_path / "data/bazel-cache").exists()


def test_stop_twice_and_nothing_answers(lab: Lab) -> None:
    lab.stop()
    lab.stop()
    assert ended(lab.pid)
    assert (lab.folder / "data/attic").is_dir()
    with pytest.raises(LabError, match="was it stopped"):
        lab.counts()


def test_two_labs_never_share_a_folder(lab: Lab) -> None:
    with pytest.raises(LabError, match="served by another lab"):
        Lab.start(lab.folder)


def test_a_killed_parent_leaves_its_folder_and_no_lab(tmp_path: Path) -> None:
    script = (
        "import pathlib, time; from pytest_gf.lab import Lab; "
        f"print(Lab.start(pathlib.Path({str(tmp_path)!r})).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert ended(pid)
    with Lab.start(tmp_path) as again:
        assert get(again, "/health")[0] == 200


def test_its_lifetime_ends(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest_gf.lab",
        f"--folder={tmp_path}",
        "--lifetime=0.2",
        "--fault=bucket-index-lost:attic",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, stdin=subprocess.DEVNULL, check=True)
    assert "lifetime" in done.stderr
    assert "pytest --gf -m canary --gf-target=" in done.stdout
    assert "bucket-index-lost:attic" in done.stdout
    held = json.loads((tmp_path / "credentials.json").read_text())
    assert not any(secret in done.stdout + done.stderr for secret in held.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_alone_it_runs_until_it_is_told(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "pytest_gf.lab", f"--folder={tmp_path}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as alone:
        assert alone.stdout is not None
        assert "lab is up" in alone.stdout.readline()
        alone.send_signal(number)
        assert alone.wait(WAIT) == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--fault=nonsense"], "unknown fault 'nonsense'"),
        (["--contract=/no/such/file"], "/no/such/file: "),
        (["--folder=/proc/no"], "/proc/no"),
        (["--lifetime=nan"], "--lifetime: expected seconds"),
    ],
)
def test_a_wrong_start_is_one_clear_line(arguments: list[str], expected: str) -> None:
    command = [sys.executable, "-m", "pytest_gf.lab", "--lifetime=5", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_fault_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="unknown fault"):
        Lab.start(tmp_path / "lab", ["nonsense"])
    assert not (tmp_path / "lab").exists()


def test_a_lab_that_can_not_come_up_says_why(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(LabError, match=r"ended before it was up: .*data"):
        Lab.start(tmp_path)


def test_a_stranger_at_its_address_is_refused(lab: Lab) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ok", "lab": "another"}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The base class named it.
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Stranger)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        lab.addresses = {"s3": f"http://127.0.0.1:{server.server_port}"}
        with pytest.raises(LabError, match="another server than the lab answers"):
            lab.check_identity()
    finally:
        server.shutdown()
        server.server_close()


def test_proxies_are_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Lab.start(tmp_path) as lab:
        assert lab.counts() == {}


def test_the_control_socket_wants_its_token(lab: Lab) -> None:
    port = lab._control
    for headers in ({}, {"X-Lab-Token": "wrong"}):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
        connection.request("POST", "/bend", b"disk-offline", headers)
        assert connection.getresponse().status == 403
        connection.close()
    assert get(lab, "/health/ready")[0] == 200


def test_faults_given_at_the_start_are_on(tmp_path: Path) -> None:
    with Lab.start(tmp_path, ["disk-offline"]) as lab:
        assert get(lab, "/health/ready")[0] == 503
        lab.mend()
        assert get(lab, "/health/ready")[0] == 200


def test_another_contract_makes_another_lab(tmp_path: Path) -> None:
    contract = tmp_path / "fork.toml"
    contract.write_text(
        'extends = "gloriousflywheel"\n[buckets]\nmore = { purpose = "x" }\n'
        '[stacks.extra]\nbucket = "more"\nkey = "e.tfstate"\n'
    )
    with Lab.start(tmp_path / "lab", contract=contract) as lab:
        assert (lab.folder / "data/more/e.tfstate/xl.meta").is_file()
        lab.bend("state-cut:extra")


def test_a_seed_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    with Lab.start(tmp_path):
        pass
    (tmp_path / "seeded").unlink()
    shutil.rmtree(tmp_path / "data/bazel-cache")
    kept = tmp_path / "data/tofu-state/attic/terraform.tfstate/xl.meta"
    body = kept.read_bytes()
    with Lab.start(tmp_path):
        assert (tmp_path / "data/bazel-cache").is_dir()
        assert kept.read_bytes() == body


def test_a_contract_that_no_s3_can_hold_is_one_clear_line(tmp_path: Path) -> None:
    contract = tmp_path / "fork.toml"
    contract.write_text('extends = "gloriousflywheel"\n[buckets]\nNot_A_Bucket = { purpose = "x" }\n')
    with pytest.raises(LabError, match="InvalidBucketName"):
        Lab.start(tmp_path / "lab", contract=contract)


def test_the_faults_import_nothing_heavy() -> None:
    script = "import sys, pytest_gf.lab.faults; print({'aiohttp', 'boto3', 'botocore'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_interrupted_start_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    spawn = process._spawn

    def noted(folder: Path, contract: Path | None) -> subprocess.Popen[bytes]:
        child = spawn(folder, contract)
        started.append(child.pid)
        return child

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "_spawn", noted)
    monkeypatch.setattr(process, "_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Lab.start(tmp_path)
    assert all(ended(pid) for pid in started)
    assert started
