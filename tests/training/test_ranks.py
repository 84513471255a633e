"""Several ranks train as one process does: here threads, which communicate as processes do (gloo)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from podium.bundle import Bundle
from podium.code import sources
from podium.config import Candidate, ModelConfig
from podium.data import Dataset
from podium.errors import TrainingFailed, TrainingStopped
from podium.models import WeightsStore, build
from podium.models.contracts import contract_for
from podium.models.layers import Dropout, Rows, set_dropout_generator
from podium.training.checkpoint import CHECKPOINT
from podium.training.engine import fit
from podium.training.epoch import Position
from podium.training.execution import Execution
from podium.training.job import Job
from podium.training.optimizers import make_optimizer
from podium.training.ranks import PeerLost, Ranks
from podium.training.session import Session
from podium.training.stopping import Request, Stop
from podium.training.threads import cpu_threads

from .helpers import candidate

CPU = torch.device("cpu")
PLAIN = {"filters": [8, 8], "dense": 16, "norm": "none", "dropout_before": 0.3, "block_dropout": 0.1}
NORMED = {"filters": [8, 8], "dense": 16, "dense_norm": True, "dropout_before": 0.3}
CHANGED = {"augment": {"flip": "alternating", "crop": 2, "cutout": 6, "mixup": 0.3}, "label_smoothing": 0.1}


def blocks(options: dict[str, Any], **trainer: Any) -> Candidate:
    chosen = candidate("blocks", **{"precision": "float32", "compile": "never", **trainer})
    model = ModelConfig(family="cnn_blocks", options=options)
    return chosen.model_copy(update={"recipe": chosen.recipe.model_copy(update={"model": model})})


def together(count: int, work: Callable[[Ranks], Any]) -> list[Any]:
    """What ``work`` gives or raises in each of ``count`` ranks, which run at once."""
    store = dist.HashStore()

    def one(rank: int) -> Any:
        group = dist.ProcessGroupGloo(store, rank, count, timedelta(seconds=60))
        try:
            with cpu_threads(1):
                return work(Ranks(rank, count, group))
        except Exception as error:  # noqa: BLE001 - looked at by the test
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def gradients(chosen: Candidate, dataset: Dataset, ranks: Ranks) -> tuple[list[Tensor], Position, Tensor]:
    """Of the last step of an epoch at rate 0; the epoch's sums; what the generator would draw next."""
    contract = contract_for(chosen, dataset.manifest)
    net = build(chosen.recipe.model, contract, seed=chosen.seed, weights=WeightsStore())
    session = Session(Job(chosen, contract, dataset, CPU, Path("unused"), ranks), net)
    session.begin(Execution())
    loop = session.loop(make_optimizer(net, chosen.trainer, 0.0))
    position = Position.start(len(session.train), session.classes, session.generator)
    loop.run(position, session.progress.health, phase="train", epoch=1, rate=lambda step: 0.0, stop=lambda: False)
    drawn = torch.rand(4, generator=session.generator)
    return [p.grad.clone() for p in net.parameters() if p.grad is not None], position, drawn


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "batch_size", [96, 31, 47, 95]
)  # divisible; uneven, and 3 or 2 left over; 1 goes with the others
def test_gradients_are_those_of_one_process(count: int, batch_size: int, small_dataset: Dataset) -> None:
    """Within 1e-5 of their norm; order, augmentation and dropout are the very same draws."""
    chosen = blocks(PLAIN, batch_size=batch_size, optimizer="sgd", **CHANGED)
    with cpu_threads(1):
        expected, whole, drawn = gradients(chosen, small_dataset, Ranks())
    results = together(count, lambda ranks: gradients(chosen, small_dataset, ranks))
    assert all(float(grad.norm()) > 0 for grad in expected)
    for found, position, next_drawn in results:
        for grad, other in zip(expected, found, strict=True):
            assert float((grad - other).norm()) <= 1e-5 * float(grad.norm())
        assert torch.equal(position.tally, whole.tally)
        assert float(position.loss) == pytest.approx(float(whole.loss), rel=1e-5)
        assert torch.equal(next_drawn, drawn)
    for found, position, _ in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0][0], found, strict=True))
        assert torch.equal(results[0][1].loss, position.loss)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_gradients_of_parts_add_up_to_the_batch_s(count: int, small_dataset: Dataset) -> None:
    """Of networks without dropout and BatchNorm, which look at a part as a whole. 72 and 24 images; parts of 8."""
    settings = {"optimizer": "sgd", "batch_size": 72, **CHANGED}
    plain = {**PLAIN, "dropout_before": 0.0, "dropout_after": 0.0, "block_dropout": 0.0}
    with cpu_threads(1):
        expected, whole, _ = gradients(blocks(plain, **settings), small_dataset, Ranks())
    parts = blocks(plain, micro_batch=8, **settings)
    for found, position, _ in together(count, lambda ranks: gradients(parts, small_dataset, ranks)):
        for grad, other in zip(expected, found, strict=True):
            assert float((grad - other).norm()) <= 1e-5 * float(grad.norm())
        assert torch.equal(position.tally, whole.tally)
        assert float(position.loss) == pytest.approx(float(whole.loss), rel=1e-5)


