"""Draw docs/img/report.png: the report of a match of the shipped recordings, in a real browser.

    .venv/bin/python scripts/report_picture.py [REPORT.html]

Without an argument the match is made first, as ``make demo`` makes it. Needs Chromium and
Playwright (the ``dev`` extra).
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs/img/report.png"
WIDTH, HEIGHT = 1080, 1090
LARGEST = 300_000
"""Bytes that the picture may have."""


def main() -> None:
    """Make the match where none is named, and the picture."""
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:]:
            page = Path(sys.argv[1])
        else:
            command = [sys.executable, "-m", "dialin", "demo", "-o", folder]
            subprocess.run(command, cwd=ROOT, check=True)
            page = Path(folder) / "report.html"
        picture(page)
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size // 1000} kB")
    if size > LARGEST:
        sys.exit(f"the picture has {size} bytes; {LARGEST} are allowed")


def picture(page: Path) -> None:
    """Take the page's first screen, half-way through a loop."""
    browser_path = which("chromium") or which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        sheet = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        sheet.goto(page.resolve().as_uri())
        sheet.evaluate("dialinPlayer.setRegion(0, 0.4, 1.9), dialinPlayer.seek(1.1)")
        sheet.screenshot(path=PICTURE)
        browser.close()
    shrink(PICTURE)


def shrink(path: Path) -> None:
    """Bring a picture to 256 colours, which a page of few colours does not miss."""
    from PIL import Image

    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    main()
