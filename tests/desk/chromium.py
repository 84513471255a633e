"""Debian's Chromium, driven by Playwright, before a desk that listens on a port of this machine."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from podium.desk.context import Desk
from podium.desk.serve import Place, server
from tests.needs import obtain
from tests.report.browser import find_chromium


def installed() -> str:
    """The path of a Chromium; installed where root and apt are there, else the test is skipped."""
    return obtain(find_chromium, "Chromium", ("chromium",))


@contextmanager
def opened() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=installed(), args=["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
        )
        try:
            yield browser
        finally:
            browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