@pytest.mark.slow
def test_parts_are_drawn_alike_by_all_ranks(small_dataset: Dataset, tmp_path: Path) -> None:
    """Ranks whose generators went apart would train different networks."""
    chosen = blocks(NORMED, epochs=3, batch_size=24, micro_batch=4, learning_rate=0.01, augment={"crop": 1})
    first, second = together(2, trained(chosen, small_dataset, tmp_path / "w"))
    assert states_are_equal(first, second)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dropout_of_a_part_is_that_part_of_the_whole(layout: torch.memory_format) -> None:
    x = torch.rand(7, 5, 4, 4).to(memory_format=layout) + 1

    def dropped(first: int, last: int) -> Tensor:
        layer = Dropout(0.4).train()
        rows = Rows(first, len(x))
        set_dropout_generator(layer, torch.Generator().manual_seed(5), rows)
        result: Tensor = layer(x[first:last])
        return result

    assert torch.equal(torch.cat([dropped(0, 3), dropped(3, 7)]), dropped(0, 7))


def trained(
    chosen: Candidate, dataset: Dataset, work: Path, stop: dict[int, Stop] | None = None
) -> Callable[[Ranks], Bundle]:
    def one(ranks: Ranks) -> Bundle:
        job = Job(chosen, contract_for(chosen, dataset.manifest), dataset, CPU, work, ranks)
        asked = (stop or {}).get(ranks.rank)
        work.mkdir(exist_ok=True)
        return fit(job, WeightsStore(), "id", tuning=None, stop=Request(asked), on_epoch=None, on_progress=None)

    return one


def states_are_equal(a: Bundle, b: Bundle) -> bool:
    return all(torch.equal(a.state[key], b.state[key]) for key in a.state)


@pytest.mark.slow
def test_a_training_is_that_of_one_process(small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = blocks(PLAIN, epochs=3, averaging={"decay": 0.8}, early_stopping={}, **CHANGED)
    with cpu_threads(1):
        alone = trained(chosen, small_dataset, tmp_path / "alone")(Ranks())
    first, second = together(2, trained(chosen, small_dataset, tmp_path / "two"))
    assert states_are_equal(first, second)
    for key, value in alone.state.items():
        torch.testing.assert_close(first.state[key], value, rtol=1e-3, atol=1e-4)
    for a, b in zip(alone.summary.history, first.summary.history, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-4)
        assert a.validation_loss == pytest.approx(b.validation_loss, rel=1e-4)
        assert a.validation_accuracy == pytest.approx(b.validation_accuracy, abs=0.04)  # of 30 images


@pytest.mark.slow
def test_batchnorm_statistics_are_shared(small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = blocks(NORMED, epochs=2, batch_size=31)
    results = together(3, trained(chosen, small_dataset, tmp_path / "w"))
    assert all(states_are_equal(results[0], other) for other in results[1:])
    assert any(float(v.abs().sum()) > 0 for k, v in results[0].state.items() if k.endswith("running_mean"))


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_one_rank_asked_to_stop_stops_all_at_one_step(rank: int, small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = blocks(NORMED, epochs=3, learning_rate=0.01, averaging={"decay": 0.5}, augment={"crop": 1})
    (whole, _) = together(2, trained(chosen, small_dataset, tmp_path / "whole"))
    asked = iter(range(9))
    stop = {rank: lambda: next(asked, None) is None}
    errors = together(2, trained(chosen, small_dataset, tmp_path / "w", stop))
    assert all(isinstance(error, TrainingStopped) for error in errors)
    assert [error.message for error in errors] == ["tiny_blocks: stopped in epoch 2 after step 3"] * 2
    assert (tmp_path / "w" / CHECKPOINT).is_file()
    first, second = together(2, trained(chosen, small_dataset, tmp_path / "w"))
    assert states_are_equal(first, second)
    assert states_are_equal(first, whole)


@pytest.mark.slow
def test_all_see_the_same_failure(small_dataset: Dataset, tmp_path: Path) -> None:
    chosen = blocks(NORMED, learning_rate=1e6, optimizer="sgd")
    errors = together(2, trained(chosen, small_dataset, tmp_path / "w"))
    assert all(isinstance(error, TrainingFailed) for error in errors)
    assert errors[0].message == errors[1].message


def test_a_rank_that_goes_away_is_missed(small_dataset: Dataset, tmp_path: Path) -> None:
    def one(ranks: Ranks) -> None:
        if ranks.rank == 1:
            ranks.wait()
            ranks.group = None
            return
        ranks.wait()
        ranks.wait()

    error, _ = together(2, one)
    assert isinstance(error, PeerLost)
    assert "process 1 of 2 lost the others" in error.message


def test_the_code_that_processes_run_is_part_of_the_training_s_identity() -> None:
    assert {"podium.training.agent", "podium.training.worker"} <= sources("podium.training").keys()


def test_more_ranks_than_images_validate(small_dataset: Dataset, tmp_path: Path) -> None:
    ranks = [Ranks(rank, 50) for rank in range(50)]
    parts = [range(30)[rank.part(30)] for rank in ranks]
    assert sorted(place for part in parts for place in part) == list(range(30))
