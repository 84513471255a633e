"""Great Expectations on the data set; a critical failure ends the run here."""

from typing import Annotated

from zenml import step
from zenml.types import HTMLString

from podium.code import code_digest
from podium.config import Candidate, ValidationConfig
from podium.data import open_dataset
from podium.models import WeightsStore
from podium.models.contracts import contract_for
from podium.orchestration.caching import depends_on_code
from podium.results import DataReference
from podium.settings import Settings
from podium.validation import ValidationReport, ensure_valid, render_report, validate_dataset


def code() -> str:
    """The version of what this step calls."""
    return code_digest("podium.validation", "podium.models.contracts")


@step(cache_policy=depends_on_code(code))
def validate(
    data: DataReference, bounds: ValidationConfig, candidates: list[Candidate], backbones: dict[str, str | None]
) -> tuple[Annotated[ValidationReport, "validation_report"], Annotated[HTMLString, "validation_page"]]:
    """Check the images, also as each candidate's network will get them.

    ``backbones`` are the digests of pretrained weights and their normalization: a part of the cache key.
    """
    settings = Settings.from_environment()
    dataset = open_dataset(settings.root / data.path)
    weights = WeightsStore(settings.weights)
    contracts = {candidate.name: contract_for(candidate, dataset.manifest, weights) for candidate in candidates}
    report = validate_dataset(dataset, bounds, contracts)
    ensure_valid(report, dataset, settings.state / "validation" / data.digest[:12])
    return report, HTMLString(render_report(report, dataset))
