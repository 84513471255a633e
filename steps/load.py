"""Open the data set and make sure that its bytes are the recorded ones."""

from typing import Annotated

from podium.config import RunConfig
from podium.data.policy import open_configured
from podium.orchestration.step import step
from podium.results import DataReference
from podium.settings import Settings


@step(enable_cache=False)
def load(config: RunConfig) -> Annotated[DataReference, "data"]:
    """Verify the data set's size and policy, and its digests; the following steps are cached by its content."""
    dataset = open_configured(config, Settings.from_environment().root)
    dataset.verify()
    return DataReference(name=dataset.manifest.name, path=str(config.data.path), digest=dataset.manifest.digest)
