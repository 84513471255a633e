"""Data Docs: written without a network, and opened without one."""

from __future__ import annotations

import socket
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from podium.errors import ConfigError
from podium.validation import Suite, validate_dataset
from podium.validation.docs import write_data_docs
from tests.report.browser import Browser, installed
from tests.validation.defects import rare_class, repeated
from tests.validation.made import Arrays, dataset, only

EVIL = (
    "left",
    "middle",
    "<script src='https://example.org/x.js'></script><img src=x onerror=alert(1)> $x ${y} {observed}",
)

SUITE = only("all_classes")


class Elements(HTMLParser):
    """What a page consists of."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of data whose class names are hostile; written twice to the same place, without a network."""
    given = dataset(rare_class, names=EVIL)
    report = validate_dataset(given, SUITE, {})
    folder = tmp_path_factory.mktemp("docs") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was tried"))
        for _ in range(2):
            write_data_docs(report, SUITE, folder)
    return folder


@pytest.mark.slow
def test_every_page_stands_alone(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {"index.html", "train.html", "validation.html", "test.html"} <= {page.name for page in pages}
    for page in pages:
        elements = Elements(page).found
        assert not {"script", "link", "iframe", "base", "img"} & {tag for tag, _ in elements}, page
        assert not [name for _, attributes in elements for name in attributes if name.startswith(("on", "src"))], page
        assert "url(" not in page.read_text()
        assert "alert(1)" not in " ".join(str(value) for _, attributes in elements for value in attributes.values())
    assert not [file for file in site.rglob("*") if file.is_file() and file not in pages and file.suffix]


@pytest.mark.slow
def test_the_index_leads_to_all_pages_and_says_how_they_ended(site: Path) -> None:
    links = [attributes["href"] or "" for tag, attributes in Elements(site / "index.html").found if tag == "a"]
    reached = {(site / unquote(link)).resolve() for link in links if ".html" in link}
    assert reached == {page.resolve() for page in site.rglob("*.html") if page.name != "index.html"}
    assert "failed" in (site / "index.html").read_text()
    for page in (site / "validations").rglob("test.html"):
        assert "Images of each class" in page.read_text()
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.read_text()
        back = [attributes["href"] or "" for tag, attributes in Elements(page).found if tag == "a"]
        assert any((page.parent / link).resolve() == (site / "index.html").resolve() for link in back)


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    given = dataset()
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="other than Data Docs"):
        write_data_docs(validate_dataset(given, SUITE, {}), SUITE, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_a_browser_without_a_network_renders_it(site: Path) -> None:
    with Browser(installed()) as browser:
        browser.call(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
        )
        browser.open(site / "index.html", width=1200)
        assert browser.evaluate("document.querySelectorAll('.tab-pane li a').length") == 6
        browser.open(next((site / "validations").rglob("test.html")), width=390)
        assert browser.evaluate("document.body.innerText.includes('Images of each class')")
        assert (
            browser.evaluate("getComputedStyle(document.querySelector('i.text-danger'), '::before').content") == '"✗"'
        )
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert all(address.startswith("file:") for address in browser.requests)
        assert not browser.console


@pytest.mark.slow
def test_pages_tell_run_data_and_severity(tmp_path: Path) -> None:
    """Great Expectations' status knows no severity: a set that may be trained on must not read "Failed" alone."""

    def defects(arrays: Arrays) -> None:
        rare_class(arrays)  # critical, in test
        repeated(arrays)  # a warning, in train

    given = dataset(defects)
    given = replace(given, manifest=given.manifest.model_copy(update={"name": "<b>made</b>"}))
    members = (*only("duplicates_within").expectations, *SUITE.expectations)
    suite = Suite(name="two", expectations=members)
    write_data_docs(validate_dataset(given, suite, {}), suite, tmp_path / "site")
    pages = {page.stem: page.read_text() for page in (tmp_path / "site" / "validations").rglob("*.html")}
    ends = {"train": "No critical failure (1 warning)", "validation": "Succeeded", "test": "Failed (1 critical)"}
    for split, words in ends.items():
        status = pages[split].partition("Status:")[2].partition("</span>")[2].partition("</span>")[0]
        assert status.partition("</i>")[2].strip() == words
        assert ("text-danger" in status) is (split == "test")
        assert "__none__" not in pages[split]
        assert "Data asset: None" not in pages[split]
        assert "<b>made" not in pages[split]
        assert given.manifest.digest[:12] in pages[split]
        assert "warning: Duplicates within a split: " in pages[split]
        assert "critical: Images of each class: " in pages[split]
    index = (tmp_path / "site" / "index.html").read_text()
    assert "two, train</a>: 2 expectations, failed: 1 warning<" in index
    assert "two, validation</a>: 2 expectations, all hold<" in index
    assert "two, test</a>: 2 expectations, failed: 1 critical<" in index
    asked = next((tmp_path / "site" / "expectations").glob("*train.html")).read_text()
    assert "warning: Duplicates within a split: at most 1 % of the images (duplicates_within, expect_" in asked
