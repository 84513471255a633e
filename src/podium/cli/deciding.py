"""The settings of a command that uses the decision log; a log that was left behind is told of."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from podium.settings import Settings


def settings_of_decisions() -> Settings:
    """From the environment. Called once a command: warns on standard error of events that the log in use lacks."""
    settings = Settings.from_environment()
    if settings.reviews != settings.own_reviews and settings.own_reviews.is_file():
        from podium.registry.left_behind import left_behind

        if told := left_behind(settings):
            Console(stderr=True, soft_wrap=True).print(f"[yellow]warning:[/] {escape(told)}", highlight=False)
    return settings
