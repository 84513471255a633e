"""``podium workstation``: this machine's GPUs, with a queue before them."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def up() -> None:
    """Have Slurm hand out this machine's GPUs and processors, to you alone; then `podium stack up workstation`.

    Needs Slurm's packages, no root. Called again it starts what does not run, and takes in what has changed.
    """
    from podium.settings import Settings
    from podium.wording import plural
    from podium.workstation import daemons
    from podium.workstation.machine import this_machine

    machine, place = this_machine(), daemons.place_of(Settings.from_environment().state)
    for line in daemons.up(place, machine) or ["it runs"]:
        typer.echo(line)
    gpus = ", ".join(f"{gpu.name} ({gpu.memory} GiB)" for gpu in machine.gpus) or "no GPU"
    typer.echo(f"{machine.name}: {gpus}, {plural(machine.cpus, 'CPU')}, {machine.memory:,} MiB for trainings")
    typer.echo(f"export SLURM_CONF={place.conf}   # for squeue, scancel, ...")


@app.command()
def status() -> None:
    """Show daemons, node and queue; exit status 1 where it is down."""
    from podium.settings import Settings
    from podium.workstation import daemons

    place = daemons.place_of(Settings.from_environment().state)
    running = daemons.running(place)
    if len(running) < len(daemons.DAEMONS):
        missing = ", ".join(name for name in daemons.DAEMONS if name not in running)
        typer.echo(f"down ({missing}): podium workstation up")
        raise typer.Exit(1)
    typer.echo(daemons.slurm(place, "sinfo", "--Node", "--format=%N %T, %c CPUs, %m MiB, %G").strip())
    typer.echo(daemons.slurm(place, "squeue", "--format=%.8i %.40j %.10T %.12M %R").strip())


@app.command()
def down(
    force: Annotated[
        bool, typer.Option("--force", help="Also where jobs run; the next `up` starts them again.")
    ] = False,
) -> None:
    """Stop it; what waits is kept."""
    from podium.settings import Settings
    from podium.workstation import daemons

    place = daemons.place_of(Settings.from_environment().state)
    for line in daemons.down(place, force=force) or ["it is down"]:
        typer.echo(line)
