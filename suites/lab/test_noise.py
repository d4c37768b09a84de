"""A healthy system behind noise on every wire: 503, resets and late answers cost no row."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_gf.lab import Lab
from pytest_gf.lab.mischief import Mischief, Rates

Before = Callable[..., Mischief]
Verdicts = Mapping[str, dict[str, Any]]
Noisy = Callable[[str, int], tuple[Path, list[Mischief]]]
Judge = Callable[[str, Path], Verdicts]
CANARY = ("-m", "canary", "--gf-deadline=20", "-k")
NOISE = Rates(slow=0.05, reset=0.05, late=0.3, latency=0.3)
ENCRYPTED = Rates(reset=0.05, late=0.3, latency=0.3)
"""Nobody can answer 503 in the middle of somebody else's TLS."""
WIRES = {
    "not attic": {"s3.endpoint": NOISE, "bazel.grpc": NOISE, "kubernetes": ENCRYPTED},
    # A redirect to S3 is followed to the address of [s3] alone, so that S3 stands there without a proxy.
    "attic": {"attic.api": NOISE, "attic.https": ENCRYPTED},
}


@pytest.fixture
def noisy(lab: Lab, mischief: Before) -> Noisy:
    """What puts a proxy before some wires of the lab, and returns a target behind them with the proxies."""

    def before(wires: str, seed: int) -> tuple[Path, list[Mischief]]:
        target, kubeconfig = lab.target_file.read_text(), (lab.folder / "kubeconfig").read_text()
        tables, proxies = tomllib.loads(target), []
        for number, (name, rates) in enumerate(WIRES[wires].items()):
            section, _, key = name.partition(".")
            address = urlsplit(tables[section][key] if key else lab.addresses[name]).netloc
            proxy = mischief(f"http://{address}", rates, seed=seed * 10 + number)
            target, kubeconfig = target.replace(address, proxy.address), kubeconfig.replace(address, proxy.address)
            proxies.append(proxy)
        (lab.folder / "noisy-kubeconfig").write_text(kubeconfig)
        file = lab.folder / "noisy.toml"
        file.write_text(target.replace('"kubeconfig"', '"noisy-kubeconfig"'))
        return file, proxies

    return before


@pytest.fixture
def judge(lab: Lab, drill: Any, tmp_path: Path) -> Judge:
    """What judges the canary's rows in this process, over a target of the lab."""
    return lambda wires, target: drill(*CANARY, wires).judge(tmp_path / "reports", lab=lab, target=target).verdicts()


def check(verdicts: Verdicts, proxies: list[Mischief]) -> None:
    """Check that every row holds, although every proxy spoiled something."""
    wrong = {name: row["reason"] for name, row in verdicts.items() if row["verdict"] != "holds"}
    assert verdicts
    assert not wrong
    assert all(proxy.done.total() > proxy.done["well"] for proxy in proxies), [proxy.done for proxy in proxies]


@pytest.mark.parametrize("wires", WIRES)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 21))])
def test_noise_costs_no_row(wires: str, seed: int, noisy: Noisy, judge: Judge) -> None:
    target, proxies = noisy(wires, seed)
    check(judge(wires, target), proxies)


@pytest.mark.slow
@pytest.mark.parametrize("wires", WIRES)
def test_noise_costs_a_whole_run_no_row(wires: str, lab: Lab, noisy: Noisy, run_pytest: Any) -> None:
    target, proxies = noisy(wires, 1)
    outcome = run_pytest(*CANARY, wires, f"--gf-target={target}", lean=True, environment=dict(lab.environment))
    check(outcome.verdicts(), proxies)
