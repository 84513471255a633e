"""Register a stack and its components from a file; calling it again changes what the file changed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError
from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import ComponentResponse
from zenml.stack.flavor import validate_flavor_source

from podium.config.base import Frozen
from podium.config.load import explain, load_yaml
from podium.config.recipe import NAME
from podium.errors import ConfigError, PodiumError
from podium.orchestration import schema
from podium.orchestration.placing import IMAGE_LABEL
from podium.settings import Settings

OUR_FLAVORS: Final = {
    (StackComponentType.STEP_OPERATOR, "slurm"): "podium.orchestration.slurm.flavor.SlurmStepOperatorFlavor",
    (StackComponentType.ORCHESTRATOR, "slurm"): "podium.orchestration.slurm.flavor.SlurmOrchestratorFlavor",
}
"""Flavors that Podium brings, by kind and name."""


class Component(Frozen):
    """One component of a stack. It is called as the stack is."""

    flavor: str
    configuration: dict[str, Any] = Field(default_factory=dict)
    """``{root}`` and ``{state}`` stand for the checkout and the state folder."""


class StackFile(Frozen):
    """A file of ``infra/stacks``."""

    stack: str = Field(pattern=NAME)
    image: str | None = Field(None, min_length=1)
    """Of containers: what all steps run in, with the checkout at ``/app``; for stacks that need one."""
    components: dict[StackComponentType, Component]


def read(name: str, settings: Settings) -> StackFile:
    """Read and check the file of a stack.

    Args:
        name: Of a file of ``infra/stacks`` without its ending, or the path of a ``.yaml`` file.
        settings: What the placeholders stand for.

    Raises:
        ConfigError: There is no such file, or a value in it is refused.
    """
    folder = settings.root / "infra" / "stacks"
    file = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        raise ConfigError(f"there is no stack {name!r}", remedy=f"name a .yaml file, or one of: {known}")
    raw = load_yaml(file)
    try:
        found = StackFile.model_validate(raw)
    except ValidationError as error:
        raise explain(error, StackFile, file) from None
    filled = {
        kind: component.model_copy(update={"configuration": _filled(component.configuration, settings)})
        for kind, component in found.components.items()
    }
    for kind, component in filled.items():
        schema.check_component(kind.value, component.flavor, component.configuration, file)
    return found.model_copy(update={"components": filled})


def up(stack: StackFile, tell: Callable[[str], None]) -> None:
    """Register a stack in the active ZenML, or make it what the file says.

    Args:
        stack: As read.
        tell: Gets a line for each thing that was made or changed.
    """
    client = Client()
    components = {}
    for kind, wanted in stack.components.items():
        _have_flavor(client, kind, wanted.flavor, tell)
        components[kind] = _have_component(client, kind, stack.stack, wanted, tell).id
    wanted_parts = {kind: [part] for kind, part in components.items()}
    labels = {IMAGE_LABEL: stack.image} if stack.image else {}
    try:
        known = client.get_stack(stack.stack, allow_name_prefix_match=False)
    except KeyError:
        client.create_stack(stack.stack, components, labels=labels)
        tell(f"stack {stack.stack}: registered")
        return
    parts = {kind: [part.id for part in parts] for kind, parts in known.components.items()}
    if parts == wanted_parts and (known.labels or {}).get(IMAGE_LABEL) == stack.image:
        tell(f"stack {stack.stack}: as it was")
        return
    client.update_stack(stack.stack, component_updates=wanted_parts, labels={IMAGE_LABEL: stack.image})
    tell(f"stack {stack.stack}: changed")


def _have_flavor(client: Client, kind: StackComponentType, flavor: str, tell: Callable[[str], None]) -> None:
    source = OUR_FLAVORS.get((kind, flavor))
    if source is None:
        return
    try:
        client.get_flavor_by_name_and_type(flavor, kind)
    except KeyError:
        # Not client.create_flavor: it would write the path that the class has below this process's source root.
        made = validate_flavor_source(source, kind)[1].to_model(integration="podium", is_custom=True)
        client.zen_store.create_flavor(made.model_copy(update={"source": source}))
        tell(f"{kind.value} flavor {flavor}: registered")


def _have_component(
    client: Client, kind: StackComponentType, name: str, wanted: Component, tell: Callable[[str], None]
) -> ComponentResponse:
    try:
        known = client.get_stack_component(kind, name, allow_name_prefix_match=False)
    except KeyError:
        tell(f"{kind.value} {name}: registered")
        return client.create_stack_component(name, wanted.flavor, kind, wanted.configuration)
    if known.flavor_name != wanted.flavor:
        raise PodiumError(
            f"{kind.value} {name} is registered with the flavor {known.flavor_name}, not {wanted.flavor}",
            remedy=f"zenml {kind.value.replace('_', '-')} delete {name}, or give the stack another name",
        )
    if {key: value for key, value in known.configuration.items() if value is not None} == wanted.configuration:
        return known
    tell(f"{kind.value} {name}: changed")
    gone = {key: None for key in known.configuration if key not in wanted.configuration}
    return client.update_stack_component(name, kind, configuration={**wanted.configuration, **gone})


def _filled(value: Any, settings: Settings) -> Any:
    if isinstance(value, str):
        return value.replace("{root}", str(settings.root)).replace("{state}", str(settings.state))
    if isinstance(value, dict):
        return {key: _filled(item, settings) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, settings) for item in value]
    return value


def main(name: str) -> int:
    """Register a stack as a program. Returns the exit status."""
    from podium.orchestration.runner import tell

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")

    try:
        up(read(name, Settings.from_environment()), say)
    except Exception as error:  # noqa: BLE001 - told in a few lines
        return tell(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
