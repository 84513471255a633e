"""Pretrained backbones from safetensors files with provenance. Missing weights are an error, never random ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from podium.config.base import Frozen
from podium.contract import Channels
from podium.digest import digest_file, digest_json
from podium.errors import WeightsError

if TYPE_CHECKING:
    import torch
    from torch import nn

EMBEDDED = Path(__file__).parent / "pretrained"


class Provenance(Frozen):
    """``NAME.json`` beside the weights: where they come from and what they expect."""

    schema_version: Literal[1] = 1
    name: str
    source_data: str
    """The images that the backbone was trained on."""
    licence: str
    command: str
    hardware: str
    sha256: str
    """Of ``NAME.safetensors``."""
    mean: Channels
    """The backbone's own normalization, per channel on [0, 1]."""
    std: Channels
    trained_range: tuple[float, float] | None = None
    """The least and the greatest value that the backbone could see in training, after that normalization: what its
    origin says, not what ``mean`` and ``std`` give. A network whose contract gives another range is refused."""
    input_size: tuple[int, int]
    """Height and width that it was trained at."""
    figures: dict[str, float] = Field({})
    """What was measured, such as the accuracy on images of the source data that were not trained on."""
    notes: str = ""
    """What a reader of the figures should know."""
    settings: dict[str, Any] = Field({})
    """The candidate as it was trained: network, optimizer, schedule, seed, threads."""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights together with the inputs that they expect: a part of the cache key of a training."""
        expected = {"mean": self.mean, "std": self.std, "range": self.trained_range, "input_size": self.input_size}
        return digest_json({"weights": self.sha256, **expected})


@dataclass(frozen=True)
class Pretrained:
    """A backbone's weights and where they come from."""

    provenance: Provenance
    state: dict[str, torch.Tensor]

    def without(self, removed: tuple[str, ...]) -> Pretrained:
        """The same without the tensors of a network's parts that were removed."""
        parts = tuple(f"{name}." for name in removed)
        return replace(self, state={name: value for name, value in self.state.items() if not name.startswith(parts)})

    def into(self, backbone: nn.Module) -> None:
        """Copy the weights into ``backbone``; every tensor must fit. Raises WeightsError naming those that do not."""
        expected = backbone.state_dict()
        expected = {k: v for k, v in expected.items() if not k.endswith("num_batches_tracked")}
        problems = [f"{k} is missing" for k in sorted(expected.keys() - self.state.keys())]
        problems += [f"{k} is unknown" for k in sorted(self.state.keys() - expected.keys())]
        problems += [
            f"{k} is {tuple(self.state[k].shape)} instead of {tuple(v.shape)}"
            for k, v in expected.items()
            if k in self.state and self.state[k].shape != v.shape
        ]
        if problems:
            raise WeightsError(
                f"weights {self.provenance.name!r} do not fit the network: {'; '.join(problems[:3])}"
                f" ({len(problems)} tensors)",
                remedy="set the recipe's depth and width to those of the weights, or name other weights",
            )
        backbone.load_state_dict(self.state, strict=False)


@dataclass(frozen=True)
class WeightsStore:
    """Where weights are looked for: a folder of the user's first, then the ones that come with Podium."""

    folder: Path | None = None

    def load(self, name: str) -> Pretrained:
        """Read weights and check their digest.

        Raises:
            WeightsError: They are in no folder, or were damaged, or the provenance is missing or malformed.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        file = self.find(name)
        provenance = self.provenance(name)
        if digest_file(file) != provenance.sha256:
            raise WeightsError(
                f"{file}: its content is not what {name}.json records",
                remedy="copy both files again from where they came from",
            )
        try:
            state = load_file(file)
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"{file}: not a readable safetensors file ({error})", remedy="copy it again") from None
        return Pretrained(provenance, {k: v.float() for k, v in state.items()})

    def provenance(self, name: str) -> Provenance:
        """Read the provenance of weights without loading them. Raises WeightsError."""
        file = self.find(name).with_suffix(".json")
        try:
            return Provenance.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            raise WeightsError(
                f"{file}: is missing; weights of unknown origin are not used",
                remedy="copy it from where they came from",
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise WeightsError(f"{file}: {where}: {first['msg']}", remedy="correct the provenance file") from None

    def find(self, name: str) -> Path:
        """Return the path of ``NAME.safetensors``. Raises WeightsError with the remedies if there is none."""
        folders = ([self.folder] if self.folder else []) + [EMBEDDED]
        for folder in folders:
            file = folder / f"{name}.safetensors"
            if file.is_file():
                return file
        raise WeightsError(
            f"pretrained weights {name!r} are in none of: {', '.join(map(str, folders))}",
            remedy=f"put {name}.safetensors and {name}.json into a folder and set PODIUM_WEIGHTS to it,"
            " pretrain them with `zenml pipeline run pipelines.pretraining.pretraining_pipeline -c"
            " configs/pretraining.yaml`, or remove the candidate that needs them",
        )


EMBEDDED_WEIGHTS = WeightsStore()
"""Only what comes with Podium."""
