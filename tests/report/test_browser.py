"""The report in a real browser: it asks for nothing, fits a phone, and can be read in both colour schemes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.report import render_report
from tests.report.browser import Browser, installed
from tests.report.conftest import HOSTILE, make_report

pytestmark = pytest.mark.slow

# Text whose colour has too little contrast with what it stands on (WCAG AA: 4.5, large text 3).
CONTRAST = """
(() => {
  const parse = c => { const v = c.match(/[\\d.]+/g).map(Number); return v.length < 4 ? [...v, 1] : v; };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255;
    return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { const layers = []; for (; e; e = e.parentElement)
    layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    if (!node.textContent.trim()) continue;
    const style = getComputedStyle(node.parentElement), below = ground(node.parentElement);
    const a = light(over(parse(style.color), below)), b = light(below);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5))
      poor.push(node.textContent.trim().slice(0, 30) + " " + ratio.toFixed(2));
  }
  return poor;
})()
"""

# Elements that reach beyond the screen, other than within a region that scrolls by itself.
OVERFLOW = """
[...document.querySelectorAll("body *")].filter(e =>
  !e.closest(".scroll, pre, .hidden") && e.getBoundingClientRect().width &&
  (e.getBoundingClientRect().right > innerWidth + .5 || e.getBoundingClientRect().left < -.5)
).map(e => e.tagName + "." + (e.className.baseVal ?? e.className) + " " + e.textContent.trim().slice(0, 30))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(installed(), timeout=120) as opened:
        yield opened


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with hostile and overlong names."""
    folder = tmp_path_factory.mktemp("report")
    names = (HOSTILE, "an extraordinarily long class name without end " * 2, "Donaudampfschifffahrtsgesellschaft" * 3)
    report = make_report(folder / "data", names, cause="a/very/long/path/" * 12)
    (folder / "report.html").write_text(render_report(report))
    return folder / "report.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_overflows_and_everything_can_be_read(browser: Browser, file: Path, width: int, dark: bool) -> None:
    browser.open(file, width=width, dark=dark)
    assert browser.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(OVERFLOW) == []
    assert browser.evaluate(CONTRAST) == []
    assert browser.evaluate("document.images.length") > 20
    assert browser.evaluate("[...document.images].filter(i => !i.naturalWidth).length") == 0


def test_no_request_leaves_and_nothing_is_complained_about(browser: Browser, file: Path) -> None:
    browser.requests.clear()
    browser.console.clear()
    browser.open(file, width=1280)
    assert [address for address in browser.requests if not address.startswith("data:image/png;")] == [file.as_uri()]
    assert browser.console == []


def test_it_works_in_an_iframe_with_an_empty_sandbox(browser: Browser, file: Path) -> None:
    frame = file.with_name("frame.html")
    quoted = file.read_text().replace("&", "&amp;").replace('"', "&quot;")
    frame.write_text(f'<!doctype html><body><iframe sandbox width="900" height="600" srcdoc="{quoted}"></iframe>')
    browser.console.clear()
    browser.open(frame, width=1000)
    frames = browser.call("Page.getFrameTree")["frameTree"]["childFrames"]
    assert [entry["frame"]["url"] for entry in frames] == ["about:srcdoc"]
    assert browser.console == []
    file.with_name("frame.png").unlink(missing_ok=True)
    browser.screenshot(file.with_name("frame.png"))
    from PIL import Image

    with Image.open(file.with_name("frame.png")) as picture:
        colours = picture.convert("RGB").crop((20, 20, 900, 600)).getcolors(1 << 20)
    assert colours is not None
    assert len(colours) > 50
