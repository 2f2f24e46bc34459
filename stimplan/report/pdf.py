"""The report as PDF, from the same page: by WeasyPrint where it is installed, else by a browser found on the machine.

Neither is needed for anything else, so neither is a dependency of the program: `pip install 'stimplan[pdf]'` brings
WeasyPrint (BSD licence), which in turn needs the system library Pango; Chromium, Chrome or Edge print the page as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from stimplan.errors import MissingExtra, ResourceError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
# Where they are installed on systems that do not put programs on the path.
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
_PATIENCE_S = 120
_NONE = (
    "a PDF of the report needs WeasyPrint (pip install 'stimplan[pdf]', and the system library Pango) or one of "
    "Chromium, Chrome and Edge on this machine{why}; or open report.html in any browser and print it to a file"
)


def pdf_bytes(html: str) -> bytes:
    """Print a page that loads nothing as PDF, A4.

    Raises
    ------
    MissingExtra
        There is nothing that can print it.
    ResourceError
        The browser that was found failed.
    """
    why = ""
    if find_spec("weasyprint") is not None:
        try:
            return _by_weasyprint(html)
        except OSError as error:  # Pango is a system library, and it is not there
            why = f"; WeasyPrint is installed, but {' '.join(str(error).split())[:120]}"
    browser = found_browser()
    if browser is None:
        raise MissingExtra(_NONE.format(why=why))
    return _by_browser(html, browser)


def found_browser() -> str | None:
    """A browser that can print without a window, or None."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    return next((place for place in _PLACES if Path(place).is_file()), None)


def _by_weasyprint(html: str) -> bytes:
    import weasyprint
    from weasyprint.urls import URLFetcher

    # The pictures are in the page; nothing else is fetched, neither from the disk nor from the network.
    fetcher = URLFetcher(allowed_protocols=("data",), fail_on_errors=True)
    made: bytes = weasyprint.HTML(string=html, url_fetcher=fetcher, media_type="print").write_pdf()
    return made


def _by_browser(html: str, browser: str) -> bytes:
    """Print by a browser in a folder of its own, without network."""
    # Some browsers come in a box of their own that cannot see /tmp; the home folder they can.
    with tempfile.TemporaryDirectory(prefix="stimplan-pdf-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, made = folder / "report.html", folder / "report.pdf"
        page.write_text(html, encoding="utf-8")
        options = [
            "--headless=new", "--disable-gpu", "--no-first-run", "--disable-extensions",
            "--disable-background-networking",
            f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer",
            f"--print-to-pdf={made}", page.as_uri(),
        ]  # fmt: skip
        if sys.platform != "win32" and os.geteuid() == 0:
            options.insert(
                0, "--no-sandbox"
            )  # root has no sandbox to give; the page is our own and runs no script of others
        try:
            subprocess.run([browser, *options], capture_output=True, timeout=_PATIENCE_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ResourceError(f"{browser} did not print the report: {error}") from None
        if not made.is_file() or not made.read_bytes().startswith(b"%PDF"):
            raise ResourceError(f"{browser} did not print the report; open report.html in it and print it to a file")
        return made.read_bytes()
