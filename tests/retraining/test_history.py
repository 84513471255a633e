"""The history: looks that found the same are counted, all else stays as it was written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from podium.errors import PodiumError
from podium.retraining.history import History
from podium.retraining.page import render_history
from tests.retraining.made import NOW, OLD


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "retraining.db"


def test_equal_looks_share_an_entry(file: Path) -> None:
    history = History(file, "a")
    assert history.entries() == ()
    for fingerprint in (OLD, OLD, OLD, NOW):
        history.add("checked", fingerprint, reasons=["nothing has changed"])
    first, second = history.entries()
    assert (first.count, first.fingerprint, second.count, second.fingerprint) == (3, OLD, 1, NOW)
    assert first.first < first.last < second.first
    history.add("ended", NOW, run="r")
    history.add("ended", NOW, run="r")
    assert [entry.event for entry in history.entries()] == ["checked", "checked", "ended", "ended"]


def test_retrainings_share_a_file(file: Path) -> None:
    History(file, "a").add("started", NOW)
    History(file, "b").add("checked", NOW)
    assert [entry.event for entry in History(file, "a").entries()] == ["started"]


def test_writers_at_once_lose_nothing(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: History(file, "a").add("started", NOW, number=number), range(40)))
    assert {entry.detail["number"] for entry in History(file, "a").entries()} == set(range(40))


def test_a_damaged_file_is_one_clear_error(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(PodiumError, match=r"retraining.db: the history of retraining cannot be used"):
        History(file, "a").entries()


def test_the_page_tells_what_happened_and_escapes(file: Path) -> None:
    history = History(file, "a")
    history.add("started", NOW, reasons=["new data"], kind="train")
    history.add("ended", NOW, selected="<b>", outcome="blocked", review=None)
    history.add("failed", NOW, cause="no space left")
    history.add("checked", NOW, reasons=["nothing has changed"])
    history.add("checked", NOW, reasons=["nothing has changed"])
    page = render_history("a", history.entries())
    told = ("1 training, 2 looks", "1 failed", "&lt;b&gt; won: blocked; no review", "no space left", "2 times from")
    for words in told:
        assert words in page
    assert page.index("nothing has changed") < page.index("no space left") < page.index("new data"), "the latest first"
    assert "<script" not in page
