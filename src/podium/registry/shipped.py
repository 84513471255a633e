"""What a registered model needs where it is loaded: Podium's own modules, and the packages that these import."""

from __future__ import annotations

import zipfile
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import podium
from podium.code import sources

if TYPE_CHECKING:
    from torch import nn

LOADER: Final = "podium.registry.pyfunc"
"""The module that MLflow's code file imports."""
_DIRECT: Final = (
    "filelock", "mlflow", "numpy", "pandas", "pydantic", "pyyaml", "safetensors", "scipy", "torch",
)  # fmt: skip
"""What :data:`LOADER` and the modules behind it import."""
_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""Of each file in the archive, so that the same sources give the same bytes."""


def requirements(net: nn.Module) -> list[str]:
    """``NAME==VERSION`` for each package that loading and predicting imports, as it is installed here.

    Args:
        net: The network, or its skeleton; parts of another package's classes (timm's) need that package.
    """
    parts = {type(part).__module__.partition(".")[0] for part in net.modules()} - {"podium", "torch"}
    owners = packages_distributions() if parts else {}
    names = {*_DIRECT, *(owners[part][0] for part in parts)}
    # A build's own label (+cpu) is left out: the package index may lack that build.
    return [f"{name}=={version(name).partition('+')[0]}" for name in sorted(names)]


def write_sources(target: Path) -> None:
    """Write the modules that :data:`LOADER` imports into a zip file from which Python imports them."""
    root = Path(podium.__file__).parent.parent
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(set(sources(LOADER).values())):
            name = zipfile.ZipInfo(file.relative_to(root).as_posix(), _TIME)
            archive.writestr(name, file.read_bytes(), zipfile.ZIP_DEFLATED)
