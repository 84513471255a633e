"""Images brought to a backbone's size inside the network, on its device."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Resize(nn.Module):
    """Bilinear, to a square; with antialiasing where images become smaller. Has no parameters and no state."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """Normalized N×3×H×W → N×3×S×S, in the same layout; the images themselves where they have that size."""
        height, width = x.shape[-2:]
        if (height, width) == (self.side, self.side):
            return x
        smaller = self.side < max(height, width)
        return functional.interpolate(
            x, (self.side, self.side), mode="bilinear", align_corners=False, antialias=smaller
        )

    def extra_repr(self) -> str:
        """Show the size in the module's repr."""
        return f"side={self.side}"
