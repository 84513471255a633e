"""One look: alone, recorded, and gone on with after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml
from filelock import FileLock

from podium.config.retraining import RetrainingConfig
from podium.errors import DataError, TrainingFailed, TrainingStopped
from podium.notify import outbox
from podium.notify.notice import RetrainingNotice
from podium.retraining.fingerprint import fingerprint
from podium.retraining.history import CHAMPION_WON
from podium.retraining.round import history_of, looking
from podium.settings import Settings
from tests.notify.servers import Hooks, serving
from tests.retraining.made import events, put


def train(settings: Settings, config: RetrainingConfig) -> bool:
    """Look, and train if that is due. Returns whether."""
    with looking(settings, config, train=True) as found:
        assert found is not None
        if found.due.train:
            found.result = {"run": "r", "outcome": "blocked"}
        return found.due.train


@pytest.mark.slow
def test_it_trains_once_for_each_change(settings: Settings, config: RetrainingConfig) -> None:
    assert [train(settings, config) for _ in range(3)] == [True, False, False]
    put(settings.data, 7)
    assert [train(settings, config) for _ in range(2)] == [True, False]
    assert events(settings, config) == ["started", "ended", "checked", "started", "ended", "checked"]
    assert history_of(settings, config).entries()[2].count == 2


def test_only_looking_begins_nothing(settings: Settings, config: RetrainingConfig) -> None:
    for _ in range(2):
        with looking(settings, config, train=False) as found:
            assert found is not None
            assert found.due.train
    assert events(settings, config) == []


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"seed": 1}, {"config"}),
        ({"candidates": [{"recipe": "simple_cnn", "trainer": {"epochs": 3}}]}, {"config"}),
        ({"retraining": {"champions_recipe": False}}, {"config"}),
        ({"retraining": {"attempts": 9, "watch": ("data",)}}, set()),
    ],
)
def test_what_counts_as_a_change(
    settings: Settings, config: RetrainingConfig, change: dict[str, object], differs: set[str]
) -> None:
    other = RetrainingConfig.model_validate({**config.model_dump(), **change})
    assert set(fingerprint(other, settings).changed(fingerprint(config, settings))) == differs


def test_recipe_and_policy_count(settings: Settings, config: RetrainingConfig) -> None:
    before = fingerprint(config, settings)
    recipe = settings.recipes / "simple_cnn.yaml"
    recipe.write_text(recipe.read_text().replace("epochs: 10", "epochs: 11"))
    assert fingerprint(config, settings).changed(before) == ("config",)
    policy = settings.root / "configs" / "promotion.yaml"
    policy.write_text("decision: {quorum: 2}\n")
    assert fingerprint(config, settings).changed(before) == ("config", "policy")


@pytest.mark.slow
def test_the_recorded_version_counts_before_it_is_fetched(settings: Settings, config: RetrainingConfig) -> None:
    before = fingerprint(config, settings)
    record = settings.root / "data.dvc"
    record.write_text("outs:\n- md5: 0.dir\n  path: data\nmeta:\n  podium:\n    digest: another\n")
    assert fingerprint(config, settings).changed(before) == ("data",)
    with pytest.raises(DataError, match="could not fetch the recorded version"):
        train(settings, config)
    assert events(settings, config) == ["started", "failed"]
    assert settings.data.is_dir(), "what is in place stays"


@pytest.mark.slow
def test_a_failure_is_tried_again_and_not_for_ever(settings: Settings, config: RetrainingConfig) -> None:
    def fail() -> bool:
        with looking(settings, config, train=True) as found:
            assert found is not None
            if not found.due.train:
                assert "no space left" in found.due.told
                return False
            raise TrainingFailed("no space left", remedy="make room")

    for _ in range(3):
        with pytest.raises(TrainingFailed):
            fail()
    assert fail() is False
    assert events(settings, config) == ["started", "failed"] * 3 + ["checked"]


@pytest.mark.slow
def test_a_stop_is_no_failure(settings: Settings, config: RetrainingConfig) -> None:
    for error in [TrainingStopped("a"), KeyboardInterrupt()] * 2:
        with pytest.raises(type(error)), looking(settings, config, train=True):
            raise error
    with looking(settings, config, train=True) as found:
        assert found is not None
        assert found.due.told == "the last run was cut off"


def test_the_second_at_once_leaves_it_to_the_first(settings: Settings, config: RetrainingConfig) -> None:
    with looking(settings, config, train=True) as first:
        assert first is not None
        with looking(settings, config, train=True) as second:
            assert second is None
    assert events(settings, config) == ["started", "overlapped", "ended"]


@pytest.mark.slow
def test_a_killed_run_is_gone_on_with(settings: Settings, config: RetrainingConfig) -> None:
    script = """
