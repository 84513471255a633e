"""Where the decision log and the artifacts are, as the environment tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.errors import ConfigError
from podium.orchestration.environment import isolated_environment
from podium.settings import Settings

SERVER = "postgresql+psycopg://keeper@db:5432/podium"


@pytest.mark.parametrize(
    ("given", "reviews"),
    [
        ({}, Path("/s/reviews.db")),
        ({"PODIUM_REVIEWS_URI": ""}, Path("/s/reviews.db")),
        ({"PODIUM_TRACKING_URI": "https://mlflow.example.org"}, Path("/s/reviews.db")),
        ({"PODIUM_TRACKING_URI": SERVER}, SERVER),
        ({"PODIUM_TRACKING_URI": "postgresql://keeper@db:5432/podium"}, SERVER),
        ({"PODIUM_TRACKING_URI": "https://mlflow.example.org", "PODIUM_REVIEWS_URI": SERVER}, SERVER),
        ({"PODIUM_TRACKING_URI": SERVER, "PODIUM_REVIEWS_URI": "sqlite:////r/log.db"}, Path("/r/log.db")),
    ],
)
def test_the_decision_log_is_beside_mlflow_unless_told(given: dict[str, str], reviews: Path | str) -> None:
    made = Settings.from_environment({"PODIUM_ROOT": "/r", "PODIUM_STATE": "/s", **given})
    assert made.reviews == reviews
    assert Settings.from_environment(isolated_environment(made)) == made


@pytest.mark.parametrize("uri", ["mysql://u:hidden@h/d", "/hidden/reviews.db", "sqlite://hidden"])
def test_another_kind_of_database_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="PODIUM_REVIEWS_URI names no database") as caught:
        Settings.from_environment({"PODIUM_REVIEWS_URI": uri})
    assert "hidden" not in str(caught.value)


def test_passwords_are_not_shown() -> None:
    uri = "postgresql://keeper:hidden@db/podium"
    assert "hidden" not in repr(Settings.from_environment({"PODIUM_TRACKING_URI": uri, "PODIUM_REVIEWS_URI": uri}))


def test_an_artifact_root_may_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({"PODIUM_ARTIFACT_ROOT": "shared"}).artifact_root == (tmp_path / "shared").as_uri()
    assert Settings.from_environment({"PODIUM_ARTIFACT_ROOT": "s3://b/x"}).artifact_root == "s3://b/x"
