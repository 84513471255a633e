"""Heavy pages are bounded: whoever asks for too many is refused at once, and the others' pages are answered."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from podium.desk import samples
from podium.desk.context import Desk
from podium.desk.places import Places
from podium.desk.refusals import Refused
from podium.desk.samples import SampleCache, Samples
from podium.registry import chain
from tests.desk.support import Page
from tests.registry.support import House

NOTHING = Samples((), 0, 0, 0, 0, 0, 0)


def test_a_place_is_free_again_after_an_error() -> None:
    places = Places(1, wait=7)
    with pytest.raises(KeyError), places.taken():
        raise KeyError
    with places.taken(), pytest.raises(Refused) as refused, places.taken():
        pass
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "7"})
    with places.taken():
        pass


@pytest.mark.slow
def test_samples_that_are_known_do_not_wait_and_the_others_are_bounded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, begun, computed = threading.Event(), threading.Event(), list[str]()
    first = house.open(0)
    second = first.model_copy(update={"id": "podium-2"})

    def slow(_settings: object, review: Any, *_: object) -> Samples:
        computed.append(review.id)
        if review.id == "podium-2":
            begun.set()
            assert going.wait(30)
        return NOTHING

    monkeypatch.setattr(samples, "sample", slow)
    cache, places = SampleCache(), Places(3, wait=10)

    def ask(review: Any) -> Samples:
        return cache.of(house.settings, review, None, None, places)

    ask(first)
    with ThreadPoolExecutor(40) as pool:
        try:
            asked = [pool.submit(ask, second) for _ in range(40)]
            assert begun.wait(30)
            refused = [future for future in asked if _refused(future)]
            assert len(refused) == 37
            assert ask(first) is NOTHING, "known: given while another is computed"
        finally:
            going.set()
        answers = [future.result(30) for future in asked if future not in refused]
    assert len(answers) == 3
    assert computed == ["podium-1", "podium-2"], "those who waited found it computed"


def _refused(future: Any) -> bool:
    try:
        return isinstance(future.exception(1), Refused)
    except TimeoutError:
        return False


@pytest.mark.slow
def test_pages_that_fetch_are_refused_when_too_many_do(alone: Desk, house: House, monkeypatch: Any) -> None:
    house.open(0)
    alone.heavy = Places(1, wait=10)
    page, asked = Page(alone), list[int]()
    explain = chain.explain

    def looked_at_meanwhile(*arguments: Any, **named: Any) -> Any:
        for path in ("lineage", "documents/report", "documents/dossier", "samples"):
            other = Page(alone).get(f"/reviews/podium-1/{path}")
            asked.append(other.status)
            assert other.answer.headers["retry-after"] == "10"
            assert "load the page again in 10 seconds" in other.words
        for path in ("/", "/reviews/podium-1", "/history", "/audit"):
            assert Page(alone).get(path).status == 200
        return explain(*arguments, **named)

    monkeypatch.setattr(chain, "explain", looked_at_meanwhile)
    assert page.get("/reviews/podium-1/lineage").status == 200
    assert asked == [503] * 4


@pytest.mark.slow
def test_who_looks_on_compares_no_files(shared: Desk, house: House) -> None:
    house.open(0)
    eve, bob = Page(shared).log_in("eve"), Page(shared).log_in("bob")
    form = bob.get("/audit").form("/audit")
    assert 'action="/audit"' not in eve.get("/audit").text
    form.fields["csrf"] = eve.form("/logout").fields["csrf"]
    assert eve.send(form).status == 403
    assert "may not compare all files" in eve.words
    assert bob.send(bob.form("/audit")).status == 200
    with shared.audits.taken():
        bob.get("/audit").send(bob.form("/audit"))
    assert bob.status == 503
    assert bob.answer.headers["retry-after"] == "30"
