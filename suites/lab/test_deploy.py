"""deploy/ renders, is valid Kubernetes, is locked down, grants what the plans ask for, and its commands run as pods would run them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from pytest_gf.engine import options
from pytest_gf.honey import HOUSE
from pytest_gf.honey.house import load_target
from pytest_gf.lab import Lab

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBECTL = Path(sys.executable).with_name("kubectl")
OVERLAYS = ("honey", "audit")
RIGHT = re.compile(r"^  has +(?P<verb>\w+) (?P<resource>\S+) in (?P<where>the cluster|namespace \S+)", re.MULTILINE)
SERVICE_PORTS = {80: 8080}
"""Attic's pods listen on 8080, behind port 80 of its Service: a NetworkPolicy looks behind the Service."""

Objects = list[dict[str, Any]]


def render(folder: Path) -> Objects:
    """Return what `kubectl kustomize` makes of a folder."""
    command = [str(KUBECTL), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))


def only(objects: Objects, kind: str) -> dict[str, Any]:
    """Return the one object of a kind."""
    (document,) = (candidate for candidate in objects if candidate["kind"] == kind)
    return document


def pod(objects: Objects) -> dict[str, Any]:
    """Return the pod template of the one CronJob or Job."""
    (work,) = (document for document in objects if document["kind"] in {"CronJob", "Job"})
    job = work["spec"]["jobTemplate"] if work["kind"] == "CronJob" else work
    template: dict[str, Any] = job["spec"]["template"]
    return template


@pytest.fixture(scope="module")
def rendered() -> dict[str, Objects]:
    return {name: render(DEPLOY / "overlays" / name) for name in OVERLAYS}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(tmp_path_factory.mktemp("lab")) as started:
        yield started


def check_schema(document: dict[str, Any]) -> None:
    """Hold an object against Kubernetes' own schema."""
    import kubernetes_validate  # Over a second, which whoever only collects this file is spared.

    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str, rendered: dict[str, Objects]) -> None:
    for document in rendered[overlay]:
        check_schema(document)
        assert "namespace" not in document["metadata"] or document["metadata"]["namespace"] == "nix-cache"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_keep_the_restricted_standard(overlay: str, rendered: dict[str, Objects]) -> None:
    """What Pod Security `restricted` asks of a pod, and a root that can't be written to."""
    spec = pod(rendered[overlay])["spec"]
    of_pod = spec["securityContext"]
    assert of_pod["runAsNonRoot"]
    assert of_pod["runAsUser"] == of_pod["fsGroup"] == 65534
    assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["restartPolicy"] == "Never"
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        locked = container["securityContext"]
        assert locked == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert re.fullmatch(r"[a-z./-]+@sha256:[0-9a-f]{64}", container["image"]), "an image by its digest"
    assert {next(iter(volume.keys() - {"name"})) for volume in spec["volumes"]} == {
        "configMap",
        "emptyDir",
        "persistentVolumeClaim",
    }


