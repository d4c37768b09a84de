"""Honey's House without its facts and clauses, for tests that bring a few of their own."""

from dataclasses import replace

from pytest_gf.honey import HOUSE as HONEY

HOUSE = replace(HONEY, name="small", facts=None, suites=None)
