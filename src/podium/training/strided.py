"""Convolutions that oneDNN computes wrongly, rewritten so that it does not."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

_BLOCK: Final = 16
"""Channels that oneDNN takes together with AVX-512; with AVX2 they are 8."""


def mend_strided(net: nn.Module) -> int:
    """Let strided 1×1 convolutions of few input channels pick the places first, then convolve with stride 1.

    The values and parameters are the same. In channels_last, oneDNN's gradient of the weights of such a layer writes
    past its workspace where there are fewer channels than its block: wrong gradients, or a crash of the whole process
    (uxlfoundation/oneDNN issue 6035; seen with PyTorch 2.15 on a processor with AVX2).

    Returns:
        How many layers of ``net`` were changed, in place.
    """
    found = [module for module in net.modules() if isinstance(module, nn.Conv2d) and _concerned(module)]
    for conv in found:
        conv.register_forward_pre_hook(_Pick(*conv.stride))
        conv.stride = (1, 1)
    return len(found)


def _concerned(conv: nn.Conv2d) -> bool:
    plain = conv.kernel_size == (1, 1) and conv.padding in {(0, 0), "valid"} and not is_parametrized(conv)
    return plain and conv.stride != (1, 1) and conv.in_channels // conv.groups < _BLOCK


class _Pick:
    """Every so manieth row and column. A class, so that networks with it can be copied."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns

    def __call__(self, module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        images, *rest = arguments
        return (images[..., :: self.rows, :: self.columns], *rest)
