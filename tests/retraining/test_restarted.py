"""A retraining whose driver was lost and is started again, and what others do meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

import pytest

from podium.cli import retrain
from podium.config.retraining import RetrainingConfig
from podium.errors import DataError, TrainingStopped
from podium.orchestration import restarts
from podium.orchestration.retraining import retraining
from podium.retraining.fingerprint import Fingerprint, fingerprint
from podium.retraining.round import history_of, looking
from podium.settings import Settings
from tests.retraining.made import events, put


def move(settings: Settings, digest: str) -> None:
    """A ``git pull`` that changes the recorded version."""
    record = f"outs:\n- md5: 0.dir\n  path: data\nmeta:\n  podium:\n    digest: {digest}\n"
    (settings.root / "data.dvc").write_text(record)


class TestADriverThatIsStartedAgain:
    def begin(self, settings: Settings, config: RetrainingConfig) -> Fingerprint:
        """Its node dies while it trains; the record then names other data. Returns what it began with."""
        before = fingerprint(config, settings)
        with pytest.raises(TrainingStopped), looking(settings, config, train=True, run="a"):
            raise TrainingStopped("b")
        move(settings, "second")
        return before

    @pytest.mark.slow
    def test_it_goes_on_with_the_data_that_it_began_with(self, settings: Settings, config: RetrainingConfig) -> None:
        before = self.begin(settings, config)
        with looking(settings, config, train=True, run="a") as found:
            assert found is not None
            assert (found.due.train, found.due.told, found.fingerprint) == (True, "this run goes on", before)
        entries = history_of(settings, config).entries()
        assert [(entry.event, entry.fingerprint) for entry in entries] == [
            ("started", before), ("stopped", before), ("ended", before)
        ]  # fmt: skip
        with looking(settings, config, train=False) as found:
            assert found is not None
            assert found.due.told == "new data", "they were not trained with"

    def test_it_fails_where_they_are_gone(self, settings: Settings, config: RetrainingConfig) -> None:
        before = self.begin(settings, config)
        put(settings.data, 7)
        with (
            pytest.raises(DataError, match="was begun with the data version"),
            looking(settings, config, train=True, run="a"),
        ):
            raise AssertionError("trained with other data")
        assert history_of(settings, config).entries()[-1].event == "failed"
        assert history_of(settings, config).entries()[-1].fingerprint == before

    def test_once_it_has_ended_it_looks_as_any_other(self, settings: Settings, config: RetrainingConfig) -> None:
        for told in ("nothing was trained before", "nothing has changed"):
            with looking(settings, config, train=True, run="a") as found:
                assert found is not None
                assert found.due.told == told

    @pytest.mark.slow
    def test_another_run_takes_the_data_of_its_own_time(self, settings: Settings, config: RetrainingConfig) -> None:
        self.begin(settings, config)
        with pytest.raises(DataError, match="could not fetch"), looking(settings, config, train=True, run="b"):
            raise AssertionError("not fetched")

    def test_the_pipeline_tells_its_run(
        self, settings: Settings, config: RetrainingConfig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = SimpleNamespace(id=uuid4())
        context = SimpleNamespace(get=lambda: SimpleNamespace(run=run))
        monkeypatch.setattr("podium.orchestration.retraining.DynamicPipelineRunContext", context)
        with retraining(settings, config) as found:
            assert found is not None
        assert [entry.detail["run_id"] for entry in history_of(settings, config).entries()] == [str(run.id)] * 2


class TestAnEarlierDriverThatWaitsForItsRestart:
    """Its process is dead and its lock is free, but Slurm or Kubernetes will start it again."""

    @pytest.fixture
    def lost(self, settings: Settings, config: RetrainingConfig) -> str:
        history_of(settings, config).add("started", fingerprint(config, settings), run_id=(run := str(uuid4())))
        return run

    def test_it_is_left_to_that_one_also_when_there_is_news(
        self, settings: Settings, config: RetrainingConfig, lost: str
    ) -> None:
        asked: list[str] = []
        put(settings.data, 7)
        for run in (None, "b"):
            with looking(settings, config, train=True, run=run, goes_on=lambda one: asked.append(one) is None) as found:
                assert found is None
        assert events(settings, config) == ["started", "overlapped", "overlapped"]
        assert asked == [lost, lost]

    def test_once_it_is_given_up_it_was_cut_off(self, settings: Settings, config: RetrainingConfig, lost: str) -> None:
        with looking(settings, config, train=False, goes_on=lambda run: False) as found:
            assert found is not None
            assert found.due.told == "the last run was cut off"

    def test_nobody_is_asked_for_itself_or_for_what_has_ended(
        self, settings: Settings, config: RetrainingConfig, lost: str
    ) -> None:
        for run in (lost, "b"):
            with looking(settings, config, train=True, run=run, goes_on=lambda run: 1 / 0 > 0) as found:
                assert found is not None
        assert events(settings, config) == ["started", "ended", "checked"]

    def test_pipeline_and_command_ask_the_orchestrator(
        self, settings: Settings, config: RetrainingConfig, lost: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("podium.orchestration.retraining.goes_on", lambda client, run: str(run) == lost)
        with retraining(settings, config) as found:
            assert found is None
        asked = iter([restarts.GOES_ON, ""])
        monkeypatch.setattr(retrain.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=next(asked)))
        assert retrain._look(settings, config) is None
        found_out = retrain._look(settings, config)
        assert found_out is not None
        assert found_out.told == "the last run was cut off"
