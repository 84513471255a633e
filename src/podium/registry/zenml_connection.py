"""Opens the ZenML store that a review records, and tells whatever goes wrong there as one error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from podium.errors import PodiumError, RegistryError
from podium.registry.request import ZenmlReference
from podium.registry.zenml_server import is_server, require_answer
from podium.registry.zenml_variables import choosing, own_configuration, without_zenml
from podium.settings import Settings

if TYPE_CHECKING:
    from zenml.client import Client

_STANDS: Final = "the decision stands; run `podium review sync`"


def connect(reference: ZenmlReference) -> Client:
    """ZenML's client for the recorded configuration; the caller's own ZenML is neither asked nor touched.

    Only where the recorded folder is not there (a reviewer's machine, with the run's ZenML server) the exported
    ``ZENML_CONFIG_PATH`` is used instead, or else this checkout's own. Either way the store must be the recorded one.

    Raises:
        RegistryError: The configuration folder is gone, its store is another one, or it does not answer.
    """
    variables = _choose(reference)
    defaults = {"ZENML_ANALYTICS_OPT_IN": "false", "ZENML_LOGGING_VERBOSITY": "WARN"}
    for key in os.environ.keys() - variables.keys():
        del os.environ[key]
    os.environ.update(defaults | variables)
    with reporting("the model control plane", None):
        from zenml.client import Client
        from zenml.config.global_config import GlobalConfiguration

        url = GlobalConfiguration().store_configuration.url
    if url.rstrip("/") != reference.store.rstrip("/"):
        raise RegistryError(
            f"ZenML's store is {url}, but the version stands in {reference.store}; no stage was set",
            remedy=f"{_STANDS} where ZenML uses that store, or give --no-zenml",
        )
    require_answer(url, remedy=f"{_STANDS} when it answers again, or give --no-zenml")
    with reporting("the model control plane", None):
        client = Client()
        _ = client.active_project.id
    return client


def _choose(reference: ZenmlReference) -> dict[str, str]:
    """The environment that chooses a configuration of the recorded store. Raises RegistryError if there is none."""
    if Path(reference.config_path).is_dir():
        return without_zenml(os.environ) | choosing(reference.config_path, reference.local_stores_path)
    exported = os.environ.get("ZENML_CONFIG_PATH")
    if exported and Path(exported).is_dir():
        return {"ZENML_REPOSITORY_PATH": exported, **os.environ}
    own = own_configuration(Settings.from_environment().state)
    if exported is None and is_server(reference.store) and own.is_dir():
        return without_zenml(os.environ) | choosing(str(own), str(own / "local_stores"))
    raise RegistryError(
        f"{reference.config_path}: ZenML's configuration is not there, so the stages could not be set there",
        remedy=f'{_STANDS} where it is; or log in to the same server here (eval "$(podium env)"; zenml login …),'
        " or give --no-zenml",
    )


@contextmanager
def reporting(model: str, version: int | None) -> Iterator[None]:
    """Turn whatever ZenML raises (its own, SQL's, HTTP's errors) into one error with the remedy."""
    try:
        yield
    except PodiumError:
        raise
    except Exception as error:
        subject = f"version {version} of {model}" if version is not None else model
        raise RegistryError(
            f"{subject}: ZenML could not be brought up to date ({type(error).__name__}: {error})",
            remedy=f"{_STANDS} when ZenML's store answers again",
        ) from error
