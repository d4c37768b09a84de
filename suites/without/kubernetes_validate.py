"""Stands before a library of the tests' extra: no run of the suite imports it, as it is where only the package is installed.

`kubernetes` imports it where it finds it, and with it a grammar that jsonschema compiles for over a second.
"""

raise ModuleNotFoundError("not installed", name=__name__)
