"""Eight processes vote at once, on one review and on two: one champion, a quorum behind it, a whole chain."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from podium.registry import rules
from podium.registry.audit import audit
from podium.registry.log import EventLog
from podium.registry.state import fold
from tests.registry.support import House

pytestmark = pytest.mark.slow

# One process imports everything, and makes eight of itself: each opens its own stores.
PEOPLE = """
import json, os, sys, time
from pathlib import Path
import mlflow, podium.bundle
from podium.errors import ReviewError
from podium.registry import promotion, tracking
from podium.settings import Settings
folder, people = Path(sys.argv[1]), json.loads(sys.argv[2])

def vote(name, reviews):
    settings = Settings.from_environment()
    client = tracking.client(settings)
    (folder / f"ready-{name}").touch()
    while len(list(folder.glob("ready-*"))) < len(people):
        time.sleep(0.001)
    told = []
    for review in reviews:
        try:
            outcome = promotion.approve(settings, review, reason="good", actor=name, client=client)
            told.append(f"{review} voted" if outcome.missing else f"{review} promoted")
        except ReviewError as error:
            told.append(f"{review} refused {error.message}")
    (folder / f"told-{name}").write_text("\\n".join(told))

children = []
for name, reviews in people.items():
    child = os.fork()
    if child == 0:
        status = 1
        try:
            vote(name, reviews)
            status = 0
        finally:
            os._exit(status)
    children.append(child)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def house(house: House, request: pytest.FixtureRequest) -> House:
    """Its decision log in either database."""
    if request.param == "postgresql":
        uri = request.getfixturevalue("database").uri
        house.settings = house.settings.model_copy(update={"reviews_uri": uri})
    return house


def vote(house: House, people: dict[str, list[str]]) -> list[str]:
    """What each was told, who votes in a process of their own on these reviews, all from one moment on."""
    environ = {**os.environ, "PODIUM_STATE": str(house.settings.state), "PODIUM_ROOT": str(house.settings.root)}
    environ.pop("PODIUM_TRACKING_URI", None)
    environ["PODIUM_REVIEWS_URI"] = house.settings.reviews_uri or ""
    folder = house.folder / "people"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", PEOPLE, str(folder), json.dumps(people)], env=environ, check=True)
    return [line for file in folder.glob("told-*") for line in file.read_text().splitlines()]


def quorum(house: House, size: int) -> None:
    folder = house.settings.root / "configs"
    folder.mkdir()
    (folder / "promotion.yaml").write_text(f"decision: {{quorum: {size}}}")


def test_on_one_review(house: House) -> None:
    quorum(house, 3)
    house.open(0)
    told = vote(house, {f"user{number % 4}": ["podium-1"] for number in range(4)} | {
        f"user{number}@lab": ["podium-1"] for number in range(4)
    })  # fmt: skip
    assert (told.count("podium-1 voted"), told.count("podium-1 promoted")) == (2, 1)
    assert sum("refused" in line for line in told) == 5
    review = fold(EventLog(house.settings.reviews).events(), "podium").reviews[1]
    assert len({vote.actor.partition("@")[0] for vote in review.votes}) == 3, "four people with two names each"
    assert (house.aliases(), rules.faults(review)) == ({"champion": 1}, [])
    kinds = [event.kind for event in EventLog(house.settings.reviews).events()]
    assert kinds == ["opened", "voted", "voted", "approved", "applied"]
    assert audit(house.settings, client=house.client).findings == ()


def test_on_two_reviews(house: House) -> None:
    quorum(house, 2)
    for seed in range(2):
        house.open(seed)
    names = [f"user{number}@lab" for number in range(8)]
    orders = (["podium-1", "podium-2"], ["podium-2", "podium-1"])
    told = vote(house, {name: orders[number % 2] for number, name in enumerate(names)})
    assert sum(line.endswith("promoted") for line in told) == 2
    assert sum(line.endswith("voted") for line in told) == 2
    state = fold(EventLog(house.settings.reviews).events(), "podium")
    assert sorted(state.champions) == [1, 2]
    assert house.aliases() == {"champion": state.champions[-1]}, "the last decision's version, and no other"
    assert state.pending == ()
    assert all(len({vote.actor for vote in review.votes}) == 2 for review in state.reviews.values())
    assert audit(house.settings, client=house.client).findings == ()
