"""Reviews without a registry: the real log, rules and promotion on an MLflow client that keeps aliases in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from podium.config.promotion_file import policy_file
from podium.registry import promotion, reviews
from podium.registry.log import EventLog
from podium.registry.provenance import CodeState
from podium.registry.request import Digests, RegisteredVersion
from podium.registry.state import ModelState, Review, fold
from podium.results import LeaderboardRow
from podium.settings import Settings

AUTHOR = "ada@lab"
DIGESTS = {name: letter * 64 for name, letter in zip(Digests.model_fields, "abcdef", strict=True)}


def made_version(number: int = 1, model: str = "podium") -> RegisteredVersion:
    return RegisteredVersion(
        model=model,
        version=number,
        mlflow_run=f"{number:032}",
        run="run-1",
        candidate="tiny",
        recipe="tiny",
        digests=Digests(**DIGESTS),
        code=CodeState(commit="f" * 40, dirty=False),
        figures=LeaderboardRow(recipe="tiny", status="completed", validation_accuracy=0.9, test_accuracy=0.9),
    )


@dataclass
class Aliases:
    """What promotion needs of an MLflow client."""

    held: dict[str, dict[str, str]] = field(default_factory=dict)
    tags: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def get_registered_model(self, name: str) -> Any:
        return SimpleNamespace(name=name, aliases=self.held.setdefault(name, {}))

    def search_registered_models(self, page_token: str | None = None) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.held]

    def search_model_versions(self, query: str) -> list[Any]:
        return [
            SimpleNamespace(version=version, tags=tags)
            for (name, version), tags in self.tags.items()
            if query == f"name = '{name}'"
        ]

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        self.held.setdefault(name, {})[alias] = version

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        self.held[name].pop(alias)

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        self.tags.setdefault((name, version), {})[key] = value


@dataclass
class Office:
    """Where reviews are opened and decided on."""

    settings: Settings
    client: Aliases

    def policy(self, **decision: Any) -> None:
        """Put a policy in force."""
        file = policy_file(self.settings.root)
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump({"decision": decision}))

    def open(self, number: int = 1, **changes: Any) -> Review:
        return reviews.open_review(self.settings, made_version(number), **{"author": AUTHOR} | changes)

    def approve(self, actor: str, number: int = 1, **changes: Any) -> promotion.Outcome:
        arguments = {"reason": f"{actor} likes it", "client": self.client} | changes
        return promotion.approve(self.settings, f"podium-{number}", actor=actor, **arguments)

    def reject(self, actor: str, number: int = 1, **changes: Any) -> promotion.Outcome:
        arguments = {"reason": f"{actor} objects", "client": self.client} | changes
        return promotion.reject(self.settings, f"podium-{number}", actor=actor, **arguments)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.log.events()]

    def champion(self) -> str | None:
        """What the registry promotes."""
        return self.client.held.get("podium", {}).get("champion")

    @property
    def log(self) -> EventLog:
        return EventLog(self.settings.reviews)

    @property
    def state(self) -> ModelState:
        return fold(self.log.events(), "podium")


def make_office(folder: Path) -> Office:
    """An empty one; ``verify_request`` of promotion, sync and audit has to be replaced."""
    state = folder / "state"
    return Office(Settings(root=folder, state=state, tracking_uri=f"sqlite:///{state / 'mlflow.db'}"), Aliases())
