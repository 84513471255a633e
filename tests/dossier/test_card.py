"""The model card: its sections, its figures, its front matter, and names that would be Markdown."""

from __future__ import annotations

import re

import pytest
import yaml

from podium.config import Candidate, ModelConfig, RecipeConfig
from podium.contract import InputContract
from podium.data import Dataset
from podium.dossier.card import model_card
from podium.dossier.facts import Dossier
from podium.models.weights import Provenance
from tests.dossier.conftest import Make, caution, examined, rival
from tests.evaluation.made import summary
from tests.report.conftest import HOSTILE

SECTIONS = [
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data", "Quantitative analyses",
    "Ethical considerations", "Caveats and recommendations",
]  # fmt: skip


def card(dossier: Dossier, dataset: Dataset, weights: Provenance | None = None) -> str:
    manifest = dataset.manifest
    contract = InputContract(
        height=32, width=32, mean=manifest.mean, std=manifest.std, class_names=manifest.class_names
    )
    recipe = RecipeConfig(id="resnet20", source="He et al.", model=ModelConfig(family="resnet"))
    branch = Candidate(name="resnet20", recipe=recipe)
    return model_card(
        dossier,
        candidate=branch,
        contract=contract,
        training=summary("resnet20"),
        manifest=manifest,
        weights=weights,
    )


def test_it_has_the_standard_sections_in_their_order(make: Make, dataset: Dataset) -> None:
    assert re.findall("^## (.*)$", card(make(), dataset), re.MULTILINE) == SECTIONS


def test_its_figures_are_the_dossiers(make: Make, dataset: Dataset) -> None:
    dossier = make(0.5, 0.1)
    text = card(dossier, dataset)
    assert dossier.champion is not None
    row = next(line for line in text.splitlines() if line.startswith("| accuracy"))
    assert f"{100 * dossier.challenger.accuracy:.2f} [" in row
    assert f"{100 * dossier.champion.accuracy:.2f} [" in row
    assert dossier.bound.model in text
    assert dossier.bound.test in text


def test_its_front_matter_is_what_hubs_read(make: Make, dataset: Dataset) -> None:
    dossier = make()
    front = yaml.safe_load(card(dossier, dataset).split("---\n")[1])
    assert front["pipeline_tag"] == "image-classification"
    (entry,) = front["model-index"][0]["results"][0]["metrics"][:1]
    assert entry == {"type": "accuracy", "value": round(dossier.challenger.accuracy, 4)}


def test_names_are_neither_markdown_nor_html(make: Make, dataset: Dataset) -> None:
    text = card(make(cautions=[caution("a | b\n## c `d` <b>")]), dataset).split("---\n", 2)[2]
    assert HOSTILE not in text
    assert "<b>" not in text
    assert "a \\| b \\#\\# c \\`d\\`" in text


def test_a_first_version_stands_alone_in_the_table(make: Make, dataset: Dataset) -> None:
    assert "champion then" not in card(make(0.5, None), dataset)
    assert "version 2, champion then" in card(make(0.5, 0.1), dataset)


@pytest.mark.parametrize("given", [True, False])
def test_pretrained_weights_are_told_with_their_licence(make: Make, dataset: Dataset, given: bool) -> None:
    weights = Provenance(
        name="net", source_data="Tiny ImageNet", licence="research only", command="c", hardware="h", sha256="9" * 64,
        mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2), input_size=(32, 32),
    )  # fmt: skip
    text = card(make(), dataset, weights if given else None)
    for words in ("Tiny ImageNet", "research only", "9" * 64):
        assert (words in text) is given


def test_it_tells_figures_by_slice_and_under_corruptions(make: Make, dataset: Dataset) -> None:
    found = examined(dataset).findings
    dossier = make(0.5, 0.1, examination=found)
    lines = card(dossier, dataset).splitlines()
    assert dossier.champion is not None
    (dark,) = [line for line in lines if line.startswith("| accuracy on dark images (20), %")]
    for side in (dossier.challenger, dossier.champion):
        assert f" {100 * side.slices[0].accuracy:.2f} [" in dark
    (noisy,) = [line for line in lines if line.startswith("| gaussian noise |")]
    accuracies = [one.accuracy for one in found.robustness.corruptions if one.name == "gaussian_noise"]
    assert noisy == "| gaussian noise | " + " | ".join(f"{100 * value:.1f}" for value in accuracies) + " |"
    assert any(line.startswith("| on validation, accuracy in % |") for line in lines)
    assert "| parameters | 315,722 |" in lines
    other = rival(dataset)
    told = card(make(0.5, 0.1, examination=found, champion_examination=other), dataset)
    assert f"The champion then: {100 * other.robustness.mean_accuracy:.1f} % on average." in told
    assert "| expected calibration error, points |" in "\n".join(lines)


def test_it_says_why_corruptions_are_missing(make: Make, dataset: Dataset) -> None:
    assert "were not measured: out of &lt;memory&gt;" in card(make(unexamined="out of <memory>"), dataset)
