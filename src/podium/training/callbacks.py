"""EarlyStopping and ReduceLROnPlateau as small states that a number is fed into after each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from podium.config.training import EarlyStoppingConfig, PlateauConfig

MIN_DELTA = 1e-4
"""Keras's for ReduceLROnPlateau: a smaller gain in loss is none."""


@dataclass
class EarlyStopping:
    """Remembers the best epoch, and says when patience has run out."""

    monitor: Literal["accuracy", "loss"]
    patience: int
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0

    @classmethod
    def of(cls, config: EarlyStoppingConfig) -> EarlyStopping:
        """Start with no epoch seen."""
        return cls(config.monitor, config.patience)

    @property
    def stop(self) -> bool:
        """Whether ``patience`` epochs have passed without improvement."""
        return self.waited >= self.patience

    def update(self, epoch: int, accuracy: float, loss: float) -> bool:
        """Feed in one epoch's validation figures. Returns whether it is the best so far."""
        value = accuracy if self.monitor == "accuracy" else -loss
        if self.best is None or value > self.best:
            self.best, self.best_epoch, self.waited = value, epoch, 0
            return True
        self.waited += 1
        return False


@dataclass
class Plateau:
    """The learning rate of a constant schedule, lowered when validation loss stands still."""

    rate: float
    patience: int
    factor: float
    floor: float
    best: float | None = None
    waited: int = 0

    @classmethod
    def of(cls, config: PlateauConfig, rate: float) -> Plateau:
        """Start at ``rate``."""
        return cls(rate, config.patience, config.factor, min(config.floor, rate))

    def update(self, loss: float) -> None:
        """Feed in one epoch's validation loss."""
        if self.best is None or loss < self.best - MIN_DELTA:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.rate, self.waited = max(self.floor, self.rate * self.factor), 0
