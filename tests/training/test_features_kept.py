"""Features of a frozen backbone: computed once, the same as anew, shared, bounded, whole after a kill."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from podium import atomic
from podium.bundle import Bundle
from podium.data import Dataset
from podium.errors import ConfigError, TrainingCutShort, TrainingFailed, TrainingStopped
from podium.models import WeightsStore
from podium.models.contracts import contract_for
from podium.models.recipes import check_backbone
from podium.training import feature_pass, onnx_pass, session, stage, train
from podium.training.feature_cache import FeatureCache, Tell
from podium.training.stopping import Stop

from .helpers import candidate, same

pytestmark = pytest.mark.usefixtures("one_thread")
QUIET = {"epochs": 4, "learning_rate": 0.05}


@pytest.fixture(autouse=True)
def nothing_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """In four epochs, on random weights: that is another test's."""
    monkeypatch.setattr(session, "check_learned", lambda *_: None)


def never() -> bool:
    return False


def fit(
    dataset: Dataset, work: Path, store: WeightsStore, *,
    seed: int = 3, features: Path | None = None, stop: Stop | None = None, **trainer: Any,
) -> Bundle:  # fmt: skip
    chosen = candidate("transfer", seed=seed, **{**QUIET, **trainer})
    contract = contract_for(chosen, dataset.manifest, store)
    return train(chosen, dataset, contract, work=work, weights=store, features=features, stop=stop)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Images of each forward pass that fills the cache."""
    seen: list[int] = []
    original = feature_pass.Pass._view

    def count(given: feature_pass.Pass, images: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen.append(len(images))
        return original(given, images, *rest)

    monkeypatch.setattr(feature_pass.Pass, "_view", count)
    return seen


class TestTraining:
    @pytest.mark.slow
    def test_gives_what_the_images_themselves_give(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore
    ) -> None:
        kept = fit(small_dataset, tmp_path / "a", store, cached_views=1)
        anew = fit(small_dataset, tmp_path / "b", store)
        for one, other in zip(kept.summary.history, anew.summary.history, strict=True):
            assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4)
            assert one.validation_accuracy == other.validation_accuracy
        assert all(torch.allclose(kept.state[key], anew.state[key], atol=1e-4) for key in kept.state)

    @pytest.mark.slow
    def test_the_backbone_sees_each_view_once(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore, passes: list[int]
    ) -> None:
        fit(small_dataset, tmp_path / "w", store, cached_views=3, epochs=6, augment={"flip": True})
        assert sum(passes) == 3 * 96 + 30, "three views, and the validation split"

    @pytest.mark.slow
    def test_views_are_the_image_and_augmented_ones(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore
    ) -> None:
        fit(small_dataset, tmp_path / "w", store, cached_views=3, augment={"shift": 0.2}, features=tmp_path / "f")
        (place,) = (p for p in (tmp_path / "f").iterdir() if p.is_dir())
        views = np.load(place / "train.npy")
        assert views.shape == (3, 96, 16), "pooled: a head without convolutions sees no more"
        fit(small_dataset, tmp_path / "v", store, cached_views=1, features=tmp_path / "g")
        (plain,) = (p for p in (tmp_path / "g").iterdir() if p.is_dir())
        assert np.array_equal(np.load(plain / "train.npy")[0], views[0])
        assert not np.allclose(views[0], views[1], atol=1e-3)
        assert not np.allclose(views[1], views[2], atol=1e-3)

    @pytest.mark.slow
    def test_heads_rates_and_seeds_share_them_and_other_data_does_not(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore, passes: list[int]
    ) -> None:
        shared = tmp_path / "features"
        fit(small_dataset, tmp_path / "a", store, cached_views=1, features=shared)
        passes.clear()
        fit(small_dataset, tmp_path / "b", store, cached_views=1, features=shared, learning_rate=0.02, seed=9)
        assert sum(passes) == 0
        fit(small_dataset, tmp_path / "c", store, cached_views=2, features=shared, augment={"flip": True})
        assert sum(passes) == 2 * 96 + 30, "other views"

    @pytest.mark.slow
    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_the_precision_that_is_asked_for_is_kept_where_nothing_is_measured(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore, precision: str
    ) -> None:
        bundle = fit(small_dataset, tmp_path / "w", store, cached_views=1, precision=precision, compile="auto")
        assert bundle.summary.precision == precision
        assert not bundle.summary.compiled

    @pytest.mark.slow
    def test_fine_tuning_sees_images(self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore) -> None:
        tune = {"epochs": 2, "learning_rate": 0.005, "unfreeze": "3"}
        bundle = fit(small_dataset, tmp_path / "w", store, cached_views=2, fine_tune=tune, augment={"flip": True})
        assert [record.phase for record in bundle.summary.history] == ["head"] * 4 + ["fine_tune"] * 2
        before = store.load("small").state
        assert not torch.equal(bundle.state["backbone.3.conv1.weight"], before["3.conv1.weight"])

    @pytest.mark.slow
    def test_fine_tuning_on_kept_features_gives_what_the_images_give(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore, passes: list[int]
    ) -> None:
        """The trained layers, BatchNorm's statistics among them, and the frozen ones below, which are left alone."""
        tune = {"epochs": 3, "learning_rate": 0.005, "unfreeze": ["3.norm2", "2"]}
        kept = fit(
            small_dataset, tmp_path / "a", store, cached_views=1, epochs=1, fine_tune={**tune, "cached_views": 1}
        )
        assert sum(passes) == 3 * (96 + 30), "once for each phase"
        anew = fit(small_dataset, tmp_path / "b", store, cached_views=1, epochs=1, fine_tune=tune)
        for one, other in zip(kept.summary.history, anew.summary.history, strict=True):
            assert one.train_loss == pytest.approx(other.train_loss, rel=1e-3)
            assert one.validation_loss == pytest.approx(other.validation_loss, rel=1e-3)
        assert all(torch.allclose(kept.state[key], anew.state[key], atol=1e-3) for key in kept.state)
        before = store.load("small").state
        moved = {key for key, value in before.items() if not torch.equal(value, kept.state[f"backbone.{key}"])}
        assert {key.split(".")[0] for key in moved} == {"2", "3"}

    @pytest.mark.slow
    def test_onnx_runtime_gives_the_same_features_where_it_pays(
        self,
        small_dataset: Dataset,
        tmp_path: Path,
        store: WeightsStore,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Below a cut within the backbone."""
        tune = {"epochs": 1, "learning_rate": 0.005, "unfreeze": "3", "cached_views": 2}
        settings = {"epochs": 1, "fine_tune": tune, "augment": {"shift": 0.2}}
        made: list[bool] = []

        def note(*given: Any, **options: Any) -> Any:
            found = onnx_pass.onnx_pass(*given, **options)
            made.append(found is not None)
            return found

        monkeypatch.setattr(stage, "onnx_pass", note)
        fit(small_dataset, tmp_path / "a", store, features=tmp_path / "eager", **settings)
        monkeypatch.setattr(onnx_pass, "LEAST_WORK", 0)
        fit(small_dataset, tmp_path / "b", store, features=tmp_path / "onnx", **settings)
        assert made == [False, True], caplog.text
        for file in (tmp_path / "eager").glob("*/*.npy"):
            eager, onnx = np.load(file), np.load(tmp_path / "onnx" / file.relative_to(tmp_path / "eager"))
            assert np.allclose(eager, onnx, rtol=1e-4, atol=1e-4)
            assert not np.array_equal(eager, onnx)

    @pytest.mark.parametrize("epoch", [pytest.param(1, marks=pytest.mark.slow), 3])
    def test_a_resumed_training_gives_the_same_bits(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore, epoch: int
    ) -> None:
        whole = fit(small_dataset, tmp_path / "a", store, cached_views=3, augment={"shift": 0.2})
        chosen = candidate("transfer", **QUIET, cached_views=3, augment={"shift": 0.2})
        contract = contract_for(chosen, small_dataset.manifest, store)

        def interrupt(record: Any) -> None:
            if record.epoch == epoch:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(chosen, small_dataset, contract, work=tmp_path / "b", weights=store, on_epoch=interrupt)
        assert same(train(chosen, small_dataset, contract, work=tmp_path / "b", weights=store), whole)

    @pytest.mark.slow
    def test_a_stopped_pass_goes_on_where_it_was(
        self,
        small_dataset: Dataset,
        tmp_path: Path,
        store: WeightsStore,
        passes: list[int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(feature_pass, "BATCH", 20)
        kept = {"cached_views": 3, "augment": {"shift": 0.2, "flip": True}}
        whole = fit(small_dataset, tmp_path / "a", store, **kept)
        chosen = candidate("transfer", **QUIET, **kept)
        contract = contract_for(chosen, small_dataset.manifest, store)
        passes.clear()
        for images in (40, 136, 272, 288 + 20):  # within a view, and within validation
            with pytest.raises(TrainingStopped, match="while features were computed"):
                train(
                    *(chosen, small_dataset, contract),
                    work=tmp_path / "b",
                    weights=store,
                    stop=lambda images=images: sum(passes) >= images,
                )
            assert sum(passes) == images, "none twice"
        assert same(train(chosen, small_dataset, contract, work=tmp_path / "b", weights=store), whole)
        assert sum(passes) == 288 + 30

    @pytest.mark.slow
    def test_a_stopped_pass_of_fine_tuning_needs_no_features_of_the_head(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore, passes: list[int]
    ) -> None:
        """They may have made room for it."""
        tune = {"epochs": 1, "learning_rate": 0.005, "unfreeze": "3", "cached_views": 1}
        settings = {"cached_views": 1, "fine_tune": tune}
        with pytest.raises(TrainingStopped, match="while features were computed"):
            fit(small_dataset, tmp_path / "w", store, **settings, stop=lambda: sum(passes) > 96 + 30)
        (head,) = (p for p in (tmp_path / "w" / "features").iterdir() if p.is_dir() and not p.name.startswith("."))
        shutil.rmtree(head)
        fit(small_dataset, tmp_path / "w", store, **settings)
        assert sum(passes) == 2 * (96 + 30)

    @pytest.mark.slow
    def test_what_will_not_fit_is_refused_before_the_first_step(
        self, small_dataset: Dataset, tmp_path: Path, store: WeightsStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stage, "FeatureCache", partial(FeatureCache, limit=100_000))
        tune = {"unfreeze": "3", "cached_views": 9}
        with pytest.raises(TrainingFailed, match="more than the") as caught:
            fit(small_dataset, tmp_path / "w", store, cached_views=1, fine_tune=tune)
        assert "fine_tune" in caught.value.remedy
        assert not (tmp_path / "w" / "features").exists()

    def test_what_cannot_be_kept_is_refused(self) -> None:
        with pytest.raises(ValueError, match="mixup mixes them"):
            candidate("transfer", cached_views=1, augment={"mixup": 0.2})
        with pytest.raises(ValueError, match="mixup mixes them"):
            candidate("transfer", fine_tune={"cached_views": 1}, augment={"mixup": 0.2})
        with pytest.raises(ConfigError, match="no pretrained backbone whose features"):
            check_backbone(candidate("simple", cached_views=1).recipe, "x.yaml: trainer")
        several = candidate("transfer", cached_views=1).recipe
        several = several.model_copy(update={"model": several.model.model_copy(update={"views": 2})})
        with pytest.raises(ConfigError, match="averages 2 views"):
            check_backbone(several, "x.yaml: trainer")


def fill(value: float) -> Any:
    def write(name: str, array: NDArray[np.float32], done: int, tell: Tell) -> None:
        array[:] = value

    return write


def get(cache: FeatureCache, key: str, value: float = 1.0, rows: int = 1000) -> NDArray[np.float32]:
    arrays = cache.get(key, {"train": (1, rows, 10)}, fill(value), never)
    assert arrays is not None
    return arrays["train"]


def _slow(folder: Path, started: Any) -> None:
    def write(name: str, array: NDArray[np.float32], done: int, tell: Tell) -> None:
        array[:, :400] = 7
        tell(400)
        array[:, 400:] = 9
        started.set()
        time.sleep(60)

    FeatureCache(folder).get("k", {"train": (1, 1000, 10)}, write, never)


class TestCache:
    def test_the_first_writes_and_others_wait_for_him(self, tmp_path: Path) -> None:
        written: list[str] = []

        def write(name: str, array: NDArray[np.float32], done: int, tell: Tell) -> None:
            written.append(name)
            time.sleep(0.2)
            array[:] = len(written)

        results: list[float] = []

        def ask() -> None:
            arrays = FeatureCache(tmp_path).get("k", {"train": (2, 3)}, write, never)
            assert arrays is not None
            results.append(float(arrays["train"][1, 2]))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (written, results) == (["train"], [1.0] * 4)

    @pytest.mark.slow
    def test_the_next_goes_on_with_what_a_killed_writer_had_told(self, tmp_path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        started = context.Event()
        process = context.Process(target=_slow, args=(tmp_path, started))
        process.start()
        assert started.wait(600)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()

        def write(name: str, array: NDArray[np.float32], done: int, tell: Tell) -> None:
            array[:, done:] = 2

        arrays = FeatureCache(tmp_path).get("k", {"train": (1, 1000, 10)}, write, never)
        assert arrays is not None
        assert (arrays["train"][:, :400] == 7).all()
        assert (arrays["train"][:, 400:] == 2).all()
        assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["k"]

    def test_what_raises_is_not_taken_for_complete(self, tmp_path: Path) -> None:
        def write(name: str, array: NDArray[np.float32], done: int, tell: Tell) -> None:
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            FeatureCache(tmp_path).get("k", {"train": (1, 1000, 10)}, write, never)
        assert not (tmp_path / "k").exists()
        assert (get(FeatureCache(tmp_path), "k", 2.0) == 2).all()

    def test_what_was_begun_and_left_makes_room_for_others(self, tmp_path: Path) -> None:
        def write(name: str, array: NDArray[np.float32], done: int, tell: Tell) -> None:
            tell(10)
            raise OSError(5, "Input/output error")

        with pytest.raises(OSError, match="Input/output"):
            FeatureCache(tmp_path).get("k", {"train": (1, 1000, 10)}, write, never)
        get(FeatureCache(tmp_path, limit=60_000), "other")
        assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["other"]

    def test_the_longest_unused_goes_first(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, limit=100_000)  # each takes 40,128 bytes
        first = get(cache, "a", 1.0)
        get(cache, "b", 2.0)
        for age, key in ((30, "a"), (60, "b")):
            os.utime(tmp_path / key, (time.time() - age,) * 2)
        get(cache, "c", 3.0)
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["a", "c"]
        os.utime(tmp_path / "c", (time.time() - 10,) * 2)
        get(cache, "b", 4.0)
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["b", "c"]
        assert (first == 1).all(), "who has them open keeps them"

    def test_what_others_write_or_open_is_left_alone(self, tmp_path: Path) -> None:
        """Where two do not fit, the second waits for no one and removes nothing that is in use."""
        inside, go_on = threading.Event(), threading.Event()
        first: list[NDArray[np.float32]] = []

        def write(name: str, array: NDArray[np.float32], done: int, tell: Tell) -> None:
            inside.set()
            assert go_on.wait(30)
            array[:] = 1

        def ask() -> None:
            arrays = FeatureCache(tmp_path, limit=50_000).get("a", {"train": (1, 1000, 10)}, write, never)
            assert arrays is not None
            first.append(arrays["train"])

        thread = threading.Thread(target=ask)
        thread.start()
        assert inside.wait(30)
        assert (get(FeatureCache(tmp_path, limit=50_000), "b", 2.0) == 2).all()
        go_on.set()
        thread.join()
        assert (first[0] == 1).all()

    @pytest.mark.slow
    def test_many_that_ask_for_more_than_fits_all_get_what_they_asked_for(self, tmp_path: Path) -> None:
        wrong: list[str] = []

        def ask(start: int) -> None:
            for turn in range(40):
                number = (start + turn) % 5
                try:
                    if not (get(FeatureCache(tmp_path, limit=100_000), f"k{number}", float(number)) == number).all():
                        wrong.append(f"{number}")
                except BaseException as error:  # noqa: BLE001 - told below
                    wrong.append(repr(error))

        threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    @pytest.mark.parametrize("damage", ["missing", "cut", "other shape"])
    def test_damaged_ones_are_written_anew(self, tmp_path: Path, damage: str) -> None:
        get(FeatureCache(tmp_path), "k", 1.0)
        file = tmp_path / "k" / "train.npy"
        if damage == "missing":
            file.unlink()
        elif damage == "cut":
            os.truncate(file, 500)
        else:
            np.save(file, np.zeros((1, 5), np.float32))
        assert (get(FeatureCache(tmp_path), "k", 2.0) == 2).all()

    @pytest.mark.parametrize("late", [True, False])
    def test_a_full_disk_is_told_before_anything_is_computed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
    ) -> None:
        def full(*_: int) -> None:
            raise OSError(28, "No space left on device")

        if late:
            monkeypatch.setattr(os, "posix_fallocate", full)
        else:
            monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        with pytest.raises(TrainingCutShort, match="GB are free") as caught:
            get(FeatureCache(tmp_path), "k")
        assert "make room" in caught.value.remedy
        assert [p for p in tmp_path.iterdir() if p.is_dir()] == []

    def test_the_arrays_are_kept_where_there_is_no_room_for_a_note(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        def write(name: str, array: NDArray[np.float32], done: int, tell: Tell) -> None:
            array[:] = 1
            tell(1000)

        monkeypatch.setattr(atomic, "write_text", full)
        assert FeatureCache(tmp_path).get("k", {"train": (1, 1000, 10)}, write, never) is not None
        assert "No space left" in caplog.text

    def test_more_than_the_limit_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(TrainingFailed, match="more than") as caught:
            get(FeatureCache(tmp_path, limit=10_000), "a")
        assert "cached_views" in caught.value.remedy

    def test_waiting_ends_when_asked(self, tmp_path: Path) -> None:
        inside, go_on = threading.Event(), threading.Event()

        def write(name: str, array: NDArray[np.float32], done: int, tell: Tell) -> None:
            inside.set()
            assert go_on.wait(30)

        thread = threading.Thread(target=lambda: FeatureCache(tmp_path).get("k", {"t": (1,)}, write, never))
        thread.start()
        assert inside.wait(30)
        assert FeatureCache(tmp_path).get("k", {"t": (1,)}, fill(1), lambda: True) is None
        go_on.set()
        thread.join()
