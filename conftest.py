"""Loads the facts of this house for every clause below."""

from __future__ import annotations

from pathlib import Path

from pytest_gf import facts_in

globals().update(facts_in(Path(__file__).parent / "fixtures"))
