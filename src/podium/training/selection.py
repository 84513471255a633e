"""Which weights a training ends with: those of its best epoch, their average, or the last ones; and their figures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from torch import Tensor, nn

from podium.training.assess import Figures
from podium.training.averaging import Averager
from podium.training.checkpoint import Progress
from podium.training.health import check_finite

Look = Callable[[bool], Figures]
"""Assess the network as it is; whether with all views of an image."""


class Selection:
    """Looks at a network after each epoch, and takes note of the best.

    Args:
        net: The network.
        progress: Of its training: steered by early stopping and plateau, whose states are there.
        look: See there.
        best: The best epoch's weights so far; empty without early stopping.
    """

    def __init__(self, net: nn.Module, progress: Progress, look: Look, best: dict[str, Tensor]) -> None:
        self.net = net
        self.progress = progress
        self.look = look
        self.best = best
        self._figures: Figures | None = None
        """Of the network as the last epoch, or phase, left it; None if a checkpoint was gone on from since."""
        self._best_figures: Figures | None = None

    def after_epoch(self, number: int, averager: Averager | None, *, rate: float) -> Figures:
        """Look at the network, or at the average of its weights. Raises TrainingFailed if the loss is not finite."""
        stopping, plateau = self.progress.stopping, self.progress.plateau
        with averager.applied() if averager else nullcontext():
            # Where no epoch is chosen by it, an epoch is looked at cheaply.
            figures = self._figures = self.look(stopping is not None)
            check_finite(figures.loss, "validation", epoch=number, rate=rate)
            if stopping and stopping.update(number, figures.accuracy, figures.loss):
                self.best = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
                self._best_figures = figures
        if plateau:
            plateau.update(figures.loss)
        return figures

    def after_phase(self, averager: Averager | None) -> None:
        """Let the network go to the best weights, or to the average; the next phase has its own patience."""
        stopping = self.progress.stopping
        if stopping:
            self.progress.stopped_early = self.progress.stopped_early or stopping.stop
            stopping.waited = 0
            self.net.load_state_dict(self.best)
            self._figures = self._best_figures
        elif averager:
            averager.copy_to_network()

    def of_the_result(self, views: int) -> Figures:
        """Figures of the finished network, of all its ``views`` of an image: looked at once more only if need be."""
        if self._figures and (self._figures.views or views == 1):
            return self._figures
        return self.look(True)
