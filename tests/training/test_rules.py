"""Schedules, callbacks and health checks: pure functions of numbers."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from podium.config import TrainerConfig
from podium.config.training import EarlyStoppingConfig, PlateauConfig
from podium.errors import TrainingFailed
from podium.training.callbacks import EarlyStopping, Plateau
from podium.training.health import chance_bound, check_learned, check_loss
from podium.training.schedules import learning_rate


def rates(steps: int, **trainer: object) -> list[float]:
    config = TrainerConfig.model_validate(trainer)
    return [learning_rate(config, 0.1, step, steps) for step in range(steps)]


class TestSchedules:
    def test_constant(self) -> None:
        assert set(rates(10)) == {0.1}

    def test_cosine_falls_from_the_peak(self) -> None:
        found = rates(100, schedule="cosine")
        assert found[0] == 0.1
        assert found[50] == pytest.approx(0.05)
        assert found == sorted(found, reverse=True)
        assert 0 < found[-1] < 1e-4

    def test_one_cycle_rises_to_the_peak_and_falls(self) -> None:
        found = rates(100, schedule="one_cycle")
        top = found.index(max(found))
        assert found[top] == pytest.approx(0.1)
        assert top == 24
        assert found[:25] == sorted(found[:25])
        assert found[24:] == sorted(found[24:], reverse=True)
        assert 0 < found[-1] < 0.002

    def test_triangular_rises_for_the_warm_up_and_falls_to_the_final_rate(self) -> None:
        found = rates(100, schedule="triangular", warm_up=0.2, final_rate=0.07)
        assert found[0] == pytest.approx(0.005)
        assert found[19] == pytest.approx(0.1)
        assert found[:20] == sorted(found[:20])
        assert found[19:] == sorted(found[19:], reverse=True)
        assert 0.007 < found[-1] < 0.0085
        slopes = [a - b for a, b in pairwise(found[19:])]
        assert slopes == pytest.approx([slopes[0]] * len(slopes))

    def test_a_triangle_without_warm_up_starts_at_the_peak(self) -> None:
        assert rates(4, schedule="triangular", warm_up=0.0) == pytest.approx([0.1, 0.075, 0.05, 0.025])

    def test_a_triangle_may_stay_at_its_peak(self) -> None:
        assert rates(6, schedule="triangular", warm_up=0.0, final_rate=1.0) == pytest.approx([0.1] * 6)

    @pytest.mark.parametrize(
        "settings",
        [
            *({"schedule": schedule} for schedule in ("constant", "cosine", "one_cycle")),
            *({"schedule": "triangular", "warm_up": warm_up} for warm_up in (0.0, 0.2, 0.99)),
        ],
    )
    @pytest.mark.parametrize("steps", [1, 2, 3])
    def test_few_steps_are_never_at_rate_zero(self, settings: dict[str, object], steps: int) -> None:
        assert all(0 < rate <= 0.1 + 1e-12 for rate in rates(steps, **settings))


class TestEarlyStopping:
    def feed(self, monitor: str, values: list[float], patience: int = 2) -> tuple[EarlyStopping, list[int]]:
        rule = EarlyStopping.of(EarlyStoppingConfig(monitor=monitor, patience=patience))  # type: ignore[arg-type]
        best = []
        for epoch, value in enumerate(values, 1):
            if rule.stop:
                break
            accuracy, loss = (value, 9.0) if monitor == "accuracy" else (0.0, value)
            if rule.update(epoch, accuracy, loss):
                best.append(epoch)
        return rule, best

    def test_stops_after_patience_epochs_without_gain(self) -> None:
        rule, best = self.feed("accuracy", [0.1, 0.3, 0.3, 0.2, 0.9])
        assert rule.stop
        assert best == [1, 2]
        assert (rule.best_epoch, rule.best) == (2, 0.3)

    def test_a_gain_starts_patience_anew(self) -> None:
        rule, best = self.feed("accuracy", [0.1, 0.05, 0.2, 0.1, 0.3])
        assert not rule.stop
        assert best == [1, 3, 5]

    def test_loss_is_better_when_lower(self) -> None:
        rule, best = self.feed("loss", [3.0, 2.0, 2.5, 2.1])
        assert rule.stop
        assert best == [1, 2]

    def test_accuracy_zero_in_the_first_epoch_counts(self) -> None:
        assert self.feed("accuracy", [0.0])[1] == [1]


class TestPlateau:
    def feed(self, losses: list[float], **config: float) -> list[float]:
        rule = Plateau.of(PlateauConfig.model_validate({"patience": 2, "factor": 0.1, "floor": 1e-3, **config}), 0.1)
        rates = []
        for loss in losses:
            rule.update(loss)
            rates.append(rule.rate)
        return rates

    def test_lowers_by_the_factor_after_patience_epochs(self) -> None:
        assert self.feed([2.0, 1.0, 1.0, 1.0, 0.5]) == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01])

    def test_waits_again_after_lowering_and_stops_at_the_floor(self) -> None:
        assert self.feed([1.0] * 8) == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.001, 0.001])

    def test_a_tiny_gain_is_none(self) -> None:
        assert self.feed([1.0, 0.99999, 0.99998])[-1] == pytest.approx(0.01)

    def test_a_floor_above_the_rate_does_not_raise_it(self) -> None:
        assert self.feed([1.0] * 4, floor=0.5) == [0.1] * 4


class TestLoss:
    @pytest.mark.parametrize("loss", [math.nan, math.inf])
    def test_what_is_not_finite_is_named(self, loss: float) -> None:
        with pytest.raises(TrainingFailed, match=rf"became {loss} in epoch 3"):
            check_loss(loss, epoch=3, classes=10, rate=0.5)

    def test_an_explosion_is_named(self) -> None:
        with pytest.raises(TrainingFailed, match="exploded to 24") as caught:
            check_loss(24.0, epoch=2, classes=10, rate=0.5)
        assert "0.5" in caught.value.remedy

    def test_a_bad_start_is_no_explosion(self) -> None:
        check_loss(8.0, epoch=1, classes=10, rate=0.5)


class TestChance:
    def test_the_bound_lies_between_chance_and_certainty(self) -> None:
        assert chance_bound([1000] * 10) == pytest.approx(0.1 + 3 * 0.3 / 100)
        assert chance_bound([2, 2]) == 0.75

    def test_a_network_that_learned_passes(self) -> None:
        check_learned(torch.tensor([[9, 1], [2, 8]]) * 10, ("cat", "dog"))

    def test_one_class_for_everything_is_named(self) -> None:
        with pytest.raises(TrainingFailed, match="every prediction is 'cat'"):
            check_learned(torch.tensor([[50, 0], [50, 0]]), ("cat", "dog"))

    def test_predicting_the_largest_class_is_chance_however_accurate(self) -> None:
        with pytest.raises(TrainingFailed, match="at chance level"):
            check_learned(torch.tensor([[950, 0], [50, 0]]), ("healthy", "ill"))

    def test_a_network_that_finds_the_small_class_passes(self) -> None:
        check_learned(torch.tensor([[940, 10], [20, 30]]), ("healthy", "ill"))

    def test_guessing_fails(self) -> None:
        with pytest.raises(TrainingFailed, match=r"recall is 0\.34"):
            check_learned(torch.tensor([[34, 33, 33], [33, 34, 33], [33, 33, 34]]), ("a", "b", "c"))

    def test_classes_without_images_are_left_out(self) -> None:
        check_learned(torch.tensor([[90, 10, 0], [10, 90, 0], [0, 0, 0]]), ("a", "b", "c"))
