"""The import engine: from what a source lists to a data set in its place."""

from podium.data.importing.engine import import_images
from podium.data.importing.install import Installed, install
from podium.data.importing.listing import Listing
from podium.data.importing.options import ImportOptions

__all__ = ["ImportOptions", "Installed", "Listing", "import_images", "install"]
