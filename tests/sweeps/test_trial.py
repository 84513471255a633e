"""One trial: scored on validation, pruned, failed, stopped and gone on with; the test split is not opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podium.config import Candidate, ModelConfig, RecipeConfig, TrainerConfig
from podium.data import Dataset, open_dataset
from podium.errors import DataError, TrainingFailed, TrainingStopped
from podium.models.contracts import contract_for
from podium.models.weights import EMBEDDED_WEIGHTS
from podium.orchestration import trial as module
from podium.orchestration.trial import run_trial
from podium.registry import tracking
from podium.results import EpochRecord
from podium.settings import Settings
from podium.sweeps.results import Curve, TrialPlan, TrialResult
from tests.registry.support import make_house
from tests.sweeps.made import poison_test_split

SPLITS = ("train", "validation")


@pytest.fixture
def settings(tmp_path: Path, mlflow_database: Path) -> Settings:
    return make_house(tmp_path / "house", mlflow_database).settings


@pytest.fixture
def dataset(small_dataset: Dataset) -> Dataset:
    poison_test_split(small_dataset.path)
    with pytest.raises(DataError):
        open_dataset(small_dataset.path)
    opened = open_dataset(small_dataset.path, SPLITS)
    opened.verify()
    return opened


def plan(name: str, *, rivals: tuple[Curve, ...] = (), number: int = 0, dense: int = 8, **trainer: Any) -> TrialPlan:
    settings = TrainerConfig.model_validate({"epochs": 3, "batch_size": 16, "learning_rate": 0.003, **trainer})
    model = ModelConfig(family="simple_cnn", options={"filters": [4, 4], "dense": dense})
    recipe = RecipeConfig(id="tiny", source="tests", model=model, trainer=settings)
    fields = {"sweep": "made", "number": number, "values": {"x": 1}, "metric": "accuracy", "rivals": rivals}
    candidate = Candidate(name=name, recipe=recipe)
    return TrialPlan.model_validate({**fields, "candidate": candidate, "pruner": {"startup": 1, "warm_up": 2}})


def run(what: TrialPlan, dataset: Dataset, settings: Settings) -> TrialResult:
    contract = contract_for(what.candidate, dataset.manifest, EMBEDDED_WEIGHTS)
    return run_trial(what, dataset, contract, settings=settings, run="run-1", code="c")


def mlflow_run(done: TrialResult, settings: Settings) -> Any:
    return tracking.client(settings).get_run(done.mlflow_run)


@pytest.mark.slow
def test_a_trial_is_scored_on_validation_and_tracked(dataset: Dataset, settings: Settings) -> None:
    done = run(plan("scored", number=7), dataset, settings)
    assert (done.status, done.epochs, done.value) == ("completed", 3, done.curve[-1])
    tracked = mlflow_run(done, settings)
    assert tracked.info.status == "FINISHED"
    assert (tracked.data.tags["podium.sweep"], tracked.data.tags["podium.trial"]) == ("made", "7")
    assert tracked.data.params["recipe.trainer.learning_rate"] == "0.003"
    assert tracked.data.metrics["validation_accuracy"] == done.value


@pytest.mark.slow
def test_the_value_is_that_of_the_best_epochs_weights(dataset: Dataset, settings: Settings) -> None:
    done = run(plan("best", early_stopping={"patience": 9}, learning_rate=0.01), dataset, settings)
    assert done.value == max(done.curve)


@pytest.mark.slow
def test_the_value_is_that_of_all_views(dataset: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs are looked at with one view of an image."""
    monkeypatch.setattr("podium.training.session.check_learned", lambda *_: None)  # mirrored, left is right
    chosen = plan("views", learning_rate=0.01).model_dump()
    chosen["candidate"]["recipe"]["model"]["views"] = 2
    done = run(TrialPlan.model_validate({**chosen, "metric": "loss"}), dataset, settings)
    assert done.curve[-1] < 1
    assert done.value is not None
    assert done.value != pytest.approx(done.curve[-1], rel=0.01)


@pytest.mark.slow
def test_a_hopeless_trial_is_pruned(dataset: Dataset, settings: Settings) -> None:
    done = run(plan("hopeless", rivals=(Curve(values=(1.0, 1.1, 1.2), completed=True),)), dataset, settings)
    assert (done.status, done.epochs, done.cause) == ("pruned", 2, "pruned after epoch 2")
    assert done.value == done.curve[-1]
    assert mlflow_run(done, settings).info.status == "KILLED"


@pytest.mark.slow
def test_a_stopped_trial_goes_on_and_is_pruned_at_the_same_epoch(
    dataset: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals = (Curve(values=(0.0, 0.0, 2.0, 2.0), completed=True),)
    asked: list[int] = []
    whole = run(plan("whole", rivals=rivals, epochs=5), dataset, settings)

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 15  # in the third of epochs of 6 steps

    monkeypatch.setattr(module, "stopping", stop)
    again = plan("whole", rivals=rivals, epochs=5).model_copy(update={"number": 1})
    again = again.model_copy(update={"candidate": again.candidate.model_copy(update={"name": "parts"})})
    with pytest.raises(TrainingStopped):
        run(again, dataset, settings)
    monkeypatch.setattr(module, "stopping", lambda: False)
    done = run(again, dataset, settings)
    assert (done.status, done.epochs, done.curve) == ("pruned", 3, whole.curve)


@pytest.mark.slow
@pytest.mark.parametrize(("last", "status"), [(2.0, "pruned"), (0.0, "completed")])
def test_a_trial_killed_after_its_last_checkpoint_ends_as_one_that_was_not(
    last: float, status: str, dataset: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals = (Curve(values=(0.0, 0.0, last), completed=True),)
    whole = run(plan("alive", rivals=rivals), dataset, settings)

    def kill(name: str, record: EpochRecord) -> None:
        if record.epoch == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "report_epoch", kill)
        with pytest.raises(KeyboardInterrupt):
            run(plan("killed", rivals=rivals), dataset, settings)
    done = run(plan("killed", rivals=rivals), dataset, settings)
    assert (done.status, done.epochs, done.cause) == (whole.status, whole.epochs, whole.cause)
    assert (done.status, done.curve, done.value) == (status, whole.curve, whole.value)
    assert "validation_accuracy" in mlflow_run(done, settings).data.metrics


@pytest.mark.slow
def test_a_trial_that_fails_by_itself_is_a_result(dataset: Dataset, settings: Settings) -> None:
    done = run(plan("hasty", optimizer="sgd", learning_rate=1e6), dataset, settings)
    assert done.status == "failed"
    assert done.value is None
    assert done.cause
    assert "lower the learning rate" in (done.remedy or "")
    tracked = mlflow_run(done, settings)
    assert (tracked.info.status, tracked.data.tags["podium.cause"]) == ("FAILED", done.cause)


@pytest.mark.slow
def test_what_comes_from_outside_is_tried_again(
    dataset: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("podium.atomic.write_bytes", full)
        with pytest.raises((TrainingFailed, OSError), match="No space left"):
            run(plan("full"), dataset, settings)
    assert run(plan("full"), dataset, settings).status == "completed"


def test_a_damaged_split_that_is_used_is_still_found(dataset: Dataset) -> None:
    file = Path(dataset.path) / "validation.images.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 255
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"validation\.images\.npy"):
        open_dataset(dataset.path, SPLITS).verify()