def test_a_red_canary_is_never_tried_again_and_it_ships_suspended(rendered: dict[str, Objects]) -> None:
    cron = only(rendered["honey"], "CronJob")["spec"]
    assert cron["suspend"] is True
    assert cron["concurrencyPolicy"] == "Forbid"
    assert cron["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert cron["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 3600, "the next hour has its own run"
    assert re.fullmatch(r"\d+ \* \* \* \*", cron["schedule"]), "hourly (S103)"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_pod_names_is_there(overlay: str, rendered: dict[str, Objects]) -> None:
    """Volumes, identity, and the labels that its NetworkPolicy looks for; its options are options."""
    objects, template = rendered[overlay], pod(rendered[overlay])
    names = {(document["kind"], document["metadata"]["name"]) for document in objects}
    spec = template["spec"]
    assert ("ServiceAccount", spec["serviceAccountName"]) in names
    for volume in spec["volumes"]:
        if "configMap" in volume:
            assert ("ConfigMap", volume["configMap"]["name"]) in names
        if "persistentVolumeClaim" in volume:
            assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in names
    selected = only(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert selected.items() <= template["metadata"]["labels"].items()
    known = {option.name for option in options.options_of(HOUSE)}
    (container,) = spec["containers"]
    assert {arg.partition("=")[0] for arg in container["args"] if arg.startswith("--gf")} <= known
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["volumes"]}


def target_of(objects: Objects, folder: Path) -> tuple[str, Path]:
    """Write the ConfigMap's target file, and return its text and where it lies."""
    ((name, text),) = only(objects, "ConfigMap")["data"].items()
    (folder / name).write_text(text)
    return text, folder / name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_way_out_is_what_the_target_names(overlay: str, rendered: dict[str, Objects], tmp_path: Path) -> None:
    _, path = target_of(rendered[overlay], tmp_path)
    target = load_target(path, {})
    assert target.s3 is not None
    addresses = [target.s3.endpoint]
    if overlay == "honey":
        assert target.attic is not None
        assert target.bazel is not None
        addresses += [*filter(None, (target.attic.api, target.attic.https)), target.bazel.grpc]
    defaults = {"http": 80, "https": 443}
    needed = {(parts := urlsplit(address)).port or defaults[parts.scheme] for address in addresses}
    api_server, dns = {443, 6443}, {53}
    policy = only(rendered[overlay], "NetworkPolicy")["spec"]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {
        SERVICE_PORTS.get(port, port) for port in needed
    } | api_server | dns
    assert all(rule["to"] for rule in policy["egress"])
    assert "Ingress" in policy["policyTypes"]
    assert "ingress" not in policy


def test_the_canarys_target_is_the_runners_and_expects_all_of_it() -> None:
    ours = tomllib.loads((DEPLOY / "base" / "honey.toml").read_text())
    runner = tomllib.loads((ROOT / "fixtures" / "targets" / "honey-runner.toml").read_text())
    assert ours.pop("expects") == [name for name, value in ours.items() if isinstance(value, dict)]
    assert ours == runner


def rights(objects: Objects, account: str) -> set[tuple[str, str, bool]]:
    """Return verb, resource, and whether it is for the whole cluster, of each rule that is bound to this account alone."""
    roles = {
        (document["kind"], document["metadata"]["name"]): document["rules"]
        for document in objects
        if document["kind"] in {"Role", "ClusterRole"}
    }
    granted = set()
    for binding in (document for document in objects if document["kind"].endswith("Binding")):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "nix-cache"}]
        kind = binding["roleRef"]["kind"]
        for rule in roles.pop((kind, binding["roleRef"]["name"])):
            granted |= {
                (verb, resource, kind == "ClusterRole") for verb in rule["verbs"] for resource in rule["resources"]
            }
    assert not roles, "a role that nobody has"
    return granted


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_roles_are_what_the_plan_asks_for(
    overlay: str, rendered: dict[str, Objects], lab: Lab, run_pytest: Any
) -> None:
    (container,) = pod(rendered[overlay])["spec"]["containers"]
    chosen = container["args"][
        1 : container["args"].index("--gf-target=/etc/pytest-gf/" + target_name(rendered[overlay]))
    ]
    for fault in ("rustfs-exposed:traefik", "bazel-exposed:istio"):  # The lab serves these groups then.
        lab.bend(fault)
    try:
        planned = run_pytest(*chosen, "--gf-plan", f"--gf-target={lab.target_file}", environment=dict(lab.environment))
    finally:
        lab.mend()
    assert planned.exit == 0, planned.text
    asked = {
        (match["verb"], match["resource"], match["where"] == "the cluster") for match in RIGHT.finditer(planned.text)
    }
    assert "LACKS" not in planned.text
    assert asked == rights(rendered[overlay], pod(rendered[overlay])["spec"]["serviceAccountName"])


def target_name(objects: Objects) -> str:
    """Return the name of the ConfigMap's one file."""
    (name,) = only(objects, "ConfigMap")["data"]
    return str(name)


def test_the_secrets_component_reads_named_secrets_alone(tmp_path: Path) -> None:
    """An overlay that takes it has one more Role, which is to exactly the named Secrets."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    overlay = tmp_path / "deploy" / "overlays" / "honey"
    path = overlay / "kustomization.yaml"
    path.write_text(path.read_text().replace("# components:", "components:"))
    plain, with_secrets = render(DEPLOY / "overlays" / "honey"), render(overlay)
    more = [document for document in with_secrets if document not in plain]
    assert [document["kind"] for document in more] == ["Role", "RoleBinding"]
    (rule,) = only(more, "Role")["rules"]
    assert rule == {
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": ["attic-jwt-signing", "attic-secrets"],
        "verbs": ["get"],
    }
    for document in more:
        check_schema(document)


def files_of(objects: Objects, lab: Lab) -> dict[str, str]:
    """Return the ConfigMap's one file as the lab's target, with the files beside it that it names, at the mount's place."""
    ((name, _),) = only(objects, "ConfigMap")["data"].items()
    place = next(
        mount["mountPath"]
        for mount in pod(objects)["spec"]["containers"][0]["volumeMounts"]
        if mount["name"] == "target"
    )
    texts = {"ca.pem": lab.folder / "ca.pem", "kubeconfig": lab.folder / "kubeconfig", name: lab.target_file}
    return {name: path.read_text().replace(str(lab.folder), place) for name, path in texts.items()}


def test_the_cronjobs_command_is_a_green_canary(
    rendered: dict[str, Objects], lab: Lab, tmp_path: Path, in_the_pod: Any
) -> None:
    objects = rendered["honey"]
    done = in_the_pod(pod(objects)["spec"], tmp_path, files_of(objects, lab), dict(lab.environment))
    assert done.returncode == 0, done.stdout + done.stderr
    path = tmp_path / "reports" / "latest" / "record.json"
    record = json.loads(path.read_text())
    assert record["vantage"] == "runner"
    assert {row["verdict"] for row in record["verdicts"]} == {"holds"}
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534), "nobody wrote it, for the volume's group"
    assert list((tmp_path / "tmp").iterdir()) == [], "nothing but reports is written"


