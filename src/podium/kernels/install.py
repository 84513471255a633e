"""Let the layers of a network use the kernels, where a context asks for it."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrize import is_parametrized

from podium.kernels import few, pool, winograd
from podium.kernels.context import in_use
from podium.kernels.few import conv3x3_norm
from podium.kernels.norm import Around, norm2d
from podium.models.max_pool import MaxPool


def install(net: nn.Module, *, whole: bool = True) -> int:
    """Prepare a network, in place: its layers use kernels within ``kernels()``, and are torch's own elsewhere.

    Parameters, buffers and their names stay. 3×3 convolutions are prepared wherever they are; BatchNorm with the ReLU
    and the 2×2 max pooling beside it where they follow each other in an ``nn.Sequential``.

    Args:
        net: With torch's layers.
        whole: Whether all of ``net`` is always run within the same context. Of a network that is cut in two, layers
            that work for each other could come apart, so only convolutions are prepared.

    Returns:
        How many layers were prepared.
    """
    found = 0
    for module in list(net.modules()):
        if type(module) is nn.Conv2d and not is_parametrized(module):
            kind = Conv3x3 if winograd.suits(module) else FewChannels if few.suits(module) else None
            module.__class__ = kind or nn.Conv2d
            found += kind is not None
    for module in net.modules():
        if whole and type(module) is nn.Sequential:
            found += _install_norms(list(module))
    for module in net.modules():
        if type(module) is MaxPool and not module.ceil_mode:
            module.__class__ = KernelMaxPool
            found += 1
    return found


def prepared(net: nn.Module) -> bool:
    """Whether ``install`` found a layer of ``net`` to prepare."""
    return any(isinstance(module, _KINDS) for module in net.modules())


class Conv3x3(nn.Conv2d):
    """A 3×3 convolution by Winograd's method, where that pays."""

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×K×H'×W'."""
        padding = int(self.padding[0])
        if in_use() and winograd.pays(x, padding):
            return winograd.conv3x3(x, self.weight, self.bias, padding)
        return super().forward(x)


class FewChannels(nn.Conv2d):
    """A network's first 3×3 convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×K×H'×W'."""
        padding = int(self.padding[0])
        if in_use() and few.pays(x, padding):
            return few.conv3x3_few(x, self.weight, self.bias, padding)
        return super().forward(x)


class Norm(nn.BatchNorm2d):
    """BatchNorm that does the work of its neighbours, too."""

    around: Around
    first: tuple[nn.Conv2d, ...]
    """The network's first convolution, where its work is done here. In a tuple, as it is no layer of this one."""

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×C×H×W, or what pooling leaves of it."""
        if not in_use():
            return super().forward(x)
        if self.first:
            return conv3x3_norm(self.first[0], self, x, self.around)
        return norm2d(self, x, self.around)


class DoneConv(nn.Conv2d):
    """A network's first convolution whose work its neighbour does."""

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×C×H×W, or N×K×H'×W'."""
        return x if in_use() else super().forward(x)


class DoneReLU(nn.ReLU):
    """A ReLU whose work its neighbour does."""

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×C×H×W."""
        return x if in_use() else super().forward(x)


class DoneMaxPool(MaxPool):
    """Max pooling whose work its neighbour does."""

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×C×H×W, or pooled."""
        return x if in_use() else super().forward(x)


class KernelMaxPool(MaxPool):
    """Max pooling that keeps a byte a maximum."""

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×C×⌊H/2⌋×⌊W/2⌋."""
        return pool.max_pool(x) if in_use() and pool.pays(x) else super().forward(x)


class MaxPoolReLU(KernelMaxPool):
    """Max pooling that does the ReLU before it: of the maxima alone, which gives the same values and gradients."""

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W → N×C×⌊H/2⌋×⌊W/2⌋."""
        pooled = super().forward(x)
        return functional.relu(pooled, inplace=True) if in_use() else pooled


def _install_norms(layers: list[nn.Module]) -> int:
    found = 0
    for place, norm in enumerate(layers):
        if type(norm) is not nn.BatchNorm2d:
            continue
        before = layers[place - 1] if place else None
        after = layers[place + 1 :]
        first = type(before) is nn.ReLU
        last = bool(after) and type(after[0]) is nn.ReLU
        pool = after[last] if len(after) > last else None
        pooled = type(pool) is MaxPool and not pool.ceil_mode
        norm.__class__ = Norm
        norm.around = Around(first, last, pooled)  # type: ignore[assignment]
        conv = layers[place - 1 - first] if place > first else None
        norm.first = ()  # type: ignore[assignment]
        if isinstance(conv, FewChannels):
            norm.first = (conv,)  # type: ignore[assignment]
            conv.__class__ = DoneConv  # type: ignore[assignment]
        if first and before is not None:
            before.__class__ = DoneReLU
        if last:
            after[0].__class__ = DoneReLU
        if pooled and pool is not None:
            pool.__class__ = DoneMaxPool
        found += 1
    for one, other in pairwise(layers):
        if type(one) is nn.ReLU and type(other) is MaxPool and not other.ceil_mode:
            one.__class__, other.__class__ = DoneReLU, MaxPoolReLU
            found += 1
    return found


_KINDS = (Conv3x3, FewChannels, Norm, KernelMaxPool)
