"""What a training's result depends on, as one digest: a checkpoint of anything else must not be continued."""

from __future__ import annotations

from importlib.metadata import version

import torch

from podium.code import code_digest
from podium.config import Candidate
from podium.contract import InputContract
from podium.digest import digest_json
from podium.models import WeightsStore, family_of, options_of
from podium.models.options import HeadOptions
from podium.training.hardware import describe_hardware


def identity(
    candidate: Candidate, contract: InputContract, data_digest: str, weights: WeightsStore, device: torch.device
) -> str:
    """SHA-256 over candidate, contract, data, pretrained weights, code and kind of device.

    Raises:
        WeightsError: The pretrained weights that the candidate needs are missing.
    """
    model = candidate.recipe.model
    family = family_of(model)
    pretrained = weights.provenance(family.pretrained(options_of(model))).digest if family.pretrained else None
    return digest_json(
        {
            "candidate": what_counts(candidate, device),
            "contract": contract.model_dump(mode="json"),
            "data": data_digest,
            "weights": pretrained,
            "code": code_digest("podium.training"),
            "libraries": [torch.__version__, version("timm")],
            "device": device.type,
        }
    )


def what_counts(candidate: Candidate, device: torch.device) -> dict[str, object]:
    """What of a candidate its result depends on: on a GPU, that is not the number of CPU threads."""
    return candidate.model_dump(mode="json", exclude={"threads"} if device.type == "cuda" else None)


def backbone_key(
    candidate: Candidate, contract: InputContract, data_digest: str, weights: WeightsStore, device: torch.device
) -> str:
    """SHA-256 over what the features of a frozen backbone follow from, but for augmentation and precision.

    Candidates whose heads alone differ have the same. Raises WeightsError if the pretrained weights are missing.
    """
    model = candidate.recipe.model
    family = family_of(model)
    if family.pretrained is None:
        return ""
    options = options_of(model)
    body = options.model_dump(mode="json", exclude=set(HeadOptions.model_fields))
    wants_map = isinstance(options, HeadOptions) and bool(options.convolutions)
    return digest_json(
        {
            "backbone": [model.family, body, wants_map],
            "weights": weights.provenance(family.pretrained(options)).digest,
            "start": candidate.start.digest if candidate.start else None,
            "contract": contract.model_dump(mode="json", exclude={"class_names"}),
            "data": data_digest,
            "libraries": [torch.__version__, version("timm"), version("onnxruntime"), version("onnxscript")],
            "device": [device.type, candidate.threads if device.type == "cpu" else None],
            "code": code_digest("podium.models", "podium.training.stage", "podium.training.inputs"),
        }
    )


def tuning_key(candidate: Candidate, contract: InputContract, batch: int, device: torch.device) -> str:
    """SHA-256 over what the time of a step depends on; ``batch`` is the images of the largest step."""
    trainer = candidate.recipe.trainer
    return digest_json(
        {
            "model": candidate.recipe.model.model_dump(mode="json"),
            "input": [contract.height, contract.width, len(contract.class_names)],
            "trainer": [batch, trainer.micro_batch, trainer.precision, trainer.compile, trainer.kernels],
            "trained": trainer.fine_tune.model_dump(mode="json") if trainer.fine_tune else None,
            "threads": [candidate.threads, candidate.processes],
            "machine": [device.type, describe_hardware()],
            "code": code_digest("podium.models", "podium.training.tuning"),
        }
    )
