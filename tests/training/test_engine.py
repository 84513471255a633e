"""Training as a whole: results, determinism, parallel threads, failures."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from podium.bundle import Bundle
from podium.data import Dataset, open_dataset, write_dataset
from podium.errors import ConfigError, DataError, TrainingFailed, WeightsError
from podium.models import WeightsStore
from podium.models.contracts import contract_for
from podium.training import Tick, build_from_bundle, engine, predict_probabilities, train
from podium.training.messages import Order
from podium.training.threads import cpu_threads

from .helpers import candidate, same

FULL = {
    "early_stopping": {"patience": 2},
    "plateau": {"patience": 1},
    "augment": {"flip": False, "rotation": 5, "zoom": 0.1, "shift": 0.05},
    "label_smoothing": 0.1,
}
QUICK = {("adam", "constant"), ("adamw", "cosine"), ("rmsprop", "constant"), ("sgd", "one_cycle")}
"""Every optimizer and every schedule once; all pairs are tested by ``make test``."""


def fit(dataset: Dataset, work: Path, model: str = "simple", store: WeightsStore | None = None, **kwargs) -> Bundle:
    chosen = candidate(model, **kwargs)
    weights = store or WeightsStore()
    return train(chosen, dataset, contract_for(chosen, dataset.manifest, weights), work=work, weights=weights)


@pytest.mark.parametrize("model", ["simple", "blocks", pytest.param("resnet", marks=pytest.mark.slow)])
def test_networks_learn_what_can_be_learned(model: str, small_dataset: Dataset, tmp_path: Path) -> None:
    bundle = fit(small_dataset, tmp_path / "w", model, epochs=8, learning_rate=0.01, batch_size=8)
    test = small_dataset["test"]
    probabilities = predict_probabilities(build_from_bundle(bundle), test.images, bundle.contract)
    assert (probabilities.argmax(1) == test.labels).mean() >= 0.9
    assert bundle.data_digest == small_dataset.manifest.digest


@pytest.mark.slow
def test_the_summary_tells_what_was_done(small_dataset: Dataset, tmp_path: Path) -> None:
    bundle = fit(small_dataset, tmp_path / "w", epochs=3)
    summary = bundle.summary
    assert (summary.epochs, summary.best_epoch, summary.stopped_early, summary.resumed_from) == (3, 3, False, None)
    assert [record.epoch for record in summary.history] == [1, 2, 3]
    assert {record.phase for record in summary.history} == {"train"}
    assert summary.train_seconds == pytest.approx(sum(record.seconds for record in summary.history))
    assert summary.images_per_second == pytest.approx(3 * 96 / summary.train_seconds)
    assert (summary.seed, summary.threads, summary.device) == (3, 1, "cpu")


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        pytest.param(optimizer, schedule, marks=[] if (optimizer, schedule) in QUICK else pytest.mark.slow)
        for optimizer in ("adam", "adamw", "rmsprop", "sgd")
        for schedule in ("constant", "cosine", "one_cycle")
    ],
)
def test_every_optimizer_and_schedule_trains(
    optimizer: str, schedule: str, small_dataset: Dataset, tmp_path: Path
) -> None:
    bundle = fit(small_dataset, tmp_path / "w", optimizer=optimizer, schedule=schedule, weight_decay=1e-3, epochs=6)
    losses = [record.train_loss for record in bundle.summary.history]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_early_stopping_restores_the_best_weights(small_dataset: Dataset, tmp_path: Path) -> None:
    bundle = fit(small_dataset, tmp_path / "w", epochs=40, learning_rate=0.01, early_stopping={"patience": 2})
    history, summary = bundle.summary.history, bundle.summary
    assert summary.stopped_early
    assert summary.epochs == summary.best_epoch + 2 < 40
    split = small_dataset["validation"]
    predicted = predict_probabilities(build_from_bundle(bundle), split.images, bundle.contract).argmax(1)
    best = max(record.validation_accuracy for record in history)
    assert (predicted == split.labels).mean() == pytest.approx(best)
    assert history[summary.best_epoch - 1].validation_accuracy == best


@pytest.mark.slow
def test_a_plateau_lowers_the_rate_and_the_history_shows_it(small_dataset: Dataset, tmp_path: Path) -> None:
    bundle = fit(small_dataset, tmp_path / "w", epochs=12, learning_rate=0.01, plateau={"patience": 1, "factor": 0.5})
    rates = [record.learning_rate for record in bundle.summary.history]
    assert rates[0] == 0.01
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["crop", "cutout"])
def test_augmentation_that_leaves_nothing_of_the_images_is_refused_before_the_first_step(
    name: str, small_dataset: Dataset, tmp_path: Path
) -> None:
    chosen = candidate(augment={name: 32})
    epochs: list[object] = []
    with pytest.raises(ConfigError, match=rf"^trainer\.augment\.{name}: 32 pixels, but the images are 32×32"):
        train(
            chosen, small_dataset, contract_for(chosen, small_dataset.manifest),
            work=tmp_path / "w", on_epoch=epochs.append,
        )  # fmt: skip
    assert epochs == []


def test_the_seed_decides_everything(small_dataset: Dataset, tmp_path: Path) -> None:
    first = fit(small_dataset, tmp_path / "a", "blocks", **FULL)
    again = fit(small_dataset, tmp_path / "b", "blocks", **FULL)
    other = fit(small_dataset, tmp_path / "c", "blocks", seed=4, **FULL)
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.slow
def test_parallel_threads_give_what_one_after_the_other_gives(small_dataset: Dataset, tmp_path: Path) -> None:
    jobs = [("blocks", 1), ("resnet", 2), ("simple", 3), ("blocks", 4)]

    def one(index: int, folder: str) -> Bundle:
        model, seed = jobs[index]
        return fit(small_dataset, tmp_path / folder / str(index), model, seed=seed, **FULL)

    alone = [one(index, "alone") for index in range(len(jobs))]
    with ThreadPoolExecutor(len(jobs)) as pool:
        together = list(pool.map(lambda index: one(index, "together"), range(len(jobs))))
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))


class TestTransfer:
    @pytest.mark.slow
    def test_two_phases_one_history(self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
        tune = {"epochs": 4, "learning_rate": 0.005, "unfreeze": 0.5}
        bundle = fit(small_dataset, tmp_path / "w", "transfer", store, fine_tune=tune, epochs=3, learning_rate=0.05)
        history = bundle.summary.history
        assert [(r.phase, r.epoch) for r in history] == [
            *[("head", n) for n in (1, 2, 3)],
            *[("fine_tune", n) for n in (4, 5, 6, 7)],
        ]
        assert {r.learning_rate for r in history if r.phase == "fine_tune"} == {0.005}
        assert bundle.summary.trainable_parameters == (4 * 4 + 1) * 3

    @pytest.mark.slow
    def test_only_the_unfrozen_layers_change(self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
        tune = {"epochs": 4, "learning_rate": 0.01, "unfreeze": 0.25}
        bundle = fit(small_dataset, tmp_path / "w", "transfer", store, fine_tune=tune, epochs=3, learning_rate=0.05)
        before = store.load("small").state
        changed = {
            key.split(".")[0]
            for key, value in before.items()
            if not torch.equal(bundle.state[f"backbone.{key}"], value)
        }
        assert changed == {"3"}  # of stem and three blocks

    @pytest.mark.slow
    def test_prediction_needs_no_weights_folder(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore
    ) -> None:
        bundle = fit(small_dataset, tmp_path / "w", "transfer", store, epochs=12, learning_rate=0.05)
        (tmp_path / "bundle").mkdir()
        bundle.save(tmp_path / "bundle")
        assert store.folder is not None
        for file in store.folder.iterdir():
            file.unlink()
        loaded = Bundle.load(tmp_path / "bundle")
        images = small_dataset["test"].images
        first, second = (predict_probabilities(build_from_bundle(b), images, b.contract) for b in (bundle, loaded))
        assert np.array_equal(first, second)

    def test_missing_weights_stop_it_before_anything_is_written(self, small_dataset: Dataset, tmp_path: Path) -> None:
        chosen = candidate("transfer")
        contract = contract_for(candidate("simple"), small_dataset.manifest)
        with pytest.raises(WeightsError, match="'small' are in none of"):
            train(chosen, small_dataset, contract, work=tmp_path / "w", weights=WeightsStore(tmp_path / "no"))
        assert not (tmp_path / "w").exists()

    def test_the_processes_of_a_training_look_where_it_looks(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        orders: list[Order] = []
        monkeypatch.setattr(engine, "launch", lambda order, *_: orders.append(order))
        weights = WeightsStore(store.folder, tmp_path / "fetched")
        chosen = candidate("transfer").model_copy(update={"processes": 2})
        contract = contract_for(chosen, small_dataset.manifest, weights)
        with pytest.raises(TrainingFailed, match="cannot be read"):
            train(chosen, small_dataset, contract, work=tmp_path / "w", weights=weights)
        assert WeightsStore(orders[0].weights, orders[0].fetched) == weights


class TestFailures:
    @pytest.mark.slow
    def test_an_exploding_loss_is_named(self, small_dataset: Dataset, tmp_path: Path) -> None:
        with pytest.raises(TrainingFailed, match=r"exploded|became") as caught:
            fit(small_dataset, tmp_path / "w", "simple", optimizer="sgd", learning_rate=50.0)
        assert "learning rate" in caught.value.remedy

    @pytest.mark.slow
    def test_labels_without_meaning_end_at_chance_level(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        splits = {
            name: (
                rng.integers(0, 255, (60, 16, 16, 3), dtype=np.uint8),
                (np.arange(60) % 3).astype(np.int64),
            )
            for name in ("train", "validation", "test")
        }
        write_dataset(tmp_path / "data", splits, name="noise", class_names="abc", source="made", licence="CC0-1.0")
        with pytest.raises(TrainingFailed, match="at chance level"):
            fit(open_dataset(tmp_path / "data"), tmp_path / "w", epochs=2)

    def test_a_contract_of_another_size_is_refused(self, small_dataset: Dataset, tmp_path: Path) -> None:
        chosen = candidate()
        contract = contract_for(chosen, small_dataset.manifest).model_copy(update={"height": 16})
        with pytest.raises(DataError, match=r"asks for N×16×32×3"):
            train(chosen, small_dataset, contract, work=tmp_path / "w")

    def test_a_contract_of_other_classes_is_refused(self, small_dataset: Dataset, tmp_path: Path) -> None:
        chosen = candidate()
        contract = contract_for(chosen, small_dataset.manifest).model_copy(update={"class_names": ("a", "b")})
        with pytest.raises(DataError, match="3 classes are not the contract's 2"):
            train(chosen, small_dataset, contract, work=tmp_path / "w")

    def test_images_scaled_before_they_were_stored_are_refused(self, small_dataset: Dataset, tmp_path: Path) -> None:
        splits = {name: (split.images // 255, split.labels) for name, split in small_dataset.splits.items()}
        names = small_dataset.manifest.class_names
        write_dataset(tmp_path / "d2", splits, name="x", class_names=names, source="made", licence="CC0-1.0")
        with pytest.raises(DataError, match="scaled to"):
            fit(open_dataset(tmp_path / "d2"), tmp_path / "w")


class TestPrediction:
    @pytest.fixture
    def bundle(self, small_dataset: Dataset, tmp_path: Path) -> Bundle:
        return fit(small_dataset, tmp_path / "w", epochs=6, learning_rate=0.01)

    @pytest.mark.slow
    def test_rows_are_probabilities_whatever_the_batch(self, bundle: Bundle, small_dataset: Dataset) -> None:
        net, images = build_from_bundle(bundle), small_dataset["test"].images
        whole = predict_probabilities(net, images, bundle.contract)
        pieces = predict_probabilities(net, images, bundle.contract, batch_size=7)
        assert whole.shape == (30, 3)
        assert whole.dtype == np.float32
        assert np.allclose(whole.sum(1), 1, atol=1e-6)
        assert np.allclose(whole, pieces, atol=1e-5)
        assert predict_probabilities(net, images[:0], bundle.contract).shape == (0, 3)

    @pytest.mark.slow
    def test_what_breaks_the_contract_is_refused(self, bundle: Bundle, small_dataset: Dataset) -> None:
        net, images = build_from_bundle(bundle), small_dataset["test"].images
        for wrong, words in [
            (images.astype(np.float32) / 255, "float32 values"),
            (images[:, :16], r"asks for N×32×32×3"),
            (images[0], r"asks for N×32×32×3"),
            (images.transpose(0, 3, 1, 2), r"asks for N×32×32×3"),
        ]:
            with pytest.raises(DataError, match=words):
                predict_probabilities(net, wrong, bundle.contract)


@pytest.mark.slow
def test_progress_is_reported(small_dataset: Dataset, tmp_path: Path) -> None:
    ticks: list[Tick] = []
    epochs: list[int] = []
    chosen = candidate(epochs=2)
    train(
        chosen,
        small_dataset,
        contract_for(chosen, small_dataset.manifest),
        work=tmp_path / "w",
        on_epoch=lambda record: epochs.append(record.epoch),
        on_progress=ticks.append,
    )
    assert epochs == [1, 2]
    assert [(tick.epoch, tick.step, tick.steps) for tick in ticks] == [(1, 6, 6), (2, 6, 6)]
    assert all(tick.images_per_second > 0 for tick in ticks)


def test_the_number_of_threads_belongs_to_the_calling_thread() -> None:
    before, seen = torch.get_num_threads(), {}
    inside, checked = threading.Event(), threading.Event()

    def other() -> None:
        with cpu_threads(3):
            seen["other"] = torch.get_num_threads()
            inside.set()
            checked.wait(10)
            seen["still"] = torch.get_num_threads()

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    with cpu_threads(1):
        seen["here"] = torch.get_num_threads()
        checked.set()
        thread.join()
    fresh: list[int] = []
    late = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
    late.start()
    late.join()
    assert seen == {"other": 3, "still": 3, "here": 1}
    assert torch.get_num_threads() == before
    assert fresh == [before], "the default of new threads was changed for good"


@pytest.mark.slow
def test_the_bundle_on_disk_holds_no_pickle(small_dataset: Dataset, tmp_path: Path) -> None:
    fit(small_dataset, tmp_path / "w")
    files = {path.name for path in (tmp_path / "w" / "finished").iterdir()}
    assert files == {"model.safetensors", "model.json", "training.json", "identity"}
    assert json.loads((tmp_path / "w" / "finished" / "model.json").read_text())["schema_version"] == 1
