"""Opens a desk on an address: who may reach it decides whether it needs a login and encryption."""

from __future__ import annotations

import ipaddress
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from podium.config.desk import DeskConfig
from podium.config.load import parse
from podium.config.yaml import load_yaml
from podium.desk.context import Carriers, Desk, Mirrors, no_carrier
from podium.desk.identity import Identity
from podium.desk.zenml_login import ZenmlServerAuthenticator
from podium.errors import ConfigError, DeskError
from podium.registry.provenance import current_user
from podium.settings import Settings

if TYPE_CHECKING:
    import uvicorn

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Place:
    """Where the desk listens; certificate and key, both or neither, make it speak HTTPS itself."""

    host: str = "127.0.0.1"
    port: int = 8240
    certificate: Path | None = None
    key: Path | None = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in _LOOPBACK

    @property
    def everywhere(self) -> bool:
        """Whether it listens on all addresses, so that its own name is not known."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False


def read_config(file: Path | None) -> DeskConfig:
    """The desk's configuration; the defaults without a file. Raises ConfigError."""
    return parse(DeskConfig, load_yaml(file), file) if file else DeskConfig()


def open_desk(
    settings: Settings, config: DeskConfig, place: Place, mirrors: Mirrors, carriers: Carriers = no_carrier
) -> Desk:
    """Check that the desk is as safe as its place asks for.

    Raises:
        ConfigError: A place that others can reach, without login or without encryption.
    """
    if (place.certificate is None) != (place.key is None):
        raise ConfigError("only one of certificate and key is given", remedy="give both --certificate and --key")
    if config.zenml_server is None and not (place.loopback and config.public_address is None):
        raise ConfigError(
            f"{config.public_address or place.host}: others can reach this address, so the desk needs a login",
            remedy="name the ZenML server whose users may log in (zenml_server, or --zenml-server),"
            " or serve this machine alone: --host 127.0.0.1",
        )
    origins = _origins(config, place)
    exposed = [origin for origin in origins if urlsplit(origin).scheme == "http"]
    if exposed and not (place.loopback and config.public_address is None) and not config.allow_http:
        raise ConfigError(
            f"{exposed[0]}: passwords would cross the network unencrypted",
            remedy="give --certificate and --key, or public_address: https://… of a proxy that ends TLS,"
            " or (in a network that you trust) allow_http: true",
        )
    if config.zenml_server is None:
        me = current_user()
        alone = Identity(user=me, actor=me, role="admin")
        return Desk(settings, config, origins, mirrors, alone=alone, carriers=carriers)
    if urlsplit(config.zenml_server).scheme == "http" and not _local(config.zenml_server) and not config.allow_http:
        raise ConfigError(
            f"zenml_server: {config.zenml_server}: passwords would cross the network unencrypted",
            remedy="use its https address, or (in a network that you trust) allow_http: true",
        )
    users = ZenmlServerAuthenticator(config.zenml_server)
    return Desk(settings, config, origins, mirrors, authenticator=users, carriers=carriers)


def listen(place: Place) -> socket.socket:
    """Take the address before anything says that the desk is there. Raises DeskError if it cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError as error:
        raise DeskError(
            f"{place.host}:{place.port}: the desk cannot listen there ({error.strerror})",
            remedy="end what does, or choose another --port; --host has to be an address of this machine",
        ) from None
    return taken


def server(desk: Desk, place: Place) -> uvicorn.Server:
    """What serves the desk, once ``run`` is called: one process, for sessions are kept in it."""
    import uvicorn

    from podium.desk.app import create_app

    logging.getLogger("podium.desk").setLevel(logging.INFO)
    return uvicorn.Server(
        uvicorn.Config(
            create_app(desk),
            host=place.host,
            port=place.port,
            ssl_certfile=place.certificate,
            ssl_keyfile=place.key,
            proxy_headers=bool(desk.config.trusted_proxies),
            forwarded_allow_ips=list(desk.config.trusted_proxies),
            server_header=False,
            log_level="warning",
            timeout_keep_alive=30,
        )
    )


def _origins(config: DeskConfig, place: Place) -> frozenset[str]:
    """What browsers may call the desk."""
    if config.public_address is not None:
        return frozenset({config.public_address.lower()})
    if place.everywhere:
        raise ConfigError(
            f"--host {place.host} listens on all addresses, and a browser has to call the desk by one name",
            remedy="set public_address in the desk's configuration, or name one address with --host",
        )
    scheme = "https" if place.certificate else "http"
    names = _LOOPBACK if place.loopback else (place.host,)
    port = "" if place.port == _DEFAULT_PORTS[scheme] else f":{place.port}"
    return frozenset(f"{scheme}://{f'[{name}]' if ':' in name else name}{port}".lower() for name in names)


def _local(address: str) -> bool:
    return urlsplit(address).hostname in _LOOPBACK
