"""Whether new images have drifted from the data set; looked at once for each content of their folder."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from pathlib import Path

from podium import atomic
from podium.config.base import Frozen
from podium.config.retraining import DriftTrigger, RetrainingConfig
from podium.data.store import read_manifest
from podium.digest import digest_json
from podium.errors import ConfigError
from podium.retraining.round import Drifted
from podium.settings import Settings

log = logging.getLogger(__name__)


class Looked(Frozen):
    """What a look found; kept beside the history."""

    key: str
    drift: bool
    sentence: str


def drifted(settings: Settings, config: RetrainingConfig) -> Drifted | None:
    """What tells of drift, or None where no images are named.

    The reference are the validation and test images of the data set in place. Raises, when called: ConfigError where
    the images are missing; DataError where too few of them can be decoded; RegistryError where the embedding is the
    champion's and there is none.
    """
    trigger = config.retraining.drift
    return None if trigger is None else lambda: _drifted(settings, config, trigger)


def _drifted(settings: Settings, config: RetrainingConfig, trigger: DriftTrigger) -> bool:
    current = settings.root / trigger.current
    if not current.exists():
        remedy = "put them there, or take retraining.drift out of the configuration"
        raise ConfigError(f"{current}: the new images of retraining.drift are not there", remedy=remedy)
    data = settings.root / config.data.path
    champion = _champion(settings, config) if trigger.features == "champion" else None
    state = [read_manifest(data).digest, trigger.model_dump(mode="json"), champion, list(_listing(current))]
    key = digest_json(state)
    file = settings.state / "retraining" / f"{config.name}.drift.json"
    if file.is_file():
        before = Looked.model_validate_json(file.read_bytes())
        if before.key == key:
            return before.drift
    looked = _look(settings, config, trigger, data, current, key)
    log.warning("drift of %s: %s", current.name, looked.sentence)
    atomic.write_text(file, looked.model_dump_json(indent=2))
    return looked.drift


def _champion(settings: Settings, config: RetrainingConfig) -> int | None:
    from podium.registry.champion import champion_version

    return champion_version(settings, config.registry.model)


def _listing(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Names, sizes and times: what tells without reading that images came or went."""
    files = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
    for file in files:
        if file.is_file():
            stat = file.stat()
            yield str(file.relative_to(folder)), stat.st_size, stat.st_mtime_ns


def _look(
    settings: Settings, config: RetrainingConfig, trigger: DriftTrigger, data: Path, current: Path, key: str
) -> Looked:
    from podium.drift import DriftConfig, detect_drift
    from podium.drift.features import FeatureSource, backbone_features, champion_features
    from podium.drift.opening import open_population
    from podium.models.places import weights_store
    from podium.registry.champion import load_champion_bundle

    source: FeatureSource | None = None
    if trigger.features == "champion":
        bundle, number = load_champion_bundle(settings, config.registry.model)
        source = champion_features(bundle, f"{config.registry.model} version {number}")
    elif trigger.features == "backbone":
        source = backbone_features(weights_store(settings))
    opened = functools.partial(
        open_population, choice="held-out", data=data, record=data.with_name(f"{data.name}.dvc"), revisions=False
    )
    with opened(str(data)) as before, opened(str(current), classes=before.class_names) as now:
        report, _ = detect_drift(before, now, source, DriftConfig())
    return Looked(key=key, drift=report.drift, sentence=report.sentence)
