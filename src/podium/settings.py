"""Where things live: the checkout, its state folder and the tracking server. Reads the environment only when asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

import podium
from podium.errors import ConfigError

_SQLITE: Final = "sqlite:///"


class Settings(BaseModel):
    """Paths and addresses of one installation. Addresses, which may hold a password, are left out of its text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    """The checkout: ``configs/``, ``data/`` and ``data.dvc`` lie here."""
    state: Path
    """Everything that Podium writes: registry, runs, checkpoints, caches. Ignored by git."""
    tracking_uri: str = Field(repr=False)
    """MLflow's tracking and registry address."""
    reviews_uri: str | None = Field(default=None, repr=False)
    """The decision log's address, ``postgresql+psycopg://…`` or ``sqlite:///FILE``. By default the log is in MLflow's
    database if that is PostgreSQL, else in the state folder."""
    artifact_root: str | None = None
    """Where MLflow keeps the artifacts of a new experiment: a folder's or a bucket's address. By default the state
    folder, where MLflow's address is a database; a tracking server has its own."""
    weights: Path | None = None
    """A folder of pretrained weights that is looked into before the embedded ones."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read ``PODIUM_ROOT``, ``PODIUM_STATE``, ``PODIUM_TRACKING_URI`` (each has a default in the checkout),
        ``PODIUM_REVIEWS_URI``, ``PODIUM_ARTIFACT_ROOT`` and ``PODIUM_WEIGHTS``.

        ``MLFLOW_TRACKING_URI`` is not read: who has a team's server there must not find a trial run in it.

        Raises:
            ConfigError: The decision log cannot be in a database of that kind.
        """
        env = os.environ if environ is None else environ
        root = Path(env["PODIUM_ROOT"]) if env.get("PODIUM_ROOT") else checkout()
        state = Path(env["PODIUM_STATE"]) if env.get("PODIUM_STATE") else root / ".podium"
        state = state.absolute()
        uri = env.get("PODIUM_TRACKING_URI") or f"{_SQLITE}{state / 'mlflow.db'}"
        if uri.startswith("postgresql:"):  # for which SQLAlchemy would look for psycopg2
            uri = f"postgresql+psycopg:{uri.removeprefix('postgresql:')}"
        weights = Path(env["PODIUM_WEIGHTS"]).absolute() if env.get("PODIUM_WEIGHTS") else None
        reviews = env.get("PODIUM_REVIEWS_URI") or None
        if reviews is not None and not _is_postgresql(reviews) and not reviews.startswith(_SQLITE):
            raise ConfigError(
                "PODIUM_REVIEWS_URI names no database that the decision log can be in",
                remedy="write postgresql+psycopg://USER@HOST:PORT/DATABASE, or sqlite:///FILE",
            )
        return cls(
            root=root.absolute(),
            state=state,
            tracking_uri=uri,
            reviews_uri=reviews,
            artifact_root=_folder(env.get("PODIUM_ARTIFACT_ROOT")),
            weights=weights,
        )

    def find(self, config: Path) -> Path:
        """Return a configuration file as it is named from here, or else from the checkout."""
        return config if config.is_absolute() or config.exists() else self.root / config

    @property
    def recipes(self) -> Path:
        """The folder of recipe files."""
        return self.root / "configs" / "recipes"

    @property
    def data(self) -> Path:
        """The canonical data set."""
        return self.root / "data"

    @property
    def tracking_is_database(self) -> bool:
        """Whether MLflow's address is a database's, not a tracking server's."""
        return self.tracking_uri.startswith("sqlite:") or _is_postgresql(self.tracking_uri)

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps artifacts when its address is a database, unless there is an ``artifact_root``."""
        return self.state / "mlartifacts"

    @property
    def work(self) -> Path:
        """Checkpoints of unfinished training, one folder a candidate."""
        return self.state / "work"

    @property
    def tuning(self) -> Path:
        """What was measured to train faster on this machine."""
        return self.state / "tuning"

    @property
    def counts(self) -> Path:
        """How many parameters the recipes' networks have, once they were counted."""
        return self.state / "counts.json"

    @property
    def features(self) -> Path:
        """What frozen backbones made of data sets."""
        return self.state / "features"

    @property
    def fetched_weights(self) -> Path:
        """Pretrained weights that were fetched from the hub."""
        return self.state / "weights"

    @property
    def runs(self) -> Path:
        """Reports and leaderboards of finished runs, one folder a run."""
        return self.state / "runs"

    @property
    def sweeps(self) -> Path:
        """Results of sweeps, one folder a sweep."""
        return self.state / "sweeps"

    @property
    def reviews(self) -> Path | str:
        """The decision log: a SQLite file, or the address of a PostgreSQL database."""
        if self.reviews_uri is not None and self.reviews_uri.startswith(_SQLITE):
            return Path(self.reviews_uri.removeprefix(_SQLITE)).absolute()
        if self.reviews_uri is not None:
            return self.reviews_uri
        return self.tracking_uri if _is_postgresql(self.tracking_uri) else self.own_reviews

    @property
    def own_reviews(self) -> Path:
        """Where the decision log is unless an address says otherwise."""
        return self.state / "reviews.db"


def _folder(uri: str | None) -> str | None:
    """A plain path as an address; others, and none, as they are."""
    return Path(uri).absolute().as_uri() if uri and ":" not in uri else uri or None


def _is_postgresql(uri: str) -> bool:
    return uri.startswith(("postgresql:", "postgresql+"))


def checkout() -> Path:
    """The folder that holds this source tree; the working directory if Podium was installed without one."""
    candidate = Path(podium.__file__).resolve().parents[2]
    return candidate if (candidate / "pyproject.toml").is_file() else Path.cwd()
