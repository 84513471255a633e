"""An exponential moving average of a network's weights (Polyak & Juditsky 1992; as in Tarvainen & Valpola 2017).

``torch.optim.swa_utils.AveragedModel`` holds the average in a second network, which would have to be compiled once
more, and its decay is fixed. Here it is a list of tensors that the network borrows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from podium.config import AveragingConfig

STEPS = "steps"
"""Key of the number of steps among the tensors; no name of a parameter, since those of layers have a dot."""


class Averager:
    """The average of everything in a network's state dict that is a real number; counters are taken over.

    Statistics of BatchNorm are averaged, too. The network must be on its device, prepared, and keep its tensors.
    Early on, the average forgets faster, so that it does not hang on to the initial weights: after t steps, a step
    leaves at most (1 + t) / (10 + t) of it (as TensorFlow's ``ExponentialMovingAverage`` does).
    """

    def __init__(self, net: nn.Module, config: AveragingConfig) -> None:
        self.config = config
        self.steps = 0
        self._live = dict(net.state_dict())
        self._average = {name: value.clone() for name, value in self._live.items()}
        self._real = [name for name, value in self._live.items() if value.is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Count a step of the optimizer; every ``config.every`` of them, move the average towards the network."""
        self.steps += 1
        every = self.config.every
        if self.steps % every:
            return
        kept = min(self.config.decay, (1 + self.steps) / (10 + self.steps)) ** every
        torch._foreach_lerp_(self._values(self._average), self._values(self._live), 1 - kept)

    def _values(self, state: dict[str, Tensor]) -> list[Tensor]:
        return [state[name] for name in self._real]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the network have the average for a while; it gets its own weights back, bit for bit."""
        own = [value.clone() for value in self._values(self._live)]
        self.copy_to_network()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self._values(self._live), own)

    @torch.no_grad()
    def copy_to_network(self) -> None:
        """Let the network have the average for good."""
        torch._foreach_copy_(self._values(self._live), self._values(self._average))

    def tensors(self) -> dict[str, Tensor]:
        """The average and the number of steps, for a checkpoint; not a copy."""
        return {STEPS: torch.tensor(self.steps), **{name: self._average[name] for name in self._real}}

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what ``tensors`` gave."""
        self.steps = int(tensors[STEPS])
        for name in self._real:
            self._average[name].copy_(tensors[name])
