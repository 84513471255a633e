"""The input contract: what reaches a network, so that training and prediction agree on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from podium.config.base import DEFAULT_RESIZE, Frozen, Resize

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
    resize: Resize = DEFAULT_RESIZE
    """How an image of another size is brought to this one. Prediction needs it also where the training images all had
    this size: people classify photographs of any size."""
    class_names: tuple[str, ...] = Field(min_length=2)
    trained_range: tuple[float, float] | None = None
    """The least and the greatest value that the backbone was trained on, where its origin says so."""

    def normalized_range(self) -> tuple[float, float]:
        """The least and the greatest value that a network under this contract may see."""
        low = min((0.0 - m) / s for m, s in zip(self.mean, self.std, strict=True))
        high = max((1 - m) / s for m, s in zip(self.mean, self.std, strict=True))
        return low, high

    def problem(self) -> str | None:
        """Say why a network under this contract would see values that it was not trained on; None if it would not."""
        if min(self.std) <= 0:
            return f"the standard deviation {min(self.std):g} is not positive"
        if max(self.std) > 1 or max(map(abs, self.mean)) > 1:
            return (
                f"mean {_list(self.mean)} and standard deviation {_list(self.std)} are not on [0, 1]:"
                " they look like grey levels of 0…255, and nearly all inputs would be the same number"
            )
        if self.trained_range is None:
            return None
        low, high = self.normalized_range()
        wanted_low, wanted_high = self.trained_range
        slack = 0.05 * (wanted_high - wanted_low)
        if abs(low - wanted_low) <= slack and abs(high - wanted_high) <= slack:
            return None
        return (
            f"the backbone was trained on inputs from {wanted_low:g} to {wanted_high:g}, and mean {_list(self.mean)}"
            f" and standard deviation {_list(self.std)} give it inputs from {low:.4g} to {high:.4g}"
        )


def _list(values: Channels) -> str:
    return ", ".join(f"{value:g}" for value in values)
