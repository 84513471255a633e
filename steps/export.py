"""Turn a pretrained network into weights that transfer recipes start from."""

from typing import Annotated

from podium.bundle import Bundle
from podium.data import open_dataset
from podium.models.export import export_backbone
from podium.models.weights import Provenance
from podium.orchestration.step import step
from podium.results import DataReference
from podium.settings import Settings


@step(enable_cache=False)
def export(model: Bundle, data: DataReference, command: str, hardware: str) -> Annotated[Provenance, "weights"]:
    """Write ``NAME.safetensors`` and ``NAME.json`` below ``weights`` in the state folder; NAME is the candidate's."""
    settings = Settings.from_environment()
    dataset = open_dataset(settings.root / data.path)
    name = model.candidate.name
    licence = f"Apache-2.0 (weights); trained on images under: {dataset.manifest.licence}"
    folder = settings.state / "weights"
    return export_backbone(model, dataset, folder, name, licence=licence, command=command, hardware=hardware)
