"""``python -m pytest_gf.reports``: what can be done with the records of runs."""

from pytest_gf.engine.reports.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main())
