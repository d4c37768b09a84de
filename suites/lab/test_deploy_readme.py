"""deploy/README.md's ten commands, run one after another: kubectl against an API server of memory, the first job's command on the lab."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_gf.lab import Lab

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
BUILDAH = shutil.which("buildah")
KINDS = {
    "v1": ("ConfigMap", "PersistentVolumeClaim", "Pod", "Secret", "ServiceAccount"),
    "batch/v1": ("CronJob", "Job"),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "rbac.authorization.k8s.io/v1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
}
DRY = " --dry-run=client --output=json"
"""`kubectl create` speaks protobuf, which the server here doesn't: the test keeps what it would have sent."""
Document = dict[str, Any]


def plural(kind: str) -> str:
    return f"{kind.lower()[:-1]}ies" if kind.endswith("y") else f"{kind.lower()}s"


RESOURCES = {plural(kind): (version, kind) for version, kinds in KINDS.items() for kind in kinds}


class Store(ThreadingHTTPServer):
    """Objects by the path of each, and what the one pod said: as much of an API server as the README's kubectl asks."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.objects: dict[str, Document] = {}
        self.log = ""

    def keep(self, path: str, made: Document) -> Document:
        """Keep an object below the path of its kind."""
        made["metadata"] |= {"uid": "00000000-0000-0000-0000-000000000001", "creationTimestamp": "2026-11-29T00:00:00Z"}
        self.objects[f"{path}/{made['metadata']['name']}"] = made
        return made

    def only(self, kind: str) -> Document:
        (document,) = (candidate for candidate in self.objects.values() if candidate["kind"] == kind)
        return document


class _Answers(BaseHTTPRequestHandler):
    server: Store
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:  # http.server's name.
        asked = urlsplit(self.path)
        if asked.path.endswith("/log"):
            self._say(200, self.server.log.encode(), "text/plain")
            return
        document = self.server.objects.get(asked.path) or discovered(asked.path)
        if document is None and asked.path.rpartition("/")[2] in RESOURCES:
            version, kind = RESOURCES[asked.path.rpartition("/")[2]]
            wanted = dict(
                pair.split("=") for pair in parse_qs(asked.query).get("labelSelector", [""])[0].split(",") if pair
            )
            below = [item for path, item in self.server.objects.items() if path.startswith(f"{asked.path}/")]
            listed = [item for item in below if wanted.items() <= item["metadata"].get("labels", {}).items()]
            document = {"apiVersion": version, "kind": f"{kind}List", "metadata": {}, "items": listed}
        self._give(document)

    def do_POST(self) -> None:  # As above.
        self._give(self.server.keep(urlsplit(self.path).path, self._read()), 201)

    def do_PATCH(self) -> None:  # As above.
        path = urlsplit(self.path).path
        document = self.server.objects.get(path)
        if document is not None:
            document["spec"] |= self._read()["spec"]
        self._give(document)

    def _read(self) -> Document:
        read: Document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return read

    def _give(self, document: Document | None, status: int = 200) -> None:
        gone = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        self._say(status if document is not None else 404, json.dumps(document or gone).encode())

    def _say(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def discovered(path: str) -> Document | None:
    """Return what discovery says at a path, and the OpenAPI by which kubectl leaves the checking of fields to the server."""
    groups = [version for version in KINDS if "/" in version]
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        named = [{"groupVersion": group, "version": "v1"} for group in groups]
        listed = [
            {"name": version["groupVersion"].partition("/")[0], "versions": [version], "preferredVersion": version}
            for version in named
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    if path == "/openapi/v3":
        places = {f"api{'s' if '/' in kind else ''}/{kind}": kind for kind in KINDS}
        return {"paths": {place: {"serverRelativeURL": f"/openapi/v3/{place}?hash=1"} for place in places}}
    version = re.sub("^/(openapi/v3/)?apis?/", "", path)
    if version not in KINDS:
        return None
    if path.startswith("/openapi/"):
        return {"openapi": "3.0.0", "info": {"title": "t", "version": "v"}, "paths": dict(_patches(version))}
    verbs = ["get", "list", "create", "patch"]
    resources = [
        {
            "name": plural(kind),
            "kind": kind,
            "namespaced": not kind.startswith("Cluster"),
            "verbs": verbs,
            "singularName": kind.lower(),
        }
        for kind in KINDS[version]
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _patches(version: str) -> Iterator[tuple[str, Document]]:
    group = version.partition("/")[0] if "/" in version else ""
    for kind in KINDS[version]:
        told = {"group": group, "version": "v1", "kind": kind}
        parameters = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]
        answers = {"responses": {"200": {"description": "OK"}}}
        yield (
            f"/{plural(kind)}/{{name}}",
            {"patch": {"parameters": parameters, "x-kubernetes-group-version-kind": told} | answers},
        )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The API server, with a kubeconfig at tmp_path."""
    with Store() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [cluster],
            "contexts": [context],
        }
        (tmp_path / "config").write_text(json.dumps(config | {"users": [{"name": "u", "user": {}}]}))
        yield server
        server.shutdown()


