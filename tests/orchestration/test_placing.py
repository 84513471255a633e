"""Which steps become jobs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from podium.orchestration import placing


@pytest.mark.parametrize(
    ("operator", "written", "steps"),
    [
        (None, "", {}),
        (object(), "", {"train": {"step_operator": True}}),
        (object(), "steps: {train: {settings: {}}, load: {}}", {"train": {"step_operator": True}}),
        (object(), "steps: {train: {step_operator: false}}", {}),
        (object(), "steps: {train: {step_operator: other}}", {}),
    ],
)
def test_steps_are_placed_where_the_stack_has_a_step_operator_and_the_file_says_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, operator: object, written: str, steps: dict[str, object]
) -> None:
    stack = SimpleNamespace(active_stack=SimpleNamespace(step_operator=operator))
    monkeypatch.setattr(placing, "Client", lambda: stack)
    file = tmp_path / "run.yaml"
    file.write_text("parameters: {}\n" + written)
    assert placing.placing({"train"}, file) == steps
    assert placing.placing((), file) == {}


@pytest.mark.parametrize(
    ("labels", "written", "image"),
    [
        (None, "", None),
        ({"other": "x"}, "", None),
        ({"podium_image": "registry.example.org/podium:1"}, "", "registry.example.org/podium:1"),
        ({"podium_image": "registry.example.org/podium:1"}, "settings: {docker: {skip_build: false}}", None),
    ],
)
def test_containers_are_of_the_stacks_image_unless_the_file_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, labels: dict[str, str] | None, written: str, image: str | None
) -> None:
    active = SimpleNamespace(active_stack_model=SimpleNamespace(labels=labels))
    monkeypatch.setattr(placing, "Client", lambda: active)
    file = tmp_path / "run.yaml"
    file.write_text("parameters: {}\n" + written)
    found = placing.containers(file)
    assert found.keys() == ({"docker"} if image else set())
    if image:
        docker = found["docker"]
        assert (docker.parent_image, docker.skip_build) == (image, True)
        assert not docker.allow_download_from_artifact_store, "the code is in the image"


def test_waiting_looks_again_until_the_step_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(placing.time, "sleep", slept.append)
    placing.wait(SimpleNamespace(running=lambda: len(slept) < 3))
    assert slept == [placing.LOOK] * 3
