"""``python -m pytest_gf.pages.screenshots RUN``: pictures of a run's index.html beside it, as a desk and a phone show it.

It needs the extra ``test`` and Debian's package ``chromium``.
"""

from __future__ import annotations

import sys
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
SIZES = {1280: 1500, 390: 1500}
"""Widths and heights in pixels."""


def shoot(page: Path, *, scheme: str = "light", full: bool = False) -> list[Path]:
    """Write a picture of a page for each width, and return them. ``full`` shows all of it, else what a first look shows."""
    from playwright.sync_api import sync_playwright

    pictures = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width, height in SIZES.items():
            view = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
            )
            view.goto(page.resolve().as_uri())
            picture = page.with_name(f"{page.stem}-{width}.png")
            view.screenshot(path=picture, full_page=full)
            pictures.append(picture)
        browser.close()
    return pictures


if __name__ == "__main__":
    if not sys.argv[1:] or not (Path(sys.argv[1]) / "index.html").is_file() or not CHROMIUM.is_file():
        raise SystemExit(f"{__doc__}\nExpected the folder of a run with its index.html, and {CHROMIUM}.")
    sys.stdout.writelines(f"{picture}\n" for picture in shoot(Path(sys.argv[1]) / "index.html"))
