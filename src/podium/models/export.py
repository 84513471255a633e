"""Turn a trained network's backbone into pretrained weights: safetensors in half precision, with provenance."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from podium import atomic
from podium.bundle import Bundle
from podium.data import Dataset, Split
from podium.digest import digest_file
from podium.errors import WeightsError
from podium.models.weights import Provenance
from podium.training.predict import build_from_bundle, predict_probabilities

_PREFIX = "backbone."


def export_backbone(
    bundle: Bundle,
    dataset: Dataset,
    folder: Path,
    name: str,
    *,
    licence: str,
    command: str,
    hardware: str,
    notes: str = "",
) -> Provenance:
    """Write ``NAME.safetensors`` and ``NAME.json`` for ``WeightsStore``.

    The accuracy is measured on the validation and the test split, with the weights as they are stored (half
    precision) and as they were trained (single precision).

    Args:
        bundle: A trained network with a ``backbone``.
        dataset: What it was trained on.
        folder: Where to write; existing files of that name are replaced.
        name: Of the weights.
        licence: Of the weights.
        command: How they were made.
        hardware: What they were made on.
        notes: What a reader of the figures should know.

    Raises:
        WeightsError: There is no backbone, the data set is another one, or a value does not fit half precision.
    """
    if bundle.data_digest != dataset.manifest.digest:
        raise WeightsError(
            f"{dataset.path}: not the data set that {bundle.candidate.name!r} was trained on",
            remedy="name the data set of the pretraining",
        )
    stored = _half_precision(bundle)
    rounded = {f"{_PREFIX}{key}": value.float() for key, value in stored.items()}
    figures: dict[str, float] = {"epochs": bundle.summary.epochs, "train_seconds": round(bundle.summary.train_seconds)}
    for label, state in (("", {**bundle.state, **rounded}), ("_float32", bundle.state)):
        for split in ("validation", "test"):
            top1, top5 = _accuracy(replace(bundle, state=state), dataset[split])
            figures |= {f"{split}_top1{label}": round(top1, 4), f"{split}_top5{label}": round(top5, 4)}
    file = folder / f"{name}.safetensors"
    atomic.write_bytes(file, safetensors.torch.save(stored))
    manifest = dataset.manifest
    provenance = Provenance(
        name=name,
        source_data=f"{manifest.name}: {manifest.splits['train'].count} images of {len(manifest.class_names)} classes,"
        f" {manifest.height}×{manifest.width} ({manifest.source})",
        licence=licence,
        command=command,
        hardware=hardware,
        sha256=digest_file(file),
        mean=bundle.contract.mean,
        std=bundle.contract.std,
        trained_range=bundle.contract.normalized_range(),
        input_size=(bundle.contract.height, bundle.contract.width),
        figures=figures,
        notes=notes,
        settings=bundle.candidate.model_dump(mode="json", exclude_none=True),
    )
    text = json.dumps(provenance.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    atomic.write_text(file.with_suffix(".json"), text)
    return provenance


def _half_precision(bundle: Bundle) -> dict[str, torch.Tensor]:
    """The backbone's tensors as float16, without BatchNorm's batch counters."""
    state = {
        key.removeprefix(_PREFIX): value.half().contiguous()
        for key, value in bundle.state.items()
        if key.startswith(_PREFIX) and not key.endswith("num_batches_tracked")
    }
    if not state:
        raise WeightsError(
            f"{bundle.candidate.name!r} has no backbone", remedy="train a recipe of the resnet family, such as resnet20"
        )
    for key, value in state.items():
        if not value.isfinite().all():
            raise WeightsError(
                f"{key}: values do not fit half precision", remedy="train with weight decay, or a lower learning rate"
            )
    return state


def _accuracy(bundle: Bundle, split: Split) -> tuple[float, float]:
    """Top-1 and top-5 accuracy."""
    probabilities = predict_probabilities(build_from_bundle(bundle), split.images, bundle.contract)
    ranked: NDArray[np.intp] = probabilities.argsort(1)[:, ::-1][:, :5]
    hits = ranked == split.labels[:, None]
    return float(hits[:, 0].mean()), float(hits.any(1).mean())
