"""Muon: matrices are trained by orthogonalized momentum, everything else by SGD.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
https://kellerjordan.github.io/posts/muon/. ``torch.optim.Muon`` takes matrices alone, one after the other, and works in
bfloat16 on any device; here convolutions are taken as matrices (filters × what they look at), and those of one shape
are orthogonalized together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration; steep at 0, so that singular values end between about 0.7 and 1.2 rather than at 1."""
ITERATIONS = 5
EPSILON = 1e-7
WIDE = 2
"""Columns a row from which fewer multiplications are needed by way of the products of rows."""


class Muon(Optimizer):
    """Nesterov momentum; groups with ``orthogonal`` step in the direction of the nearest orthogonal matrix.

    A group is a mapping with ``params``, ``lr``, ``momentum``, ``weight_decay`` (decoupled), ``orthogonal``, and
    ``unit`` (before each step, bring the root mean square of the rows' norms to 1).
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, lr: float, momentum: float) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "orthogonal": False, "unit": False}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change the parameters that have a gradient. ``closure`` is not supported."""
        if closure is not None:
            raise ValueError("Muon takes no closure")
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._step(group, parameters)

    def _step(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        buffers = [self.state[p]["momentum_buffer"] for p in parameters]
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, gradients)
        updates = list(torch._foreach_add(gradients, buffers, alpha=group["momentum"]))
        if group["orthogonal"]:
            updates = _orthogonalized(updates)
        if group["unit"]:
            torch._foreach_mul_(parameters, [math.sqrt(len(p)) / p.norm().clamp(min=EPSILON) for p in parameters])
        elif group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(parameters, updates, alpha=-group["lr"])


def _orthogonalized(updates: list[Tensor]) -> list[Tensor]:
    """Each update as a matrix, orthogonalized, scaled by the root of rows / columns where it is tall."""
    shapes: dict[tuple[int, int], list[int]] = {}
    for place, update in enumerate(updates):
        shapes.setdefault((len(update), update[0].numel()), []).append(place)
    result = list(updates)
    for (rows, columns), places in shapes.items():
        matrices = torch.stack([updates[place].flatten(1) for place in places])
        solved = orthogonalize(matrices) * math.sqrt(max(1.0, rows / columns))
        for place, matrix in zip(places, solved, strict=True):
            result[place] = matrix.reshape(updates[place].shape)
    return result


def orthogonalize(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices near 1 by Newton-Schulz iterations.

    Args:
        matrices: floating point K×R×C. A matrix of zeros stays one.

    Returns:
        The same type and shape. Computed in bfloat16 on a GPU, in float32 on the CPU.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x.to(torch.bfloat16 if matrices.is_cuda else torch.float32)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=EPSILON)
    if x.dtype == torch.float32 and x.shape[2] >= WIDE * x.shape[1]:
        x = _polynomials(x @ x.mT) @ x
    else:
        for _ in range(ITERATIONS):
            gram = x @ x.mT
            x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)


def _polynomials(gram: Tensor) -> Tensor:
    """What all iterations together multiply a matrix by, from its products of rows K×R×R.

    Each iteration multiplies by a polynomial p of the products so far, which then are p² times themselves: so small
    squares are multiplied instead of wide matrices. Needs float32: small singular values are squared.
    """
    a, b, c = COEFFICIENTS
    product = None
    for left in reversed(range(ITERATIONS)):
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        polynomial.diagonal(dim1=1, dim2=2).add_(a)
        product = polynomial if product is None else polynomial @ product
        if left:
            gram = polynomial @ gram @ polynomial
    assert product is not None
    return product
