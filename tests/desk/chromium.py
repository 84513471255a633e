"""Debian's Chromium, driven by Playwright, before a desk that listens on a port of this machine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from podium.desk.context import Desk
from podium.desk.serve import Place, server
from tests.report.browser import installed


@contextmanager
def opened() -> Iterator[Browser]:
    """A headless browser."""
    expect.set_options(timeout=60_000)  # as long as an action may take; a page's first request may import much
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=installed(), args=["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def listening(desk: Desk, port: int) -> Iterator[None]:
    """Serve a desk in a thread."""
    serving = server(desk, Place(port=port))
    thread = threading.Thread(target=serving.run)
    thread.start()
    try:
        while not serving.started:
            assert thread.is_alive(), "the desk did not start"
            time.sleep(0.01)
        yield
    finally:
        serving.should_exit = True
        thread.join()
        desk.errands.close()


def artifacts(folder: Path) -> Path:
    """Where pictures go: the folder that CI keeps, or a temporary one."""
    kept = os.environ.get("PODIUM_ARTIFACTS")
    target = Path(kept) / "review-desk" if kept else folder
    target.mkdir(parents=True, exist_ok=True)
    return target
