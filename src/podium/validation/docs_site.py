"""Make Great Expectations' Data Docs self-contained: no scripts, and styles, fonts and pictures of no other server."""

from __future__ import annotations

import html
import shutil
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Final, get_args
from urllib.parse import quote

from podium.validation.results import CheckResult, Severity, ValidationReport

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_ENDS: Final = ("Failed", "Succeeded")
"""Great Expectations' words for a page's status."""
_DROPPED: Final = ("script", "style", "button", "footer")
"""With what they hold: without scripts, buttons do nothing."""
_FETCHED: Final = ("link", "base", "img", "iframe", "embed", "object", "source", "video", "audio")
"""Elements that a browser fetches something for; Great Expectations' pictures are its logos."""
_PANES: Final = {"Validation-Results": "validations", "Expectation-Suites": "expectations"}
"""Tabs of the index, whose tables a script would fill, and the folders of their pages."""


def make_self_contained(site: Path, report: ValidationReport) -> None:
    """Rewrite every page of a rendered site, in place: what a browser would fetch from elsewhere goes, links stay.

    The index gets plain lists of the pages instead of tables filled by scripts. What is under ``static`` goes as well.

    Args:
        site: The folder that Great Expectations wrote.
        report: What it shows; tells how many expectations of each split failed, and how severe that is.
    """
    style = files("podium.validation").joinpath("templates/data_docs.css").read_text(encoding="utf-8")
    for page in sorted(site.rglob("*.html")):
        lists = {pane: _list(site, folder, report) for pane, folder in _PANES.items()} if page.parent == site else {}
        of = [r for r in report.results if r.split == _split(page)] if site / "validations" in page.parents else None
        rewriter = _Rewriter(style, lists, of)
        rewriter.feed(page.read_text(encoding="utf-8"))
        rewriter.close()
        page.write_text("".join(rewriter.out), encoding="utf-8")
    shutil.rmtree(site / "static", ignore_errors=True)


def _list(site: Path, folder: str, report: ValidationReport) -> str:
    """Links to the pages of one kind, in the order of the report's splits."""
    order: list[str] = list(dict.fromkeys(result.split for result in report.results))
    lines = []
    for page in sorted((site / folder).rglob("*.html"), key=lambda file: (order.index(_split(file)), str(file))):
        split = _split(page)
        words = html.escape(f"{report.suite}, {split}")
        told = _told([r for r in report.results if r.split == split]) if folder == "validations" else ""
        lines.append(f'<li><a href="{quote(page.relative_to(site).as_posix())}">{words}</a>{told}</li>')
    return f"<ul>{''.join(lines)}</ul>"


def _split(page: Path) -> str:
    """``validations/…/train.html`` and ``expectations/SUITE train.html``."""
    return page.stem.rpartition(" ")[2]


def _told(results: Sequence[CheckResult]) -> str:
    failed = _failed(results)
    return f": {len(results)} expectations, {f'failed: {failed}' if failed else 'all hold'}"


def _failed(results: Sequence[CheckResult]) -> str:
    """How many of each severity: ``1 critical, 2 warning``."""
    counts = Counter(result.severity for result in results if not result.success)
    return ", ".join(f"{counts[severity]} {severity}" for severity in get_args(Severity) if counts[severity])


def _status(results: Sequence[CheckResult]) -> tuple[str, str]:
    """Words and icon: Great Expectations says "Failed" also where no failure is critical."""
    failed = _failed(results)
    if not failed:
        return "Succeeded", "fas fa-check-circle text-success"
    if any(not result.success and result.severity == "critical" for result in results):
        return f"Failed ({failed})", "fas fa-times text-danger"
    return f"No critical failure ({failed})", "fas fa-exclamation-triangle text-warning"


class _Rewriter(HTMLParser):
    """Repeats a page without what is dropped."""

    def __init__(self, style: str, lists: dict[str, str], results: Sequence[CheckResult] | None) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []
        self._style = style
        self._lists = lists
        self._inside = 0
        """Dropped elements that are open."""
        self._status = _status(results) if results is not None else None
        """Of the page, until it is told."""
        self._told = False
        """Whether the word that follows is the status."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._inside += 1
        if self._told and self._status and tag == "i":
            attrs = [(name, self._status[1] if name == "class" else value) for name, value in attrs]
        given = dict(attrs)
        if self._inside or tag in _FETCHED:
            self.out.append("" if self._inside else html.escape(given.get("alt") or ""))
            return
        kept = [(name, value) for name, value in attrs if not name.startswith("on")]
        words = "".join(f" {name}" if value is None else f' {name}="{html.escape(value)}"' for name, value in kept)
        self.out.append(f"<{tag}{words}>")
        if tag == "head":
            policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            self.out.append(f'<meta charset="utf-8">{policy}<style>{self._style}</style>')
        self.out.append(self._lists.get(given.get("id") or "", ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _DROPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED:
            self._inside = max(0, self._inside - 1)
        elif not self._inside:
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._inside:
            return
        word = data.strip()
        if self._told and self._status and word in _ENDS:
            data, self._status, self._told = data.replace(word, self._status[0]), None, False
        self._told = self._told or (word == "Status:" and self._status is not None)
        self.out.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self.out.append(f"<!{decl}>")
