"""Pretrained backbones from safetensors files with provenance. Missing weights are an error, never random ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, ValidationError

from podium.config.base import Frozen
from podium.contract import Channels
from podium.digest import digest_file, digest_json
from podium.errors import WeightsError

if TYPE_CHECKING:
    import torch
    from torch import nn

EMBEDDED = Path(__file__).parent / "pretrained"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.\-]*")
"""Of weights: no separator of folders, so that no name leaves the folder that it is looked for in."""
MAX_WEIGHTS: Final = 8 * 2**30
"""Bytes; more than any backbone that can be trained here."""
MAX_PROVENANCE: Final = 2**20
"""Bytes."""


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
    architecture: str | None = None
    """The network that the weights are of, as timm names it; None for one of our own."""
    source: str | None = None
    """Of third-party weights: ``hf-hub:ID@COMMIT``, or the address of the file."""
    interpolation: str | None = None
    """How images were resized in training, where the origin says so."""
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

    def into(self, backbone: nn.Module, unused: Collection[str] = ()) -> None:
        """Copy the weights into ``backbone``; every tensor must fit.

        Args:
            backbone: Takes all tensors, except BatchNorm's counters, from the weights.
            unused: Names of its modules that it may lack; their tensors are left aside.

        Raises:
            WeightsError: Names the tensors that do not fit.
        """
        expected = backbone.state_dict()
        expected = {k: v for k, v in expected.items() if not k.endswith("num_batches_tracked")}
        problems = [f"{k} is missing" for k in sorted(expected.keys() - self.state.keys())]
        surplus = sorted(self.state.keys() - expected.keys())
        problems += [f"{k} is unknown" for k in surplus if not k.startswith(tuple(f"{name}." for name in unused))]
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
class Place:
    """A folder of weights."""

    kind: Literal["user", "embedded", "fetched"]
    folder: Path

    def file(self, name: str) -> Path | None:
        """``NAME.safetensors`` if it is here. Of fetched weights the provenance comes last: without it they are not."""
        file = self.folder / f"{name}.safetensors"
        complete = file.is_file() and (self.kind != "fetched" or file.with_suffix(".json").is_file())
        return file if complete else None


@dataclass(frozen=True)
class WeightsStore:
    """Where weights are looked for: a folder of the user's first, then the ones that come with Podium, then fetched
    ones; what timm knows by its name is fetched from the hub if it is in none of them.
    """

    folder: Path | None = None
    """The user's."""
    fetched: Path | None = None
    """Where weights from the hub are kept; without it the hub is not asked."""

    def places(self) -> Iterator[Place]:
        """The folders in the order in which they are looked into."""
        if self.folder:
            yield Place("user", self.folder)
        yield Place("embedded", EMBEDDED)
        if self.fetched:
            yield Place("fetched", self.fetched)

    def load(self, name: str) -> Pretrained:
        """Read weights and check their digest.

        Raises:
            WeightsError: They are in no folder, or were damaged, or the provenance is missing or malformed.
        """
        file = self.find(name)
        return read_weights(file, read_provenance(file.with_suffix(".json")))

    def provenance(self, name: str) -> Provenance:
        """Read the provenance of weights without loading them. Raises WeightsError."""
        return read_provenance(self.find(name).with_suffix(".json"))

    def find(self, name: str) -> Path:
        """Return the path of ``NAME.safetensors``, fetching it if need be; processes that ask at once fetch it once.

        Raises:
            WeightsError: There are none of that name; tells the remedies.
            OSError: What was fetched cannot be written.
        """
        check_name(name)
        places = list(self.places())
        for place in places:
            file = place.file(name)
            if file:
                return file
        missing = f"pretrained weights {name!r} are in none of: {', '.join(str(place.folder) for place in places)}"
        if self.fetched and "." in name:
            from podium.models.hub import fetch

            try:
                fetch(name, self.fetched)
            except WeightsError as error:
                raise WeightsError(f"{missing}; {error.message}", remedy=error.remedy) from None
            return self.fetched / f"{name}.safetensors"
        raise WeightsError(
            missing,
            remedy=f"put {name}.safetensors and {name}.json into a folder and set PODIUM_WEIGHTS to it,"
            " pretrain them with `zenml pipeline run pipelines.pretraining.pretraining_pipeline -c"
            " configs/pretraining.yaml`, or remove the candidate that needs them",
        )


EMBEDDED_WEIGHTS = WeightsStore()
"""Only what comes with Podium."""


def check_name(name: str) -> None:
    """Raise WeightsError if weights cannot be called so."""
    if not NAME.fullmatch(name):
        raise WeightsError(
            f"weights {name!r}: not a name of weights",
            remedy="use lower-case letters, digits, `_`, `-` and `.`; folders are named by PODIUM_WEIGHTS",
        )


def read_provenance(file: Path) -> Provenance:
    """Read ``NAME.json``. Raises WeightsError if it is missing, too large or malformed."""
    try:
        if file.stat().st_size > MAX_PROVENANCE:
            raise WeightsError(f"{file}: is larger than {MAX_PROVENANCE:,} bytes", remedy="this is no provenance file")
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


def read_weights(file: Path, provenance: Provenance) -> Pretrained:
    """Read ``NAME.safetensors`` as float32. Raises WeightsError if it is too large, or not what was recorded."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    size = file.stat().st_size
    if size > MAX_WEIGHTS:
        raise WeightsError(f"{file}: {size:,} bytes are more than the {MAX_WEIGHTS:,} that are read")
    if digest_file(file) != provenance.sha256:
        again = f", or fetch them again: `podium weights fetch {provenance.name} --to {file.parent}`"
        raise WeightsError(
            f"{file}: its content is not what {file.stem}.json records",
            remedy=f"copy both files again from where they came from{again if provenance.source else ''}",
        )
    try:
        state = load_file(file)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{file}: not a readable safetensors file ({error})", remedy="copy it again") from None
    return Pretrained(provenance, {k: v.float() for k, v in state.items()})
