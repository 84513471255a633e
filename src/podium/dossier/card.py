"""The model card of a version, from its dossier: sections of Mitchell et al. 2019 (arXiv 1810.03993), in Markdown."""

from __future__ import annotations

from typing import Final

import yaml

from podium.config import Candidate
from podium.contract import InputContract
from podium.data import Manifest
from podium.dossier.analyses import analyses
from podium.dossier.facts import Dossier
from podium.dossier.markdown import code, plain
from podium.dossier.words import SAID, title
from podium.models.weights import Provenance
from podium.results import TrainingSummary
from podium.wording import plural

_CLASSES: Final = 100
"""Classes that are named."""


def model_card(
    dossier: Dossier,
    *,
    candidate: Candidate,
    contract: InputContract,
    training: TrainingSummary,
    manifest: Manifest,
    weights: Provenance | None,
) -> str:
    """Markdown, with the front matter that model hubs read. All names are escaped.

    Args:
        dossier: Of the version.
        candidate: How it was trained.
        contract: What it takes.
        training: What the training did.
        manifest: Of the data version.
        weights: Of the pretrained backbone that it started from, if it did.
    """
    sections = {
        "Model details": _details(dossier, candidate, training),
        "Intended use": _use(contract),
        "Factors": "The class, brightness and contrast of the image, and common corruptions: noise, blur, light and"
        " digital ones.",
        "Metrics": _metrics(dossier),
        "Evaluation data": _evaluation_data(dossier, manifest),
        "Training data": _training_data(weights, manifest),
        "Quantitative analyses": analyses(dossier),
        "Ethical considerations": "Nobody has examined whom wrong answers of this model would harm. Whoever uses it has"
        " to, before it decides about people.",
        "Caveats and recommendations": _caveats(dossier),
    }
    subject = dossier.subject
    head = yaml.safe_dump(_front_matter(dossier, manifest), sort_keys=False, allow_unicode=True)
    parts = [f"# {plain(subject.model)}, version {subject.version}", plain(dossier.summary)]
    parts += [f"## {name}\n\n{text}" for name, text in sections.items()]
    return f"---\n{head}---\n\n" + "\n\n".join(parts) + "\n"


def _front_matter(dossier: Dossier, manifest: Manifest) -> dict[str, object]:
    metrics = [
        {"type": "accuracy", "value": round(dossier.challenger.accuracy, 4)},
        {"type": "f1", "value": round(dossier.challenger.macro_f1, 4), "args": {"average": "macro"}},
    ]
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"name": manifest.name, "type": manifest.name, "split": "test", "revision": manifest.digest},
        "metrics": metrics,
    }
    return {
        "library_name": "podium",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "pytorch", "safetensors"],
        "model-index": [
            {"name": f"{dossier.subject.model}-{dossier.subject.version}", "results": [result]},
        ],
    }


def _details(dossier: Dossier, candidate: Candidate, training: TrainingSummary) -> str:
    subject, model = dossier.subject, candidate.recipe.model
    return _items(
        {
            "Registered model": f"{subject.model}, version {subject.version}",
            "Recipe": f"{subject.recipe} ({candidate.recipe.source})",
            "Network": f"{model.family}, {plural(training.parameters, 'parameter')}",
            "Training": f"{plural(training.epochs, 'epoch')}, seed {training.seed}, on {training.device}",
            "Code": (dossier.bound.commit or "no commit")
            + (" with uncommitted changes" if dossier.bound.dirty else ""),
            "Run": subject.run,
            "Model files": f"SHA-256 {dossier.bound.model}",
            "Verdict of the gate": SAID[dossier.outcome],
        }
    )


def _use(contract: InputContract) -> str:
    names = ", ".join(plain(name) for name in contract.class_names[:_CLASSES])
    more = len(contract.class_names) - _CLASSES
    return (
        f"Classifies RGB images of {contract.height}×{contract.width} pixels (others are brought to that size by"
        f" `{contract.resize}`) as one of {plural(len(contract.class_names), 'class', 'classes')}: {names}"
        f"{f' and {more} more' if more > 0 else ''}.\n\nOut of scope: images of anything else. It names one of its"
        " classes for every image, also where none fits."
    )


def _metrics(dossier: Dossier) -> str:
    return (
        f"Accuracy with a {100 * dossier.challenger.level:.4g} % Wilson interval (on parts of the images: 95 %), F1"
        " averaged over classes, cross-entropy in nats. The candidate was"
        " selected on validation images; the test images were opened once that was settled, for decision"
        f" {dossier.use} on them."
    )


def _evaluation_data(dossier: Dossier, manifest: Manifest) -> str:
    count = manifest.splits["test"].count
    return f"The test split of `{code(manifest.name)}`: {plural(count, 'image')}, SHA-256 {dossier.bound.test}."


def _training_data(weights: Provenance | None, manifest: Manifest) -> str:
    train, validation = (manifest.splits[name].count for name in ("train", "validation"))
    start = ""
    if weights is not None:
        start = (
            f"\n\nIt started from the weights `{code(weights.name)}`, which saw other images:"
            f" {plain(weights.source_data)}."
            f" Licence: {plain(weights.licence)}. SHA-256 {weights.sha256}."
        )
    return (
        f"`{code(manifest.name)}`: {plural(train, 'training image')} and {plural(validation, 'validation image')}."
        f" Source: {plain(manifest.source)}. Licence: {plain(manifest.licence)}. SHA-256 {manifest.digest}.{start}"
    )


def _caveats(dossier: Dossier) -> str:
    open_ones = [f"{title(c)}: {c.reason}" for c in dossier.criteria if c.blocks or c.warns]
    found = [*open_ones, *(f"{caution.topic}: {caution.text}" for caution in dossier.cautions)]
    return "\n".join(f"- {plain(text)}" for text in found) or "The gate and the checks of the data found nothing."


def _items(facts: dict[str, str]) -> str:
    return "\n".join(f"- **{label}**: {plain(text)}" for label, text in facts.items())
