"""A decision is recorded at once and carried out in the background; pages tell how far it is, also after a crash."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import yaml

from podium.config.desk import DeskConfig
from podium.desk.context import Desk
from podium.desk.errands import Errands, Work
from podium.desk.progress import Progress, progress_of
from podium.errors import ReviewError
from podium.registry import promotion
from podium.registry.log import EventLog
from podium.registry.state import Review
from podium.registry.sync import sync
from tests.desk.conftest import ME
from tests.desk.support import Page
from tests.registry.support import House


class Waiting:
    """Errands that begin when a test says so."""

    def __init__(self) -> None:
        self.left: list[Work] = []

    def __call__(self, work: Work) -> None:
        self.left.append(work)

    def go_on(self) -> None:
        while self.left:
            self.left.pop(0)()


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def slow(house: House, waiting: Waiting) -> Desk:
    """A desk whose promotions take their time."""
    origins = frozenset({"http://127.0.0.1:8240"})
    return Desk(house.settings, DeskConfig(), origins, lambda _: None, alone=ME, errands=Errands(start=waiting))


def kinds(house: House) -> list[str]:
    return [event.kind for event in EventLog(house.settings.reviews).events()]


@pytest.mark.slow
def test_the_page_does_not_wait_for_the_promotion(house: House, slow: Desk, waiting: Waiting) -> None:
    house.open(0)
    page = Page(slow).decide("podium-1", "approve")
    assert page.path == "/reviews/podium-1?said=recorded"
    assert "The decision is recorded. It is being promoted, which takes some seconds." in page.words
    assert 'data-under-way="yes"' in page.text
    assert "/static/progress.js" in page.text
    assert "podium-1 being promoted" in page.get("/").words
    assert "was not carried out completely" not in page.words, "it is under way"
    assert "was not carried out" not in page.get("/audit").words
    assert kinds(house) == ["opened", "approved"]
    assert "champion" not in house.aliases()
    waiting.go_on()
    page.get("/reviews/podium-1?said=recorded")
    assert "The decision is recorded. It has been promoted." in page.words
    assert "progress.js" not in page.text
    assert "under-way" not in page.text
    assert kinds(house) == ["opened", "approved", "applied"]
    assert house.aliases()["champion"] == 1


@pytest.mark.slow
def test_after_a_crash_the_page_says_so_and_the_next_decision_carries_both_out(
    house: House, slow: Desk, waiting: Waiting, alone: Desk
) -> None:
    for seed in range(2):
        house.open(seed)
    Page(slow).decide("podium-1", "approve")
    waiting.left.clear()  # the process was killed
    page = Page(alone).get("/reviews/podium-1")
    assert "The decision stands, and was not carried out yet" in page.words
    assert "It is to be the champion." in page.words
    assert "podium-1 not promoted yet" in page.get("/").words
    assert "decision 3 of the log was not carried out completely" in page.get("/").words
    page.decide("podium-2", "reject")
    assert kinds(house) == ["opened", "opened", "approved", "rejected", "applied"]
    assert house.aliases() == {"champion": 1}
    assert "not carried out" not in page.get("/reviews/podium-1").words


@pytest.mark.slow
def test_what_a_crash_left_is_carried_out_by_sync(house: House, slow: Desk, waiting: Waiting, alone: Desk) -> None:
    house.open(0)
    Page(slow).decide("podium-1", "approve")
    sync(house.settings, client=house.client)
    assert house.aliases()["champion"] == 1
    waiting.go_on()  # comes second, and finds nothing to do
    assert kinds(house) == ["opened", "approved", "applied"]
    assert "not carried out" not in Page(alone).get("/reviews/podium-1").words


@pytest.mark.slow
def test_a_carrier_is_asked_and_what_it_says_is_shown(house: House, alone: Desk) -> None:
    asked: list[tuple[str, int]] = []

    def carriers(say: Callable[[str], None]) -> promotion.Carrier:
        def carry(review: Review, decision: int) -> bool:
            asked.append((review.id, decision))
            say("promoting without a pipeline run: <b>it is gone</b>")
            return False

        return carry

    alone.carriers = carriers
    house.open(0)
    page = Page(alone).decide("podium-1", "approve")
    assert asked == [("podium-1", 2)]
    assert house.aliases()["champion"] == 1
    assert "promoting without a pipeline run: <b>it is gone</b>" in page.words
    assert "<b>it" not in page.text
    assert "without a pipeline run" not in page.get("/reviews/podium-1").words, "told to who decided, when they did"


@pytest.mark.slow
def test_what_must_not_be_promoted_is_told(house: House, alone: Desk) -> None:
    def refuse(review: Review, decision: int) -> bool:
        raise ReviewError("changed since", remedy="run `podium review audit`")

    alone.carriers = lambda _: refuse
    house.open(0)
    page = Page(alone).decide("podium-1", "approve")
    assert "The decision stands, and was not carried out: changed since" in page.words
    assert "run `podium review audit`" in page.words
    assert "champion" not in house.aliases()


@pytest.mark.slow
def test_a_mistake_of_the_desk_does_not_leave_it_under_way(house: House, alone: Desk) -> None:
    def broken(review: Review, decision: int) -> bool:
        raise ZeroDivisionError

    alone.carriers = lambda _: broken
    house.open(0)
    page = Page(alone).decide("podium-1", "approve")
    assert "was not carried out: the desk made a mistake" in page.words
    assert alone.errands.under_way == frozenset()


@pytest.mark.slow
def test_notices_that_failed_are_shown_after_the_decision(house: House, alone: Desk) -> None:
    folder = house.folder / "configs"
    folder.mkdir()
    hook = {"name": "chat", "url": "http://127.0.0.1:9/", "attempts": 1, "timeout": 1}
    (folder / "notify.yaml").write_text(yaml.safe_dump({"webhooks": [hook]}))
    house.open(0)
    page = Page(alone).decide("podium-1", "reject")
    assert "the notice that podium-1 was rejected did not go out" in page.words
    assert "did not go out" not in page.get("/reviews/podium-1").words


@pytest.mark.slow
def test_a_rollback_is_carried_out_in_the_background_too(
    house: House, slow: Desk, waiting: Waiting, alone: Desk
) -> None:
    for seed in range(2):
        house.open(seed)
        Page(alone).decide(f"podium-{seed + 1}", "approve")
    page = Page(slow).get("/models/podium/rollback")
    page.send(page.form("/rollback"), reason="drifts")
    page.send(page.form("/rollback"))
    assert "The rollback is recorded. It is being promoted" in page.words
    assert "made champion again being carried out drifts" in page.words
    assert house.aliases()["champion"] == 2
    waiting.go_on()
    assert "The rollback is recorded. It has been promoted." in page.get(page.path).words
    assert house.aliases()["champion"] == 1
    assert "recorded." not in page.get("/history?said=1").words, "an address may claim anything"


@pytest.mark.slow
def test_errands_run_one_after_the_other_in_a_thread_and_are_waited_for(house: House) -> None:
    """With the real thread: decided while the first one is under way, done when the desk ends."""
    for seed in range(2):
        house.open(seed)
    began, going, ran = threading.Event(), threading.Event(), []

    def carriers(_: Callable[[str], None]) -> promotion.Carrier:
        def carry(review: Review, decision: int) -> bool:
            ran.append((threading.current_thread().name.partition("_")[0], decision))
            began.set()
            assert going.wait(30)
            return False

        return carry

    desk = Desk(
        house.settings, DeskConfig(), frozenset({"http://127.0.0.1:8240"}), lambda _: None, alone=ME, carriers=carriers
    )
    page = Page(desk).decide("podium-1", "approve")
    assert began.wait(30)
    assert "It is being promoted" in page.words
    page.decide("podium-2", "approve")
    assert kinds(house)[2:] == ["approved", "approved"]
    assert desk.errands.under_way == {3, 4}
    going.set()
    desk.errands.close()
    assert ran == [("desk-errands", 3), ("desk-errands", 4)]
    assert desk.errands.under_way == frozenset()
    assert house.aliases()["champion"] == 2


def test_only_the_last_hundred_are_remembered(house: House) -> None:
    house.open(0)
    waiting = Waiting()
    errands = Errands(start=waiting)
    taken: list[promotion.Recorded] = []
    promotion.approve(house.settings, "podium-1", reason="x", client=house.client, later=taken.append)
    errands.take(taken[0])
    state = promotion.fold(EventLog(house.settings.reviews).events(), "podium")
    assert progress_of(2, state, errands) == Progress("under way")
    waiting.go_on()
    assert progress_of(2, state, errands).state == "done", "whenever the state was read"
    done = errands.of(2)
    assert done is not None
    for number in range(3, 110):
        errands._put(number, done)
    assert errands.of(2) is None
    assert errands.of(109) is not None
