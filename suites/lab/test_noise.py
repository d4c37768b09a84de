"""A healthy system behind noise on every wire: 503, resets and late answers cost no row."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_gf.lab import Lab
from pytest_gf.lab.mischief import Mischief, Rates

Before = Callable[..., Mischief]
NOISE = Rates(slow=0.05, reset=0.05, late=0.3, latency=0.3)
ENCRYPTED = Rates(reset=0.05, late=0.3, latency=0.3)
"""Nobody can answer 503 in the middle of somebody else's TLS."""
WIRES = {
    "not attic": {"s3.endpoint": NOISE, "bazel.grpc": NOISE, "kubernetes": ENCRYPTED},
    # A redirect to S3 is followed to the address of [s3] alone, so that S3 stands there without a proxy.
    "attic": {"attic.api": NOISE, "attic.https": ENCRYPTED},
}


def noisy(lab: Lab, mischief: Before, rates: dict[str, Rates], seed: int) -> tuple[Path, list[Mischief]]:
    """Return a target of the lab with a proxy before each of these wires, and the proxies."""
    target, kubeconfig = lab.target_file.read_text(), (lab.folder / "kubeconfig").read_text()
    tables, proxies = tomllib.loads(target), []
    for number, (name, rate) in enumerate(rates.items()):
        section, _, key = name.partition(".")
        address = urlsplit(tables[section][key] if key else lab.addresses[name]).netloc
        proxy = mischief(f"http://{address}", rate, seed=seed * 10 + number)
        target, kubeconfig = target.replace(address, proxy.address), kubeconfig.replace(address, proxy.address)
        proxies.append(proxy)
    (lab.folder / "noisy-kubeconfig").write_text(kubeconfig)
    file = lab.folder / "noisy.toml"
    file.write_text(target.replace('"kubeconfig"', '"noisy-kubeconfig"'))
    return file, proxies


@pytest.mark.parametrize("wires", WIRES)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 5))])
def test_noise_costs_no_row(wires: str, seed: int, lab: Lab, mischief: Before, run_pytest: Any) -> None:
    target, proxies = noisy(lab, mischief, WIRES[wires], seed)
    arguments = ("-m", "canary", "-k", wires, f"--gf-target={target}", "--gf-deadline=20")
    outcome = run_pytest(*arguments, lean=True, environment=dict(lab.environment))
    assert outcome.rows("holds") == set(outcome.verdicts()), outcome.text
    assert sum(proxy.done["reset"] + proxy.done["slow"] for proxy in proxies) > 0, [proxy.done for proxy in proxies]
