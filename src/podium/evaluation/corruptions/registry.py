"""The corruptions, by name, and the random numbers that they draw."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
"""N×H×W×3 on [0, 1]."""
Group = Literal["noise", "blur", "light", "digital"]

GROUPS: Final[tuple[Group, ...]] = ("noise", "blur", "light", "digital")
"""In the order of reports."""
SEVERITIES: Final = (1, 3, 5)
"""Of the five of Hendrycks & Dietterich 2019: the weakest, the middle and the strongest."""
SIDE: Final = 32
"""The size that lengths in pixels are given for; they grow with the images' shorter side."""


class Draws:
    """Random numbers of each image, from the seed, the corruption's name and the image's index alone.

    They do not depend on the severity: a stronger noise is the same noise, stronger.
    """

    def __init__(self, seed: int, name: str, indices: Sequence[int]) -> None:
        self._key = [seed, zlib.crc32(name.encode())]
        self._indices = indices

    def each(self, draw: Callable[[np.random.Generator, int], NDArray]) -> NDArray:
        """Stack what ``draw`` makes of each image's generator and place in the batch."""
        return np.stack(
            [draw(np.random.default_rng([*self._key, int(i)]), place) for place, i in enumerate(self._indices)]
        )

    def normal(self, *shape: int) -> NDArray[np.float32]:
        """Standard normal, N×shape."""
        return self.each(lambda rng, _: rng.standard_normal(shape, np.float32))

    def uniform(self, *shape: int) -> NDArray[np.float32]:
        """On [0, 1), N×shape."""
        return self.each(lambda rng, _: rng.random(shape, np.float32))


Change = Callable[[Images, int, Draws], Images]
"""From images, one of ``SEVERITIES`` and random numbers to images; what leaves [0, 1] is clipped afterwards."""


@dataclass(frozen=True)
class Corruption:
    """One way in which images are spoilt."""

    name: str
    group: Group
    change: Change


_REGISTRY: Final[dict[str, Corruption]] = {}


def corruption(group: Group) -> Callable[[Change], Change]:
    """Register a function as the corruption of its name. Raises ValueError if there is one of this name."""

    def register(change: Change) -> Change:
        name = change.__name__
        if name in _REGISTRY:
            raise ValueError(f"there are two corruptions {name!r}")
        _REGISTRY[name] = Corruption(name, group, change)
        return change

    return register


def registered() -> tuple[Corruption, ...]:
    """All corruptions whose modules were imported, by group, in the order of their definition."""
    return tuple(sorted(_REGISTRY.values(), key=lambda entry: GROUPS.index(entry.group)))


def at(severity: int, weak: float, middle: float, strong: float) -> float:
    """The parameter of a severity. Raises ValueError if it is none of ``SEVERITIES``."""
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity} is none of {SEVERITIES}")
    return (weak, middle, strong)[SEVERITIES.index(severity)]


def scale(images: Images) -> float:
    """How much larger than ``SIDE`` the images' shorter side is."""
    return min(images.shape[1:3]) / SIDE
