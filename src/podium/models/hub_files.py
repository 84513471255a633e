"""Read a published file of weights from the hub, through its cache, and say in one line why that cannot be done."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError as UrlHttpError
from urllib.error import URLError

from safetensors import SafetensorError

from podium.errors import WeightsError

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

log = logging.getLogger(__name__)

NOT_READABLE: Final = (
    RuntimeError, ValueError, LookupError, TypeError, AttributeError, EOFError, AssertionError, pickle.UnpicklingError,
    SafetensorError,
)  # fmt: skip
"""What readers raise for files that are no weights, or of another network."""
_FILES: Final = ("model.safetensors", "pytorch_model.bin")
"""In the order in which timm looks for them."""
_PATIENCE: Final = 10.0
"""Seconds."""


def download(name: str, config: PretrainedCfg) -> tuple[str, dict[str, Any]]:
    """Read published weights; pickled ones are taken only if they hold nothing but tensors.

    Args:
        name: For messages.
        config: Where timm says that they are.

    Returns:
        Where they come from, ``hf-hub:ID@COMMIT`` or an address, and the tensors as they were published.

    Raises:
        WeightsError: They cannot be fetched or read.
        OSError: The cache cannot be written.
    """
    from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError
    from timm.models import load_state_dict_from_hf

    try:
        if config.hf_hub_id:
            _ensure_reachable(config.hf_hub_id)
            raw = load_state_dict_from_hf(config.hf_hub_id, weights_only=True)
            copy = _cached(config.hf_hub_id)
            return f"hf-hub:{config.hf_hub_id}@{copy.parent.name if copy else 'unknown'}", raw
        return str(config.url), _from_url(str(config.url))
    except (HTTPError, LocalEntryNotFoundError, URLError, ConnectionError, TimeoutError) as error:
        raise WeightsError(
            f"weights {name!r} cannot be fetched: {_cause(error, config)}", remedy=remedy(name)
        ) from None
    except NOT_READABLE as error:
        raise _unreadable(name, error) from None
    except OSError as error:
        if error.errno is not None:  # of this machine, such as a full disk
            raise
        raise WeightsError(f"weights {name!r} cannot be fetched: {_line(error)}", remedy=remedy(name)) from None


def remedy(name: str) -> str:
    """What to do about weights that cannot be fetched."""
    return (
        f"run `podium weights fetch {name} --to DIR` on a machine with access, copy DIR here and set PODIUM_WEIGHTS to"
        " it; or give access from here (HF_HUB_OFFLINE unset, HF_ENDPOINT for a mirror, HF_TOKEN for restricted"
        " weights, HF_HOME with a filled cache); or choose another candidate, such as transfer_resnet20, whose"
        " backbone comes with Podium"
    )


def _from_url(url: str) -> dict[str, Any]:
    from torch.hub import load_state_dict_from_url

    return dict(load_state_dict_from_url(url, map_location="cpu", progress=False, weights_only=True))


def _ensure_reachable(hub_id: str) -> None:
    """Ask the hub once, where its client would try for minutes. Raises HTTPError if there is no answer, nor a copy."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    if constants.is_offline_mode() or _cached(hub_id):
        return
    try:
        get_hf_file_metadata(hf_hub_url(hub_id, _FILES[0]), timeout=_PATIENCE)
    except HfHubHTTPError as answer:
        log.debug("%s: %s", hub_id, answer)  # the download deals with it


def _cached(hub_id: str) -> Path | None:
    """The copy in the hub's cache that timm would read; the name of its folder is the commit."""
    from huggingface_hub import try_to_load_from_cache

    for file in _FILES:
        cached = try_to_load_from_cache(hub_id, file)
        if isinstance(cached, str):
            return Path(cached)
    return None


def _cause(error: Exception, config: PretrainedCfg) -> str:
    """One line. The hub's own exceptions carry an answer, or stand for what happened below them."""
    from huggingface_hub import constants

    hub = constants.ENDPOINT if config.hf_hub_id else config.url
    if config.hf_hub_id and constants.is_offline_mode():
        return f"HF_HUB_OFFLINE is set, and {config.hf_hub_id} is not in the cache {constants.HF_HUB_CACHE}"
    chain: list[BaseException] = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(below)
    for status in filter(None, map(_status, chain)):
        if status in (401, 403):
            return f"{hub} answered {status}: {config.hf_hub_id or 'it'} is restricted, or is not there"
        return f"{hub} answered {status} for {config.hf_hub_id or 'it'}"
    return f"{hub} cannot be reached ({_line(chain[-1])})"


def _status(error: BaseException) -> int | None:
    """What a server answered, if the error tells of an answer."""
    if isinstance(error, UrlHttpError):
        return error.code
    response = getattr(error, "response", None)
    return response.status_code if response is not None else None


def _unreadable(name: str, error: Exception) -> WeightsError:
    return WeightsError(
        f"weights {name!r}: the published file cannot be read ({_line(error)})",
        remedy="choose other weights; if only the copy is damaged, remove it from the cache (HF_HOME)",
    )


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
