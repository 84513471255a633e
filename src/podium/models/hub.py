"""Fetch published weights that timm knows by name, and keep them as ``WeightsStore`` reads them."""

from __future__ import annotations

import difflib
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock

from podium import atomic
from podium.config.load import nearest
from podium.digest import digest_file
from podium.errors import WeightsError
from podium.models.hub_files import NOT_READABLE, download
from podium.models.weights import MAX_WEIGHTS, Provenance, check_name, read_provenance

if TYPE_CHECKING:
    import torch
    from timm.models import PretrainedCfg

log = logging.getLogger(__name__)

_BUILDING = threading.Lock()
"""timm draws initial values from torch's global generator, which is put back: one thread at a time."""
_COUNTER: Final = "num_batches_tracked"
_IMAGES: Final = {
    "in1k": "ImageNet-1k", "in12k": "ImageNet-12k", "in21k": "ImageNet-21k", "in22k": "ImageNet-22k",
    "laion2b": "LAION-2B", "laion400m": "LAION-400M", "lvd142m": "LVD-142M", "lvd1689m": "LVD-1689M",
    "yfcc15m": "YFCC-15M", "dfn2b": "DFN-2B", "datacompxl": "DataComp-XL", "inat21": "iNaturalist 2021",
}  # fmt: skip
"""What the words in timm's tags mean."""


def fetch(name: str, folder: Path) -> Provenance:
    """Write ``NAME.safetensors`` and, last, ``NAME.json`` into ``folder``, unless they are there undamaged.

    Processes and threads that ask at once fetch it once. The file comes out of the hub's cache if it is there.

    Args:
        name: As timm names weights, with tag, such as ``mobilenetv2_100.ra_in1k``.
        folder: Made if need be.

    Raises:
        WeightsError: timm knows no such weights, or they cannot be fetched, read or used; tells what to do.
        OSError: The folder cannot be written.
    """
    config = published(name)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.safetensors"
    with FileLock(folder / f".{name}.lock"):
        kept = _kept(file)
        if kept:
            return kept
        log.info("fetching the weights %s into %s", name, folder)
        origin, raw = download(name, config)
        state = _converted(name, raw)
        for rest in (*folder.glob(f".{name}.*.new-*"), file.with_suffix(".json")):  # of a writer that was killed
            rest.unlink(missing_ok=True)
        return _write(file, state, name, config, origin)


def published(name: str) -> PretrainedCfg:
    """What timm knows of weights. Raises WeightsError naming the nearest ones that it knows."""
    from timm.models import get_pretrained_cfg, list_models, list_pretrained

    check_name(name)
    known = list_pretrained()
    config = get_pretrained_cfg(name) if name in known else None
    if config and len(config.mean) == len(config.std) == config.input_size[0] == 3:
        return config
    if config:
        raise WeightsError(f"weights {name!r}: are for {config.input_size[0]} channels, and images have three")
    architecture = name.partition(".")[0]
    same = [other for other in known if other.partition(".")[0] == architecture]
    if same and "." not in name:
        raise WeightsError(f"weights {name!r}: the tag is missing", remedy=f"use one of: {', '.join(same)}")
    if same:
        raise WeightsError(f"timm knows no weights {name!r}", remedy=nearest(name, same))
    close = difflib.get_close_matches(architecture, list_models(pretrained=False), n=3)
    raise WeightsError(
        f"timm knows no weights {name!r}, nor a network {architecture!r}",
        remedy=f"did you mean {' or '.join(close)}?" if close else "`timm.list_pretrained()` in Python names them all",
    )


def shapes_of(architecture: str) -> dict[str, torch.Size]:
    """Names and shapes of the tensors that weights of timm's network have. Raises WeightsError if there is none."""
    import torch
    from timm.models import create_model, is_model

    if not is_model(architecture):
        raise WeightsError(f"timm knows no network {architecture!r}")
    with torch.device("meta"):
        state = create_model(architecture, num_classes=0).state_dict()
    return {key: value.shape for key, value in state.items() if not key.endswith(_COUNTER)}


