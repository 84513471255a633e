"""Size, resize policy and folder of an import: from its options, or from the file of the runs that will use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podium.config.base import DEFAULT_RESIZE, Resize
from podium.config.run import MAX_SIDE
from podium.errors import ConfigError
from podium.settings import Settings

_KEY = "parameters.config.data"


@dataclass(frozen=True)
class ImportPolicy:
    """What an import does with images of any size, and where it writes."""

    size: tuple[int, int] | None
    """Height and width; the images' own one if None."""
    resize: Resize
    target: Path
    """The folder as a person named it; the checkout's ``data`` is absolute."""


def choose_policy(
    size: str | None, resize: Resize | None, target: Path | None, config: Path | None, settings: Settings
) -> ImportPolicy:
    """Put options and a run's configuration together; an option that contradicts the file is refused.

    Args:
        size: Of ``--size``.
        resize: Of ``--resize``.
        target: Of ``--target``; another folder than the file's is no contradiction.
        config: A pipeline file, as named on the command line.
        settings: Of the checkout.

    Raises:
        ConfigError: The file or the size is refused, or a run of the file would refuse the data set.
    """
    asked = parse_size(size) if size is not None else None
    if config is None:
        return ImportPolicy(asked, resize or DEFAULT_RESIZE, target or settings.data)
    from podium.config.load import load_run_config
    from podium.data.policy import format_size

    file = settings.find(config)
    data = load_run_config(file).data
    for key, option, says in (
        ("size", asked and format_size(asked), data.size and format_size(data.size)),
        ("resize", resize, data.resize),
    ):
        if option and says and option != says:
            raise ConfigError(
                f"--{key} {option}: {file} says {_KEY}.{key}: {says}, and its runs would refuse the data set",
                remedy=f"leave --{key} out, or write {option} into the file",
            )
    folder = target or (data.path if data.path.is_absolute() else settings.root / data.path)
    return ImportPolicy(asked or data.size, resize or data.resize or DEFAULT_RESIZE, folder)


def parse_size(text: str) -> tuple[int, int]:
    """``32`` and ``32x48`` to height and width. Raises ConfigError for anything else."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) in (1, 2) and all(part.isdecimal() for part in parts):
        height, width = (int(part[:9]) for part in (parts[0], parts[-1]))  # nobody waits for a million digits
        if max(height, width) > MAX_SIDE:
            raise ConfigError(f"--size {text}: more than {MAX_SIDE:,} pixels a side", remedy="give a smaller size")
        if min(height, width) > 0:
            return height, width
    raise ConfigError(f"--size {text}: not a size", remedy="give one number of pixels, or height and width as 32x48")
