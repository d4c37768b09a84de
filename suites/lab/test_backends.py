"""The backend of a checkout beside the target that is asked: another server, a variable that names no file, two labs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_gf.lab import Lab, model

RECORD = "tofu/stacks/attic/.terraform/terraform.tfstate"


def recorded(endpoint: str) -> str:
    config = {"bucket": "tofu-state", "key": "attic/terraform.tfstate", "use_lockfile": True}
    return json.dumps({"version": 3, "backend": {"type": "s3", "config": config | {"endpoints": {"s3": endpoint}}}})


def test_a_plan_on_another_server_than_the_targets_is_violated(lab: Lab, run_pytest: Any, tmp_path: Path) -> None:
    model.lay(tmp_path / "m", [])
    checkout = tmp_path / "m" / "repository"
    record = checkout / RECORD
    record.parent.mkdir()
    ask = ("-m", "guard", "-k", "materialized or locking", "--gf-stack=attic", f"--gf-repository={checkout}")
    for endpoint, verdict in ((lab.addresses["s3"], "holds"), ("http://127.0.0.1:9", "violated")):
        record.write_text(recorded(endpoint))
        outcome = run_pytest(*ask, f"--gf-target={lab.target_file}", environment=dict(lab.environment), lean=True)
        assert "stack.materialized[attic]" in outcome.rows(verdict), outcome.text
        assert "state.locking-on[attic]" in outcome.rows("holds")
    record.write_text(recorded("http://127.0.0.1:9"))
    named = run_pytest(
        *ask,
        f"--gf-target={lab.target_file}",
        environment=dict(lab.environment) | {"TF_WORKSPACE": "dev", "TOFU_BACKEND_CONFIG_DIR": "nowhere"},
        lean=True,
    )
    assert "stack.materialized[attic]" in named.rows("unproven")
    assert "TOFU_BACKEND_CONFIG_DIR has no file of attic" in named.text
