"""``podium run | env | dashboard``: ZenML with all state below this checkout."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from podium.settings import Settings

_DEFAULT = "pipelines.training.training_pipeline"


def run(
    config: Annotated[Path, typer.Argument(help="Pipeline file.")] = Path("configs/quickstart.yaml"),
    pipeline: Annotated[str, typer.Option(help="Dotted path of the pipeline.")] = _DEFAULT,
) -> None:
    """Run a pipeline as `zenml pipeline run` does, with ZenML's state below this checkout."""
    from podium.cli.deciding import settings_of_decisions

    settings = settings_of_decisions()
    config = settings.find(config).absolute()
    root = settings.root.absolute()  # where it will run
    shown = config.relative_to(root) if config.is_relative_to(root) else config
    _replace("python", ["-m", "podium.orchestration.runner", pipeline, str(shown)], settings)


def env() -> None:
    """Print the variables of this checkout's own ZenML: eval "$(podium env)". What holds a password is left out."""
    from rich.console import Console

    from podium.addresses import has_secret
    from podium.orchestration.environment import isolated_environment
    from podium.settings import Settings

    for key, value in isolated_environment(Settings.from_environment()).items():
        if has_secret(value):  # it is in the environment already, or it would not be known here
            told = f"{key} holds a password: it is not printed, and stays as it is in your environment"
            Console(stderr=True, soft_wrap=True).print(told, highlight=False, markup=False)
        else:
            typer.echo(f"export {key}={shlex.quote(value)}")


def dashboard(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8237,
) -> None:
    """Start ZenML's dashboard on this checkout's runs (stop it with `podium dashboard-stop`)."""
    from podium.settings import Settings

    _zenml(["login", "--local", "--port", str(port)], Settings.from_environment())


def dashboard_stop() -> None:
    """Stop ZenML's local dashboard."""
    from podium.settings import Settings

    _zenml(["logout", "--local"], Settings.from_environment())


def _zenml(arguments: list[str], settings: Settings) -> None:
    """Become ZenML's own command, when its database has been made."""
    prepared(settings)
    _replace("zenml", arguments, settings)


def prepared(settings: Settings) -> None:
    """Have ZenML's database made as :mod:`podium.orchestration.prepare` makes it; end the process if that fails."""
    from podium.orchestration.prepare import ready_mark

    if not ready_mark(settings).exists():
        command = [sys.executable, "-m", "podium.orchestration.prepare"]
        preparing = subprocess.run(command, env=zenml_environment(settings), cwd=settings.root, check=False)
        if preparing.returncode:
            sys.exit(preparing.returncode)


def _replace(program: str, arguments: list[str], settings: Settings) -> None:
    """Become another program of this environment, in the checkout and with ZenML's state there."""
    environment = zenml_environment(settings)
    path = Path(sys.executable).with_name(program)
    os.chdir(settings.root)
    os.execve(path, [str(path), *arguments], environment)  # noqa: S606 - our own interpreter's sibling


def zenml_environment(settings: Settings) -> dict[str, str]:
    """Variables for ZenML. A user's own configuration is neither used nor touched: for that, call ``zenml`` itself."""
    from podium.orchestration.environment import isolated_environment, without_zenml

    environment = {**without_zenml(os.environ), **isolated_environment(settings)}
    environment["ZENML_CUSTOM_SOURCE_ROOT"] = str(settings.root)
    given = [os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    environment["PYTHONPATH"] = os.pathsep.join([str(settings.root), *given])
    return environment
