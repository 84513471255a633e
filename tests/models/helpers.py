"""Contracts, and random tensors in the files of pretrained weights (to prove the loading; nothing learned)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from podium.config import ModelConfig, RecipeConfig
from podium.contract import InputContract
from podium.digest import digest_file
from podium.models import WeightsStore, build, options_of
from podium.models.options import TimmOptions, TransferOptions

NAME = "resnet20_tinyimagenet32"
ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "configs" / "recipes"
QUICK_TIMM = "mobilenetv2_96_dropout"
"""Of the recipes with a backbone of timm's the one that is tested by ``make check``; all are by ``make test``."""


def by_time(recipes: Iterable[RecipeConfig]) -> list[Any]:
    """Ids of recipes as parameters, those that take long marked so."""
    slow = (pytest.mark.slow,)
    return [pytest.param(r.id, marks=slow if r.model.family == "timm" and r.id != QUICK_TIMM else ()) for r in recipes]


def contract(classes: int = 10, side: int = 32) -> InputContract:
    return InputContract(
        height=side,
        width=side,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        class_names=tuple(f"class{i}" for i in range(classes)),
    )


def write_weights(folder: Path, name: str = NAME, *, depth: int = 20, width: int = 16, seed: int = 5) -> dict:
    """Random backbone tensors with a provenance that says so; returns the tensors as stored."""
    net = build(ModelConfig(family="resnet", options={"depth": depth, "width": width}), contract(), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in net.get_submodule("backbone").state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        state[key] = value + (torch.rand(value.shape, generator=generator) - 0.5) * 0.02
    _write(folder, name, state)
    return state


def write_timm_weights(folder: Path, name: str, *, seed: int = 5, without: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Likewise for a timm network without its classifier, of a size under which activations do not explode."""
    import timm  # takes seconds, which other tests need not spend

    with torch.device("meta"):
        net = timm.create_model(name.split(".", maxsplit=1)[0], num_classes=0)
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in net.state_dict().items():
        if key.endswith("num_batches_tracked") or key.startswith(without):
            continue
        if key.endswith("running_var") or (value.ndim == 1 and key.endswith("weight")):
            state[key] = 1 + 0.1 * torch.rand(value.shape, generator=generator)
        else:
            fan_in = value[0].numel() if value.ndim > 1 else 10_000
            state[key] = torch.randn(value.shape, generator=generator) * fan_in**-0.5
    _write(folder, name, state)
    return state


def write_weights_of(folder: Path, model: ModelConfig) -> WeightsStore:
    """The weights that a model asks for, if any, in a folder."""
    options = options_of(model)
    if isinstance(options, TimmOptions):
        # VGG's two dense layers are nine tenths of it.
        write_timm_weights(folder, options.weights, without=("pre_logits.",) if options.pooling == "average" else ())
    elif isinstance(options, TransferOptions):
        write_weights(folder, options.weights, depth=options.depth, width=options.width)
    return WeightsStore(folder)


def _write(folder: Path, name: str, state: dict[str, Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / f"{name}.safetensors")
    provenance = {
        "name": name,
        "source_data": "none: random tensors made by a test",
        "licence": "CC0-1.0",
        "command": "tests/models/helpers.py",
        "hardware": "any",
        "sha256": digest_file(folder / f"{name}.safetensors"),
        "mean": [0.4, 0.41, 0.42],
        "std": [0.2, 0.21, 0.22],
        "input_size": [32, 32],
    }
    (folder / f"{name}.json").write_text(json.dumps(provenance))


def saved_bytes(run: Callable[[], Tensor]) -> int:
    """Of the tensors that a forward pass keeps, each counted once."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    assert result.requires_grad
    return sum(kept.values())
