"""Two people approve the same version in two processes at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from podium.registry.log import EventLog
from podium.registry.state import fold
from tests.registry.support import House

pytestmark = pytest.mark.slow

PERSON = """
import sys, time
from pathlib import Path
from podium.errors import ReviewError
from podium.registry import promotion, tracking
from podium.settings import Settings
settings = Settings.from_environment()
client = tracking.client(settings)
Path(sys.argv[2]).touch()
while not Path(sys.argv[3]).exists():
    time.sleep(0.001)
try:
    promotion.approve(settings, "podium-2", reason="good", actor=sys.argv[1], client=client)
    print("approved")
except ReviewError as error:
    print(error.message)
"""


def test_one_of_two_approvals_wins(house: House, tmp_path: Path) -> None:
    house.open(0)
    house.open(1)
    environ = {**os.environ, "PODIUM_STATE": str(house.settings.state), "PODIUM_ROOT": str(tmp_path)}
    environ.pop("PODIUM_TRACKING_URI", None)
    go = tmp_path / "go"
    ready = [tmp_path / f"ready-{i}" for i in range(2)]
    people = [
        subprocess.Popen(
            [sys.executable, "-c", PERSON, f"user{i}", str(ready[i]), str(go)],
            env=environ, stdout=subprocess.PIPE, text=True,
        )
        for i in range(2)
    ]  # fmt: skip
    while not all(file.exists() for file in ready):
        assert all(person.poll() is None for person in people)
        time.sleep(0.01)
    go.touch()
    answers = sorted(person.communicate()[0].strip() for person in people)
    assert answers[0] == "approved"
    assert answers[1].startswith("podium-2 is already decided: approved by user")
    assert house.aliases() == {"champion": 2, "challenger": 1}
    log = EventLog(house.settings.reviews)
    log.verify()
    assert [event.kind for event in log.events()] == ["opened", "opened", "approved", "applied"]
    assert fold(log.events(), "podium").champions == (2,)
