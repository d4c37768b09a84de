"""Target files: the ready ones, and one clear line for each that can't be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_gf.engine.errors import ProbeError
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
        (
            "[kubernetes]\ntoken = 'x'\n",
            "unknown field `token` - at `$.kubernetes`; known: kubeconfig, context, namespace",
        ),
        (S3.replace("endpoint", "endpont"), "unknown field `endpont` - at `$.s3`; did you mean endpoint?"),
        *(
            (f'{table}ca_file = "t.toml"\n', f"key '{name}.ca_file': expected certificates as PEM in ")
            for name, table in {
                "s3": S3,
                "attic": '[attic]\napi = "http://attic"\n',
                "bazel": '[bazel]\ngrpc = "grpcs://bazel:1"\n',
            }.items()
        ),
        (S3.replace("[s3]", "[S3]"), "unknown field `S3`; did you mean s3?"),
        ("[kubernets]\n", "unknown field `kubernets`; did you mean kubernetes?"),
        ('[bazel]\nbucket = "a"\n', "missing required field `grpc` - at `$.bazel`"),
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


SECRETS = '[attic]\napi = "http://a:1"\ntoken_env = "TOKEN"\n'


@pytest.mark.parametrize(
    ("text", "environment", "says"),
    [
        ('expects = ["s4"]\n', {}, "unknown section 's4'; expected some of s3, kubernetes, attic"),
        ('expects = ["s3"]\n', {}, "the target expects [s3], and has no such section"),
        (
            f"{S3}secret_key_env = 'wJalrXUtnFEMI/K7MDENG'\n",
            {},
            "key 's3.secret_key_env': expected the name of a variable",
        ),
        (f"{S3}secret_key_env = 'lowercase_secret'\n", {}, "key 's3.secret_key_env': expected the name of a variable"),
        (f"{S3}access_key_env = 'AKIAIOSFODNN7EXAMPLE'\n", {}, "key 's3.access_key_env': expected the name"),
        (
            '[attic]\napi = "http://a:1"\ntoken_env = "eyJhbGciOi.eyJ.x"\n',
            {},
            "key 'attic.token_env': expected the name",
        ),
        (S3, {"AWS_SECRET_ACCESS_KEY": "seven77"}, "variable AWS_SECRET_ACCESS_KEY: expected a secret of at least 8"),
        (SECRETS, {"TOKEN": "x"}, "variable TOKEN: expected a secret of at least 8 characters, and it has 1"),
    ],
)
def test_what_a_variable_cannot_be_is_one_line_that_shows_no_value(
    text: str, environment: dict[str, str], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f'name = "t"\nvantage = "operator"\n{text}')
    with pytest.raises(TargetError) as wrong:
        load_target(path, environment=environment)
    assert says in str(wrong.value)
    for shown in ("wJalr", "lowercase_secret", "AKIAIOS", "eyJ", "seven77"):
        assert shown not in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_key_ids_are_shown_and_secrets_are_not(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f'name = "t"\nvantage = "operator"\n{S3}{SECRETS}')
    made = load_target(
        path,
        environment={"AWS_ACCESS_KEY_ID": "ID", "AWS_SECRET_ACCESS_KEY": "a-long-secret", "TOKEN": "another-one"},
    )
    assert set(made.secrets()) == {"a-long-secret", "another-one"}


def test_an_unset_variable_of_an_expected_section_is_an_error_and_of_another_unset(tmp_path: Path) -> None:
    made = read(tmp_path, f'expects = ["s3"]\n{S3}{SECRETS}')
    with pytest.raises(ProbeError, match="variable AWS_ACCESS_KEY_ID is not set, and the target expects 's3'"):
        made.credential("AWS_ACCESS_KEY_ID")
    with pytest.raises(target.Unset):
        made.credential("TOKEN")


def test_the_variables_of_a_table_below_a_section_are_held_and_struck_out(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(
        'name = "x"\nvantage = "runner"\n[attic]\napi = "http://attic.example"\n[attic.tokens]\nexpired_env = "OLD_TOKEN"\n'
    )
    target = load_target(path, {"OLD_TOKEN": "an-old-token-of-a-test"})
    assert target.credential("OLD_TOKEN") == "an-old-token-of-a-test"
    assert target.secrets() == ("an-old-token-of-a-test",)
    path.write_text(path.read_text().replace("OLD_TOKEN", "eyJhbGciOi"))
    with pytest.raises(TargetError, match=r"key 'attic.tokens.expired_env': expected the name of a variable") as wrong:
        load_target(path, {})
    assert "eyJ" not in str(wrong.value)
