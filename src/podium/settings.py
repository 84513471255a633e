"""Where things live: the checkout, its state folder and the tracking server. Reads the environment only when asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

import podium


class Settings(BaseModel):
    """Paths and addresses of one installation; no secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    """The checkout: ``configs/``, ``data/`` and ``data.dvc`` lie here."""
    state: Path
    """Everything that Podium writes: registry, runs, checkpoints, caches. Ignored by git."""
    tracking_uri: str
    """MLflow's tracking and registry address."""
    weights: Path | None = None
    """A folder of pretrained weights that is looked into before the embedded ones."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read ``PODIUM_ROOT``, ``PODIUM_STATE``, ``PODIUM_TRACKING_URI`` (each has a default in the checkout) and
        ``PODIUM_WEIGHTS``.

        ``MLFLOW_TRACKING_URI`` is not read: who has a team's server there must not find a trial run in it.
        """
        env = os.environ if environ is None else environ
        root = Path(env["PODIUM_ROOT"]) if env.get("PODIUM_ROOT") else checkout()
        state = Path(env["PODIUM_STATE"]) if env.get("PODIUM_STATE") else root / ".podium"
        state = state.absolute()
        uri = env.get("PODIUM_TRACKING_URI") or f"sqlite:///{state / 'mlflow.db'}"
        weights = Path(env["PODIUM_WEIGHTS"]).absolute() if env.get("PODIUM_WEIGHTS") else None
        return cls(root=root.absolute(), state=state, tracking_uri=uri, weights=weights)

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
    def artifacts(self) -> Path:
        """Where MLflow keeps artifacts when its address is a local database."""
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
    def reviews(self) -> Path:
        """The decision log."""
        return self.state / "reviews.db"


def checkout() -> Path:
    """The folder that holds this source tree; the working directory if Podium was installed without one."""
    candidate = Path(podium.__file__).resolve().parents[2]
    return candidate if (candidate / "pyproject.toml").is_file() else Path.cwd()
