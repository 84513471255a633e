"""Layers for training on a CPU that compute less, and read and write less, than torch's.

Nothing here is needed: where there is no C compiler, or where it does not pay, networks run on torch's own layers.
"""

from podium.kernels.context import kernels
from podium.kernels.install import install, prepared
from podium.kernels.library import NoKernels, why_not

__all__ = ["NoKernels", "install", "kernels", "prepared", "why_not"]
