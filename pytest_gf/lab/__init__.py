"""The lab: an embedded, bendable honey on loopback, a process of its own with a folder that outlives it."""

from pytest_gf.lab.process import Lab, LabError

__all__ = ["Lab", "LabError"]
