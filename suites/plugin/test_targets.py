"""Target files: the ready ones, and one clear line for each that can't be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_gf.honey import target
from pytest_gf.honey.house import load_target
from pytest_gf.honey.target import PortForward, TargetError

READY = Path(__file__).parents[2] / "fixtures" / "targets"
S3 = '[s3]\nendpoint = "http://s3.example:9000"\n'


def read(folder: Path, text: str) -> target.Target:
    path = folder / "t.toml"
    path.write_text(f'name = "t"\nvantage = "operator"\n{text}')
    return load_target(path, environment={})


@pytest.mark.parametrize("path", sorted(READY.glob("*.toml")), ids=lambda path: path.stem)
def test_the_ready_files_are_read(path: Path) -> None:
    made = load_target(path, environment={})
    assert path.stem.endswith(made.vantage)
    of_honey = made.name != "candidate"
    assert (made.s3 is not None) == (made.vantage in {"runner", "operator"})
    assert (made.kubernetes is not None) == (of_honey and made.s3 is not None)
    assert bool(made.routes) == (of_honey and made.vantage == "operator")
    assert made.permits("scratch") == (made.vantage in {"runner", "operator"})
    assert not made.permits("cache-delete")


def test_a_kubeconfig_is_relative_to_the_file_and_a_tilde_is_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    for given, meant in {
        "k": tmp_path / "k",
        "~/.kube/config": Path("/somebody/.kube/config"),
        "/etc/k": Path("/etc/k"),
    }.items():
        section = read(tmp_path, f'[kubernetes]\nkubeconfig = "{given}"\n').kubernetes
        assert section is not None
        assert section.kubeconfig == str(meant)


def test_a_route_is_a_port_forward_to_a_service(tmp_path: Path) -> None:
    made = read(tmp_path, f'{S3}[kubernetes]\n[routes]\ns3 = "port-forward:nix-cache/svc/attic-rustfs-openebs:9000"\n')
    assert made.routes == {"s3": PortForward("nix-cache", "attic-rustfs-openebs", 9000)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[kubernetes]\ncontext = "honey"\n', "key 'kubernetes.context': expected a kubeconfig beside it"),
        ("[kubernetes]\nkubeconfig = 3\n", "kubernetes.kubeconfig"),
        ("[kubernetes]\ntoken = 'x'\n", "unknown field `token`"),
        (f'{S3}[routes]\ns3 = "port-forward:a/svc/b:1"\n', "a port-forward needs a [kubernetes] section"),
        ('[kubernetes]\n[routes]\ns3 = "port-forward:a/svc/b:1"\n', "expected an [s3] endpoint with http://"),
        (
            f'{S3.replace("http:", "https:")}[kubernetes]\n[routes]\ns3 = "port-forward:a/svc/b:1"\n',
            "expected an [s3] endpoint with http://",
        ),
        (f'{S3}[kubernetes]\n[routes]\nattic2 = "port-forward:a/svc/b:1"\n', "key 'routes.attic2': unknown system"),
        *(
            (f'{S3}[kubernetes]\n[routes]\ns3 = "{route}"\n', "expected port-forward:NAMESPACE/svc/NAME:PORT")
            for route in (
                "",
                "a/svc/b:1",
                "port-forward:a/pod/b:1",
                "port-forward:a/svc/b:0",
                "port-forward:a/svc/b:65536",
                "port-forward:../svc/b:1",
            )
        ),
    ],
)
def test_what_can_not_be_meant_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError) as raised:
        read(tmp_path, text)
    assert says in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "t.toml"))
    assert len(str(raised.value).splitlines()) == 1
