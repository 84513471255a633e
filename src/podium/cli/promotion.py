"""Starts the promotion pipeline for ``podium review``, and tells when there is none to start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from podium.errors import ReviewError

if TYPE_CHECKING:
    from podium.registry.state import Review
    from podium.settings import Settings

_REFUSED = 3  # of podium.orchestration.promote, which brings ZenML


class PipelineCarrier:
    """Runs ``pipelines/promotion.py`` in the review's own ZenML environment; a ``podium.registry.carrying.Carrier``.

    Args:
        settings: Where the checkout is.
        say: Gets a sentence where there is no pipeline run; by default standard error does, which also shows that one
            is under way.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._say = say
        self._console = Console(stderr=True, soft_wrap=True)

    def __call__(self, review: Review, decision: int) -> bool:
        """Whether the pipeline carried the decision out. Raises ReviewError if it says that it must not be."""
        reference = review.request.zenml
        if reference is None:
            return self._without("the review records no ZenML environment")
        if not Path(reference.config_path).is_dir():
            return self._without(f"the ZenML environment of the run, {reference.config_path}, is not here")
        if not (self._settings.root / "pipelines" / "promotion.py").is_file():
            return self._without(f"{self._settings.root} has no pipelines/promotion.py")
        from podium.cli.environment import zenml_environment

        command = [sys.executable, "-m", "podium.orchestration.promote", reference.model_dump_json(), str(decision)]
        told = "recorded; carrying it out in ZenML (pipeline promotion) …"
        with self._console.status(told) if self._say is None else nullcontext():
            done = subprocess.run(
                command,
                env=zenml_environment(self._settings),
                cwd=self._settings.root,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode == 0:
            return True
        cause = " ".join(done.stderr.split())[-500:]
        if done.returncode == _REFUSED:
            raise ReviewError(
                f"decision {decision} is recorded and was not carried out: {cause}", remedy="run `podium review audit`"
            )
        return self._without(f"the pipeline failed ({cause})")

    def _without(self, cause: str) -> bool:
        text = f"promoting without a pipeline run: {cause}"
        if self._say is None:
            self._console.print(text, markup=False, highlight=False)
        else:
            self._say(text)
        return False