import sys
from podium.config.retraining import RetrainingConfig
from podium.retraining.round import looking
from podium.settings import Settings
with looking(Settings.from_environment(), RetrainingConfig.model_validate_json(sys.argv[1]), train=True):
    print("training", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, config.model_dump_json()],
        env={**os.environ, "PODIUM_ROOT": str(settings.root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n"
    lock = FileLock(settings.state / "retraining" / "weekly.lock")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    lock.acquire(timeout=10)
    lock.release()
    assert train(settings, config)
    told = [entry.detail.get("reasons") for entry in history_of(settings, config).entries()]
    assert told == [["nothing was trained before"], ["the last run was cut off"], None]


class TestNotices:
    @pytest.fixture
    def hooks(self, settings: Settings) -> Iterator[Hooks]:
        with serving(Hooks()) as server:
            hook = {"webhooks": [{"name": "chat", "url": server.url}]}
            (settings.root / "configs" / "notify.yaml").write_text(yaml.safe_dump(hook))
            yield server

    def told(self, hooks: Hooks) -> list[tuple[str, tuple[str, ...]]]:
        found = [RetrainingNotice.model_validate_json(body) for _, body in hooks.got]
        assert len({notice.id for notice in found}) == len(found)
        return [(notice.kind, notice.reasons) for notice in found]

    @pytest.mark.slow
    def test_failures_and_the_last_of_them(self, settings: Settings, config: RetrainingConfig, hooks: Hooks) -> None:
        for _ in range(3):
            with pytest.raises(TrainingFailed), looking(settings, config, train=True):
                raise TrainingFailed("no space left", remedy="make room")
        for _ in range(2):
            with looking(settings, config, train=True):
                pass
        gave_up = "it failed 3 times and nothing has changed since: no space left"
        assert self.told(hooks) == [("retraining_failed", ("no space left",))] * 3 + [
            ("retraining_gave_up", (gave_up,))
        ], "once, not at each look"

    @pytest.mark.slow
    def test_what_the_gate_blocks(self, settings: Settings, config: RetrainingConfig, hooks: Hooks) -> None:
        ends = [
            {"outcome": "blocked", "questions": ["accuracy is 40 %, below 50 %"], "run": "r-1", "review": None},
            {"outcome": "promote-eligible", "questions": [], "run": "r-2", "review": "podium-2"},
            {"outcome": CHAMPION_WON, "questions": [], "run": "r-3", "review": None},
        ]
        for number, end in enumerate(ends):
            put(settings.data, number)
            with looking(settings, config, train=True) as found:
                assert found is not None
                found.result = {"selected": "simple_cnn", **end}
        assert self.told(hooks) == [("retraining_blocked", ("accuracy is 40 %, below 50 %",))]
        ((headers, body),) = hooks.got
        assert headers["X-Podium-Event"] == "retraining_blocked"
        notice = RetrainingNotice.model_validate_json(body)
        assert notice.subject == "[podium] retraining weekly (podium) found nothing that the gate lets through"
        assert "why: accuracy is 40 %" in notice.text
        assert (notice.run, notice.candidate) == ("r-1", "simple_cnn")

    def test_drift_that_stays(self, settings: Settings, config: RetrainingConfig, hooks: Hooks) -> None:
        assert train(settings, config)
        for _ in range(2):
            with looking(settings, config, lambda: True, train=True):
                pass
        assert [kind for kind, _ in self.told(hooks)] == ["retraining_drifted"]

    def test_one_that_does_not_go_out_is_kept(
        self, settings: Settings, config: RetrainingConfig, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("podium.notify.webhook._PAUSE", 0.01)
        hooks.statuses = [500] * 3
        with pytest.raises(TrainingFailed, match="full"), looking(settings, config, train=True):
            raise TrainingFailed("full")
        (entry,) = outbox.pending(settings)
        assert entry.notice.about == "retraining weekly failed"
        assert outbox.send_pending(settings) == 1
        last = RetrainingNotice.model_validate_json(hooks.got[-1][1])
        assert last == entry.notice, "with the same id as before"
