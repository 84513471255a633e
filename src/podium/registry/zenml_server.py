"""Whether a ZenML server answers. ZenML's own client tries for half a minute, while others wait for the registry."""

from __future__ import annotations

from typing import Final

from podium.errors import RegistryError

SECONDS: Final = 10
"""What a server gets to answer."""


def is_server(store: str) -> bool:
    """Whether a store's address is a server's; else it is a database's."""
    return store.startswith(("http://", "https://"))


def require_answer(store: str, *, remedy: str) -> None:
    """Ask a store that is a server for a sign of life; whatever it answers will do.

    Args:
        store: ZenML's store; a database is not asked.
        remedy: What to do where it is out of reach.

    Raises:
        RegistryError: It is out of reach.
    """
    if not is_server(store):
        return
    import requests  # here, since most stores are databases

    try:
        requests.get(f"{store.rstrip('/')}/health", timeout=SECONDS)
    except requests.exceptions.SSLError:
        return  # it is there; whose certificates count, ZenML's configuration says
    except requests.RequestException as error:
        raise RegistryError(
            f"{store}: the ZenML server does not answer ({type(error).__name__})", remedy=remedy
        ) from None