def commands() -> list[str]:
    (block,) = re.findall(r"```sh\n(.*?)```", (ROOT / "deploy" / "README.md").read_text(), re.DOTALL)
    return [str(line) for line in block.splitlines()]


def own_target(lab: Lab, name: str, place: str) -> dict[str, str]:
    """Return the lab's target as the cluster's ConfigMap: the variables are those that the README's Secret has."""
    text = lab.target_file.read_text().replace("GF_LAB_S3_ACCESS_KEY", "TOFU_BACKEND_S3_ACCESS_KEY")
    text = text.replace("GF_LAB_S3_SECRET_KEY", "TOFU_BACKEND_S3_SECRET_KEY")
    files = {
        "ca.pem": (lab.folder / "ca.pem").read_text(),
        "kubeconfig": (lab.folder / "kubeconfig").read_text(),
        name: text,
    }
    return {name: text.replace(str(lab.folder), place) for name, text in files.items()}


def test_from_nothing_to_the_first_hourly_canary(
    lab: Lab, store: Store, tmp_path: Path, run_pytest: Any, in_the_pod: Any
) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    keys = {half: lab.environment[f"GF_LAB_S3_{half}_KEY"] for half in ("ACCESS", "SECRET")}
    (tmp_path / "canary.env").write_text("".join(f"TOFU_BACKEND_S3_{half}_KEY={key}\n" for half, key in keys.items()))
    plan, build, push, named, secret, look, apply, create, logs, resume = commands()

    def shell(line: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=tmp_path,
            env={"PATH": f"{BIN}:{os.defpath}", "KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    words = shlex.split(plan)
    assert words[0] == "pytest"
    arguments = [re.sub(r"^--gf-target=.*", f"--gf-target={lab.folder / 'routed.toml'}", word) for word in words[1:]]
    planned = run_pytest(*arguments, "--gf-strict", environment=dict(lab.environment))
    assert planned.exit == 0, planned.text
    assert "FAILS" not in planned.text

    if BUILDAH is not None:  # test_image.py builds it for real.
        for line in (build, push):
            _, verb, *rest = shlex.split(line)
            told = subprocess.run(
                [BUILDAH, verb, "--help"], capture_output=True, text=True, timeout=60, check=True
            ).stdout
            assert [word for word in rest if word.startswith("--") and f"{word.partition('=')[0]} " not in told] == []

    shell(named)
    assert "registry.example/pytest-gf@sha256:" in shell(look)
    store.keep("/api/v1/namespaces/nix-cache/secrets", json.loads(shell(secret + DRY)))
    made = shell(apply)
    assert made.count(" created\n") == made.count("\n") == len(store.objects) - 1, made
    assert store.only("CronJob")["spec"]["suspend"] is True
    job = store.keep("/apis/batch/v1/namespaces/nix-cache/jobs", json.loads(shell(create + DRY)))
    assert job["spec"]["backoffLimit"] == 0
    spec = job["spec"]["template"]["spec"]
    (source,) = spec["containers"][0]["envFrom"]
    held = store.objects[f"/api/v1/namespaces/nix-cache/secrets/{source['secretRef']['name']}"]["data"]
    ((name, _),) = store.only("ConfigMap")["data"].items()
    files = own_target(lab, name, "/etc/pytest-gf")
    given = {variable: base64.b64decode(value).decode() for variable, value in held.items()}
    others = {variable: value for variable, value in lab.environment.items() if not variable.startswith("GF_LAB_S3_")}
    done = in_the_pod(spec, tmp_path, files, given | others)
    assert done.returncode == 0, done.stdout + done.stderr

    store.log = done.stdout
    labels = {"batch.kubernetes.io/job-name": "first", "job-name": "first"}
    store.objects["/api/v1/namespaces/nix-cache/pods/first-x"] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "first-x", "namespace": "nix-cache", "labels": labels},
        "spec": spec,
        "status": {"phase": "Succeeded"},
    }
    job["spec"]["selector"] = {"matchLabels": labels}
    assert shell(logs).rstrip().endswith("; LAB - honey was not observed")
    assert shell(resume) == "cronjob.batch/pytest-gf-canary patched\n"
    assert store.only("CronJob")["spec"]["suspend"] is False
