"""Parameter counts that were made before. To make all recipes' networks takes seconds; without, torch is not needed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from podium import atomic
from podium.code import code_digest
from podium.config import Frozen, ModelConfig
from podium.contract import InputContract
from podium.digest import digest_json
from podium.errors import ConfigError


class Counts(Frozen):
    """Of a network; see ``podium.models.count_parameters``."""

    total: int | None = None
    trainable: int | None = None
    refused: str | None = None
    """Why there is no network for such images."""


class _Kept(Frozen):
    counts: dict[str, Counts]


def count_all(models: Sequence[ModelConfig], contract: InputContract, file: Path) -> Iterator[Counts]:
    """Count the networks' parameters, one after the other; those that ``file`` holds are not made again.

    What is kept is found by the model, the contract, Podium's code and the versions of torch and timm. In the end the
    file holds these counts alone. One that cannot be read or written costs time, and nothing else.

    Args:
        models: Families and options.
        contract: Image size and number of classes.
        file: What was counted before.
    """
    made_with = [code_digest("podium.models.networks"), version("torch"), version("timm")]
    same = [contract.model_dump(mode="json"), *made_with]
    before, now = _load(file), dict[str, Counts]()
    for model in models:
        key = digest_json([model.model_dump(mode="json"), *same])
        now[key] = before.get(key) or _count(model, contract)
        yield now[key]
    if now != before:
        with contextlib.suppress(OSError):
            atomic.write_text(file, _Kept(counts=now).model_dump_json())


def _load(file: Path) -> dict[str, Counts]:
    try:
        return _Kept.model_validate_json(file.read_bytes()).counts
    except (OSError, ValidationError):
        return {}


def _count(model: ModelConfig, contract: InputContract) -> Counts:
    from podium.models import count_parameters, skeleton

    try:
        total, trainable = count_parameters(skeleton(model, contract))
    except ConfigError as error:  # such as a network for larger images
        return Counts(refused=error.message)
    return Counts(total=total, trainable=trainable)
