"""Great Expectations on the data set; a critical failure ends the run here."""

from typing import Annotated

from zenml.types import HTMLString

from podium.code import code_digest
from podium.config import Candidate
from podium.data import open_dataset
from podium.models.contracts import contract_for
from podium.models.places import weights_store
from podium.orchestration.caching import depends_on_code
from podium.orchestration.step import step
from podium.results import DataReference
from podium.settings import Settings
from podium.validation import ValidationReport, ensure_valid, render_report, validate_dataset
from podium.validation.suite import Suite


def code() -> str:
    """The version of what this step calls."""
    return code_digest("podium.validation", "podium.models.contracts")


@step(cache_policy=depends_on_code(code))
def validate(
    data: DataReference, suite: Suite, candidates: list[Candidate], backbones: dict[str, str | None]
) -> tuple[Annotated[ValidationReport, "validation_report"], Annotated[HTMLString, "validation_page"]]:
    """Check the images, also as each candidate's network will get them.

    ``suite`` is the whole of it, resolved, and ``backbones`` are the digests of pretrained weights and their
    normalization: parts of the cache key.
    """
    settings = Settings.from_environment()
    dataset = open_dataset(settings.root / data.path)
    weights = weights_store(settings)
    contracts = {candidate.name: contract_for(candidate, dataset.manifest, weights) for candidate in candidates}
    report = validate_dataset(dataset, suite, contracts)
    ensure_valid(report, dataset, settings.state / "validation" / data.digest[:12])
    return report, HTMLString(render_report(report, dataset))
