"""Open the data set and make sure that its bytes are the recorded ones."""

from typing import Annotated

from zenml import step

from podium.config import RunConfig
from podium.data import open_dataset
from podium.results import DataReference
from podium.settings import Settings


@step(enable_cache=False)
def load(config: RunConfig) -> Annotated[DataReference, "data"]:
    """Verify the data set's digests; the following steps are cached by the content that is referred to."""
    dataset = open_dataset(Settings.from_environment().root / config.data.path)
    dataset.verify()
    return DataReference(name=dataset.manifest.name, path=str(config.data.path), digest=dataset.manifest.digest)
