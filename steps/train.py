"""Train one candidate; the pipeline starts one such step a candidate, all in parallel."""

from typing import Annotated

from zenml import get_step_context

from podium.bundle import Bundle
from podium.code import code_digest
from podium.config import Candidate
from podium.data import open_dataset
from podium.models.contracts import contract_for
from podium.models.places import weights_store
from podium.orchestration.caching import depends_on_code
from podium.orchestration.materializers import BundleMaterializer
from podium.orchestration.step import step
from podium.orchestration.training import train_tracked
from podium.results import DataReference
from podium.settings import Settings


def code() -> str:
    """The version of what this step calls."""
    return code_digest("podium.training", "podium.models.contracts")


@step(cache_policy=depends_on_code(code), output_materializers=BundleMaterializer)
def train(data: DataReference, candidate: Candidate, backbone: str | None) -> Annotated[Bundle, "model"]:
    """Train, tracking each epoch; a killed training goes on from its last checkpoint.

    ``backbone`` is the digest of the pretrained weights and their normalization: a part of the cache key.
    """
    settings = Settings.from_environment()
    dataset = open_dataset(settings.root / data.path)
    contract = contract_for(candidate, dataset.manifest, weights_store(settings))
    run = get_step_context().pipeline_run.name
    return train_tracked(candidate, dataset, contract, settings=settings, run=run, code=code())
