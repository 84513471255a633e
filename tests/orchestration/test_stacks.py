"""Files of infra/stacks: what is refused, and what becomes of ZenML's stack when one is read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from zenml.enums import StackComponentType

from podium.errors import PodiumError
from podium.orchestration import stacks
from podium.settings import Settings
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("source_root")

SETTINGS = Settings(root=ROOT, state=Path("/shared/state"), tracking_uri="sqlite://")


@pytest.mark.parametrize("file", sorted((ROOT / "infra" / "stacks").glob("*.yaml")), ids=lambda file: file.stem)
def test_the_stacks_that_come_with_podium(file: Path) -> None:
    found = stacks.read(file.stem, SETTINGS)
    assert found == stacks.read(str(file), SETTINGS)
    assert "{" not in str([component.configuration for component in found.components.values()]).replace(
        "{'", ""
    ).replace("{}", "")


def test_placeholders() -> None:
    operator = stacks.read("slurm", SETTINGS).components[StackComponentType.STEP_OPERATOR]
    assert operator.configuration["folder"] == "/shared/state/slurm"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("gpus: 1", "gpu: 1"), r"step_operator\.configuration\.gpu: unknown key[\s\S]*gpus"),
        (("gpus: 1", "gpus: many"), r"configuration\.gpus"),
        (('folder: "{state}/slurm"', "folder: jobs"), "no absolute path"),
        (("flavor: slurm", "flavor: slurn"), r"there is no flavor 'slurn'[\s\S]*slurm"),
        (("step_operator:", "step_operators:"), "step_operators"),
        (("stack: slurm", "stack: a b"), "stack"),
    ],
)
def test_refused_files_name_file_key_and_remedy(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "mine.yaml"
    text = (ROOT / "infra" / "stacks" / "slurm.yaml").read_text()
    assert change[0] in text
    file.write_text(text.replace(*change, 1))
    with pytest.raises(PodiumError, match=message) as raised:
        stacks.read(str(file), SETTINGS)
    assert "mine.yaml" in str(raised.value)


def test_no_such_stack() -> None:
    with pytest.raises(PodiumError, match=r"no stack 'slrum'[\s\S]*local, slurm"):
        stacks.read("slrum", SETTINGS)


@dataclass
class Store:
    """Stands in for ZenML's client, whose database takes seconds; the real one is used by tests/cluster."""

    flavors: list[str] = field(default_factory=list)
    components: dict[tuple[str, str], Any] = field(default_factory=dict)
    stacks: dict[str, Any] = field(default_factory=dict)

    def get_flavor_by_name_and_type(self, name: str, kind: StackComponentType) -> None:
        if name not in self.flavors:
            raise KeyError(name)

    @property
    def zen_store(self) -> Store:
        return self

    def create_flavor(self, flavor: Any) -> None:
        assert flavor.source == "podium.orchestration.slurm.flavor.SlurmStepOperatorFlavor", "wherever ZenML's root is"
        self.flavors.append(flavor.name)

    def get_stack_component(self, kind: StackComponentType, name: str, *, allow_name_prefix_match: bool) -> Any:
        return self.components[kind.value, name]

    def create_stack_component(self, name: str, flavor: str, kind: StackComponentType, configuration: Any) -> Any:
        made = SimpleNamespace(id=len(self.components), flavor_name=flavor, configuration=dict(configuration))
        self.components[kind.value, name] = made
        return made

    def update_stack_component(self, name: str, kind: StackComponentType, *, configuration: dict[str, Any]) -> Any:
        found = self.components[kind.value, name]
        found.configuration.update(configuration)
        return found

    def get_stack(self, name: str, *, allow_name_prefix_match: bool) -> Any:
        return self.stacks[name]

    def create_stack(
        self, name: str, components: dict[StackComponentType, int], *, labels: dict[str, str | None]
    ) -> None:
        parts = {kind: [SimpleNamespace(id=part)] for kind, part in components.items()}
        self.stacks[name] = SimpleNamespace(components=parts, labels=dict(labels))

    def update_stack(self, name: str, *, component_updates: Any, labels: dict[str, str | None]) -> None:
        found = self.stacks[name]
        found.labels = {key: value for key, value in (found.labels | labels).items() if value is not None}


@pytest.mark.slow
def test_a_stack_gets_another_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = Store()
    monkeypatch.setattr(stacks, "Client", lambda: store)
    file = tmp_path / "mine.yaml"
    text = (ROOT / "infra" / "stacks" / "kubernetes.yaml").read_text()
    label = {"podium_image": "registry.example.org/ml/podium:0.1.0"}
    for wanted, told, labels in (
        (text, "registered", label),
        (text, "as it was", label),
        (
            text.replace("podium:0.1.0", "podium:0.2.0"),
            "changed",
            {"podium_image": label["podium_image"][:-5] + "0.2.0"},
        ),
        ("\n".join(line for line in text.splitlines() if not line.startswith("image:")), "changed", {}),
    ):
        file.write_text(wanted)
        said: list[str] = []
        stacks.up(stacks.read(str(file), SETTINGS), said.append)
        assert said[-1] == f"stack kubernetes: {told}"
        assert store.stacks["kubernetes"].labels == labels


@pytest.mark.slow
def test_reading_a_stack_again_changes_what_the_file_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = Store()
    monkeypatch.setattr(stacks, "Client", lambda: store)

    def up(name: str) -> list[str]:
        told: list[str] = []
        stacks.up(stacks.read(name, SETTINGS), told.append)
        return told

    assert up("slurm")[-1] == "stack slurm: registered"
    assert up("slurm") == ["stack slurm: as it was"]
    file = tmp_path / "mine.yaml"
    text = (ROOT / "infra" / "stacks" / "slurm.yaml").read_text()
    file.write_text(text.replace("gpus: 1 ", "partition: long "))
    assert up(str(file)) == ["step_operator slurm: changed", "stack slurm: as it was"]
    configuration = store.components["step_operator", "slurm"].configuration
    assert configuration == {"folder": "/shared/state/slurm", "partition": "long", "gpus": None}
    store.components["step_operator", "slurm"].flavor_name = "modal"
    with pytest.raises(PodiumError, match="registered with the flavor modal"):
        up("slurm")