def _kept(file: Path) -> Provenance | None:
    """The provenance of what is there; None if anything is missing or damaged."""
    if not file.is_file() or not file.with_suffix(".json").is_file():
        return None
    try:
        provenance = read_provenance(file.with_suffix(".json"))
    except WeightsError as error:
        log.warning("%s; fetching it again", error.message)
        return None
    return provenance if digest_file(file) == provenance.sha256 else None


def _converted(name: str, raw: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Published tensors as the network without its classifier names them, in float32, each in memory of its own.

    timm passes over what a file lacks, and the network would keep random values there. So its way is gone twice, once
    with NaN for all published values: where none arrives, nothing was loaded.

    Raises:
        WeightsError: The file does not fill the network, or does not fit it.
    """
    state, trace = _through(name, raw), _through(name, _nans(raw))
    lost = [key for key, value in trace.items() if value.is_floating_point() and not value.isnan().any()]
    if lost:
        raise WeightsError(
            f"weights {name!r}: the published file has no {lost[0]} ({len(lost)} tensors are missing)",
            remedy="choose other weights; what is missing is never replaced by random values",
        )
    infinite = [key for key, value in state.items() if not value.isfinite().all()]
    if infinite:
        raise WeightsError(f"weights {name!r}: {infinite[0]} is not finite", remedy="choose other weights")
    return state


def _through(name: str, raw: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What timm's loader makes of published tensors; the global random state stays as it was."""
    import torch
    from timm.models import create_model

    with _BUILDING, torch.random.fork_rng(devices=[]), _quiet():
        try:
            net = create_model(name, pretrained=True, num_classes=0, pretrained_cfg_overlay={"state_dict": raw})
        except NOT_READABLE as error:
            first = (str(error).splitlines() or [""])[0]
            raise WeightsError(f"weights {name!r}: the published file does not fit the network ({first})") from None
    return {
        key: (value.float() if value.is_floating_point() else value).detach().clone().contiguous()
        for key, value in net.state_dict().items()
        if not key.endswith(_COUNTER)
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Timm warns of the classifier's tensors, which the network does without."""
    loader = logging.getLogger("timm.models._builder")
    before = loader.level
    loader.setLevel(logging.ERROR)
    try:
        yield
    finally:
        loader.setLevel(before)


def _nans(value: Any) -> Any:
    import torch

    if isinstance(value, dict):
        return {key: _nans(item) for key, item in value.items()}
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return torch.full_like(value, torch.nan)
    return value


def _write(file: Path, state: dict[str, torch.Tensor], name: str, config: PretrainedCfg, origin: str) -> Provenance:
    from safetensors.torch import save_file

    size = sum(value.nbytes for value in state.values())
    if size > MAX_WEIGHTS:
        raise WeightsError(f"weights {name!r}: {size:,} bytes are more than the {MAX_WEIGHTS:,} that are read")
    with atomic.new_file(file) as fresh:
        save_file(state, fresh)
    mean, std = tuple(config.mean), tuple(config.std)
    architecture, _, tag = name.partition(".")
    images = [_IMAGES[word] for word in tag.split("_") if word in _IMAGES]
    provenance = Provenance(
        name=name,
        source_data=f"{', '.join(images) or 'unknown'} (timm's tag {tag})",
        licence=config.license or "unknown",
        command=f"podium weights fetch {name}",
        hardware="unknown",
        sha256=digest_file(file),
        mean=mean,
        std=std,
        trained_range=(
            min(-m / s for m, s in zip(mean, std, strict=True)),
            max((1 - m) / s for m, s in zip(mean, std, strict=True)),
        ),
        input_size=(config.input_size[1], config.input_size[2]),
        architecture=architecture,
        source=origin,
        interpolation=config.interpolation,
        notes=config.description or "",
    )
    text = json.dumps(provenance.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    atomic.write_text(file.with_suffix(".json"), text)
    return provenance
