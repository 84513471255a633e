"""Whether what is done to training images makes sense for images of their size."""

from __future__ import annotations

from podium.config.training import AugmentConfig
from podium.errors import ConfigError


def check_image_size(augment: AugmentConfig, size: tuple[int, int], where: str) -> None:
    """Refuse displacements and squares as large as the image: little or nothing of it would be left as it was.

    Args:
        augment: Of a trainer.
        size: Height and width of the images.
        where: File and path of the trainer, for messages.

    Raises:
        ConfigError: ``crop`` or ``cutout`` is not below the shorter side; names the value and the size.
    """
    side = min(size)
    for name in ("crop", "cutout"):
        pixels = getattr(augment, name)
        if pixels and pixels >= side:
            raise ConfigError(
                f"{where}.augment.{name}: {pixels} pixels, but the images are {size[0]}×{size[1]}",
                remedy=f"set it below {side}, to 0 for none, or import larger images",
            )
