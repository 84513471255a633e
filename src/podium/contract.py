"""The input contract: what reaches a network, so that training and prediction agree on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from podium.config.base import Frozen

Channels = tuple[float, float, float]


class InputContract(Frozen):
    """Images are uint8 RGB of ``height`` × ``width``; the network gets ``(x / 255 - mean) / std`` as N×3×H×W.

    It travels with the model and is enforced at training and at prediction.
    """

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    mean: Channels
    """Per channel, on [0, 1]."""
    std: Channels
    """Per channel, on [0, 1]; positive."""
    channel_order: Literal["RGB"] = "RGB"
    resize: Literal["stretch", "crop", "pad"] = "stretch"
    """How an image of another size is brought to this one."""
    class_names: tuple[str, ...] = Field(min_length=2)

    def normalized_range(self) -> tuple[float, float]:
        """The least and the greatest value that a network under this contract may see."""
        low = min(-m / s for m, s in zip(self.mean, self.std, strict=True))
        high = max((1 - m) / s for m, s in zip(self.mean, self.std, strict=True))
        return low, high