def test_the_pods_root_can_not_be_written_to_and_nobody_is_nobody(
    rendered: dict[str, Objects], tmp_path: Path, in_the_pod: Any
) -> None:
    """What the tests above rest on: in that root only the volumes take a file, and the target's folder takes none."""
    spec = json.loads(json.dumps(pod(rendered["honey"])["spec"]))
    program = (
        "import os, pathlib, sys\n"
        "assert (os.getuid(), os.getgid(), os.getgroups()) == (65534, 65534, [65534])\n"
        "for place in ('/', '/opt/checkout', '/opt/pytest-gf', '/etc/pytest-gf', '/var/tmp', '/usr', '/reports', '/tmp'):\n"
        "    try:\n        pathlib.Path(place, 'written').touch()\n        print(place)\n    except OSError:\n        pass\n"
    )
    spec["containers"][0] |= {"command": ["timeit"], "args": ["-n1", "-r1", f"exec({program!r})"]}
    done = in_the_pod(spec, tmp_path, {}, {})
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("/")] == ["/reports", "/tmp"]  # noqa: S108  # The pod's own.


@pytest.mark.slow
def test_the_cronjobs_command_is_red_where_a_bucket_is_lost(
    rendered: dict[str, Objects], lab: Lab, tmp_path: Path, in_the_pod: Any
) -> None:
    objects = rendered["honey"]
    lab.bend("bucket-index-lost:tofu-state")
    try:
        done = in_the_pod(pod(objects)["spec"], tmp_path, files_of(objects, lab), dict(lab.environment))
    finally:
        lab.mend()
    assert done.returncode == 1


@pytest.mark.slow
def test_the_jobs_command_audits_the_bucket_in_parts(
    rendered: dict[str, Objects], lab: Lab, tmp_path: Path, in_the_pod: Any
) -> None:
    """With 4 parts in the place of 16: one after another, then merged by the line that the Job's file names."""
    objects = json.loads(json.dumps(rendered["audit"]))
    spec = pod(objects)["spec"]
    (container,) = spec["containers"]
    container["args"] = [re.sub(r"/16$", "/4", argument) for argument in container["args"]]
    assert "--gf-shard=JOB_COMPLETION_INDEX/4" in container["args"]
    for index in range(4):
        given = {"JOB_COMPLETION_INDEX": str(index), "JOB_UID": "one-uid"}
        done = in_the_pod(spec, tmp_path, files_of(objects, lab), given | dict(lab.environment))
        assert done.returncode == 0, done.stdout + done.stderr
    audit = tmp_path / "audit"
    runs = sorted(str(path) for path in audit.glob("reports-*/latest"))
    merged = subprocess.run(
        [sys.executable, "-m", "pytest_gf.reports", "merge", f"--out={audit / 'merged'}", *runs],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert merged.returncode == 0, merged.stdout + merged.stderr
    rows = json.loads((audit / "merged" / "record.json").read_text())["verdicts"]
    assert len({row["params"]["shard"] for row in rows if row["clause"] == "bazel.audit-shard"}) == 768


def test_the_readmes_ten_commands() -> None:
    """What can be run without a cluster is: options, folders, names and JSON of the others are those of what is rendered."""
    (block,) = re.findall(r"```sh\n(.*?)```", (DEPLOY / "README.md").read_text(), re.DOTALL)
    lines = [shlex.split(line) for line in block.splitlines()]
    assert len(lines) == 10
    objects = render(DEPLOY / "overlays" / "honey")
    cron = only(objects, "CronJob")
    for line in lines:
        files = [
            word.partition("=")[2] for word in line if word.startswith(("--file=", "--ignorefile=", "--gf-target="))
        ]
        files += [word for word in line if word.startswith("deploy/")]
        assert [name for name in files if not (ROOT / name).exists()] == []
        if line[0] == "kubectl" and "-n" in line:
            assert line[line.index("-n") + 1] == cron["metadata"]["namespace"]
    (source,) = pod(objects)["spec"]["containers"][0]["envFrom"]
    assert source["secretRef"]["name"] in lines[4]
    assert f"--from=cronjob/{cron['metadata']['name']}" in lines[7]
    assert lines[9][5] == cron["metadata"]["name"]
    patch = json.loads(lines[9][6].removeprefix("--patch="))
    assert patch["spec"].keys() <= cron["spec"].keys()
    (old,) = re.findall(r"s#([^#]*)#", lines[3][2])
    assert old in (DEPLOY / "overlays" / "honey" / "kustomization.yaml").read_text()
