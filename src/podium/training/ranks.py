"""Data parallel: several processes ("ranks") train one network together, each on its part of every batch.

Every rank draws the whole batch (order, augmentation, dropout) from the same generator and takes its rows, so that the
batches are those of one process. After the backward pass, one sum over the ranks of one flat tensor gives all of them
the same gradients, BatchNorm statistics and sums of the epoch; from equal states they take equal steps, and see the
same signs of failure at the same step.

``DistributedDataParallel`` gives every rank's gradient the same weight, however many images it had, and shares nothing
but gradients and the statistics of rank 0; what it wins, communication during the backward pass, is little for networks
of a few million parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from podium.errors import PodiumError
from podium.models.layers import Rows


class PeerLost(PodiumError):
    """Another process of the training went away, or did not answer in time."""


class Ranks:
    """The processes of one training, as one of them sees it.

    Args:
        rank: Its number, from 0.
        count: Of the processes.
        group: Through which they communicate: gloo for tensors on the CPU, NCCL on GPUs. Not needed by one alone.
    """

    def __init__(self, rank: int = 0, count: int = 1, group: dist.ProcessGroup | None = None) -> None:
        self.rank = rank
        self.count = count
        self.group = group
        self.rows = Rows()
        """Which rows of the batch the network is shown; known to its dropout layers."""

    @property
    def alone(self) -> bool:
        """Whether there is one process only."""
        return self.count == 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.rank == 0

    def part(self, size: int) -> slice:
        """This rank's rows of ``size``: even parts in order, whose lengths differ by one at most."""
        return slice(size * self.rank // self.count, size * (self.rank + 1) // self.count)

    def take(self, size: int) -> slice:
        """This rank's rows of a batch, from now on until the next call.

        A batch of fewer than two images a rank is computed by all: BatchNorm needs two, and those who have nothing to
        do would fall behind in the draws of dropout.
        """
        rows = slice(0, size) if size < 2 * self.count else self.part(size)
        self.rows.first, self.rows.total = rows.start, size
        return rows

    def weight(self, rows: slice, size: int) -> float:
        """What this rank's ``rows`` (as of ``take``) count in a mean over ``size`` images; all ranks' sum is 1."""
        done = rows.stop - rows.start
        return done / size / (self.count if done == size else 1)  # so many did the same work

    def share(self, net: nn.Module, sums: Sequence[Tensor]) -> None:
        """Let all ranks have the sums over the ranks of gradients and ``sums``, in place.

        Args:
            net: With gradients that count as ``weight`` says. BatchNorm's running statistics become the ranks' mean:
                each normalizes by its own part, as under ``DistributedDataParallel``.
            sums: Whole numbers up to 2**24 stay exact.

        Raises:
            PeerLost: See there.
        """
        if self.alone:
            return
        statistics = _statistics(net)
        tensors = [*(p.grad for p in net.parameters() if p.grad is not None), *sums, *statistics]
        with torch.no_grad():
            for mean in statistics:
                mean.div_(self.count)
            flat = torch.cat([tensor.flatten().float() for tensor in tensors])
            self._sum(flat)
            for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
                tensor.copy_(part.view(tensor.shape))

    def total(self, *tensors: Tensor) -> None:
        """Sum each tensor over the ranks, in place. Raises PeerLost."""
        for tensor in tensors:
            self._sum(tensor)

    def asked(self, mine: bool) -> bool:
        """Whether any rank says so: the same answer for all. Goes over the CPU: no GPU waits. Raises PeerLost."""
        if self.alone:
            return mine
        flag = torch.tensor(float(mine))
        self._sum(flag)
        return bool(flag)

    def wait(self) -> None:
        """Until all have come here. Raises PeerLost."""
        self.asked(False)

    def follow_first(self, tensors: Iterable[Tensor]) -> None:
        """Let all ranks have the tensors of rank 0, in place. Raises PeerLost."""
        if self.alone:
            return
        for tensor in tensors:
            values = tensor.detach().clone(memory_format=torch.contiguous_format)
            self._sum(values if self.first else values.zero_())
            tensor.detach().copy_(values)

    def _sum(self, tensor: Tensor) -> None:
        if self.alone:
            return
        try:
            dist.all_reduce(tensor, group=self.group)
        except RuntimeError as error:
            raise PeerLost(f"process {self.rank + 1} of {self.count} lost the others: {error}") from error


def _statistics(net: nn.Module) -> list[Tensor]:
    """Running means and variances of the BatchNorm layers that follow the batches."""
    layers = (m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) and m.training)
    return [b for layer in layers for b in (layer.running_mean, layer.running_var) if b is not None]
