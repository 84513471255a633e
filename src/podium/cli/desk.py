"""``podium review serve``: the reviews as web pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; any but this machine's own needs a login.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8240,
    config: Annotated[
        Path | None, typer.Option(help="Roles, sessions, limits; configs/desk.yaml shows the keys.")
    ] = None,
    zenml_server: Annotated[
        str | None, typer.Option(metavar="URL", help="The ZenML server whose users may log in.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="To speak HTTPS: PEM file.")] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's key.")] = None,
    no_zenml: Annotated[bool, typer.Option("--no-zenml", help="Leave ZenML's stages alone.")] = False,
) -> None:
    """Serve the review desk: reviews as web pages, for people who do not use a terminal. Ctrl-C ends it.

    On this machine alone, decisions are recorded as yours; with a ZenML server, as those of the user who logged in.
    """
    from rich.console import Console

    from podium.cli.deciding import settings_of_decisions
    from podium.cli.promotion import PipelineCarrier
    from podium.cli.review import recorded_mirror
    from podium.config.desk import DeskConfig
    from podium.config.load import parse
    from podium.desk.serve import Place, listen, open_desk, read_config, server

    settings = settings_of_decisions()
    chosen = read_config(settings.find(config) if config else None)
    if zenml_server is not None:
        changed = chosen.model_dump(mode="json") | {"zenml_server": zenml_server}
        chosen = parse(DeskConfig, changed, "--zenml-server")
    place = Place(host, port, certificate, key)
    directly = no_zenml or chosen.promotion == "direct"
    desk = open_desk(
        settings,
        chosen,
        place,
        lambda review: None if no_zenml else recorded_mirror(settings, review),
        lambda say: None if directly else PipelineCarrier(settings, say),
    )
    taken = listen(place)
    who = f"as {desk.alone.actor}, without login" if desk.alone else f"users of {chosen.zenml_server}"
    address = min(desk.origins, key=lambda origin: "127.0.0.1" not in origin)
    Console().print(f"review desk: {address}  ({who}; Ctrl-C ends it)", highlight=False, soft_wrap=True)
    desk.client()  # opened once, before anybody waits for it
    try:
        server(desk, place).run(sockets=[taken])
    finally:
        if desk.errands.under_way:
            Console().print("carrying out what was decided; Ctrl-C leaves it to `podium review sync`", markup=False)
        desk.errands.close()
