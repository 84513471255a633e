"""Check YAML values against ZenML's models more strictly than ZenML does, which ignores unknown keys."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from zenml.config import DeploymentSettings, DockerSettings, ResourceSettings
from zenml.config.base_settings import BaseSettings
from zenml.config.constants import DEPLOYMENT_SETTINGS_KEY, DOCKER_SETTINGS_KEY, RESOURCE_SETTINGS_KEY
from zenml.enums import StackComponentType

from podium.config.load import explain, nearest
from podium.errors import ConfigError
from podium.orchestration.slurm.settings import SlurmOrchestratorConfig, SlurmStepOperatorConfig

SETTINGS: Mapping[str, type[BaseModel]] = {
    RESOURCE_SETTINGS_KEY: ResourceSettings,
    DOCKER_SETTINGS_KEY: DockerSettings,
    DEPLOYMENT_SETTINGS_KEY: DeploymentSettings,
}
"""The settings that belong to no component of a stack."""


def check(model: type[BaseModel], value: Any, file: Path, path: str = "") -> None:
    """Validate a value as ZenML does, and refuse keys that it would ignore, at every depth.

    Keys that ZenML renames (such as ``resources.preemptible``) pass. ``settings`` are checked by their own classes.

    Raises:
        ConfigError: names the file, the key's path and the nearest valid name.
    """
    refused = None
    try:
        _closed(model).model_validate(value)
    except ValidationError as error:
        refused = explain(error, model, file, path)
    # What is wrong deeper says more: a misspelt key below makes something above it incomplete.
    for name, field in model.model_fields.items() if isinstance(value, dict) else ():
        where = f"{path}.{name}" if path else name
        if name == "settings" and isinstance(value.get(name), dict):
            check_settings(value[name], file, where)
        elif name in value:
            _descend(field.annotation, value[name], file, where)
    if refused is not None:
        raise refused


def check_settings(value: dict[str, Any], file: Path, path: str) -> None:
    """Check a ``settings`` section: ``docker``, ``resources`` and the like, and those of stack components.

    ``orchestrator.kubernetes`` is checked against that flavor. Which flavor a bare ``orchestrator`` (or
    ``orchestrator:NAME``) means only the stack knows, so its keys have to be keys of some flavor that ZenML ships, and
    its values are not checked. Nothing is checked in the settings of a flavor that ZenML does not ship.

    Raises:
        ConfigError: as :func:`check`.
    """
    components = [str(kind) for kind in StackComponentType.values()]
    for key, section in value.items():
        kind, separator, flavor = _split(str(key))
        where = f"{path}.{key}"
        if key in SETTINGS:
            check(SETTINGS[key], section, file, where)
        elif kind not in components:
            raise ConfigError(f"{file}: {where}: unknown key", remedy=nearest(kind, [*SETTINGS, *components]))
        elif not isinstance(section, dict):
            raise ConfigError(f"{file}: {where}: holds {section!r}, not a mapping", remedy="indent its keys below it")
        elif separator == ".":
            _check_flavor(kind, flavor, section, file, where)
        else:
            known = set().union(*(config.model_fields for config in _flavors()[kind].values()))
            hint = f"; settings of a flavor of your own stand under {kind}.FLAVOR"
            _refuse_unknown(section, known, file, where, hint)


def check_component(kind: str, flavor: str, section: dict[str, Any], file: Path) -> None:
    """Check the configuration of a stack's component, as a file of ``infra/stacks`` has it.

    Raises:
        ConfigError: There is no such flavor, or the flavor refuses a key or a value.
    """
    flavors = _flavors()[kind]
    path = f"components.{kind}"
    if flavor not in flavors:
        raise ConfigError(f"{file}: {path}.flavor: there is no flavor {flavor!r}", remedy=nearest(flavor, flavors))
    _refuse_unknown(section, flavors[flavor].model_fields, file, f"{path}.configuration", "")
    try:
        flavors[flavor].model_validate(section)
    except ValidationError as error:
        raise explain(error, flavors[flavor], file, f"{path}.configuration") from None


def _check_flavor(kind: str, flavor: str, section: dict[str, Any], file: Path, path: str) -> None:
    config = _flavors()[kind].get(flavor)
    if config is None:
        return
    _refuse_unknown(section, config.model_fields, file, path, "")
    for model in config.__mro__:
        # The configuration class inherits the settings' class; as a whole it may demand what the stack holds.
        if issubclass(model, BaseSettings) and not issubclass(model, _component_config()):
            if section.keys() <= model.model_fields.keys():
                check(model, section, file, path)
            return


def _refuse_unknown(section: dict[str, Any], known: Collection[str], file: Path, path: str, hint: str) -> None:
    for key in section:
        if key not in known:
            remedy = nearest(str(key), known) if known else "remove it: there are no such settings"
            raise ConfigError(f"{file}: {path}.{key}: unknown key", remedy=remedy + hint)


def _split(key: str) -> tuple[str, str, str]:
    """Parts of ``orchestrator``, ``orchestrator.FLAVOR`` or ``orchestrator:NAME``."""
    for separator in ".:":
        kind, found, rest = key.partition(separator)
        if found:
            return kind, separator, rest
    return key, "", ""


@functools.cache
def _flavors() -> dict[str, dict[str, type[BaseModel]]]:
    """Configuration classes of all flavors that ZenML and Podium ship, by kind and name; takes half a second once."""
    from zenml.stack.flavor_registry import FlavorRegistry

    registry = FlavorRegistry()
    found: dict[str, dict[str, type[BaseModel]]] = {str(kind): {} for kind in StackComponentType.values()}
    for made in (flavor() for flavor in (*registry.builtin_flavors, *registry.integration_flavors)):
        found[made.type.value][str(getattr(made.name, "value", made.name))] = made.config_class
    found["step_operator"]["slurm"], found["orchestrator"]["slurm"] = SlurmStepOperatorConfig, SlurmOrchestratorConfig
    return found


def _component_config() -> type[BaseModel]:
    from zenml.stack import StackComponentConfig

    return StackComponentConfig


@functools.cache
def _closed(model: type[BaseModel]) -> type[BaseModel]:
    """The model with unknown keys refused, after its own validators have taken out the names that they rename."""
    if model.model_config.get("extra") == "allow":
        return model
    namespace = {"model_config": ConfigDict(extra="forbid"), "__module__": model.__module__, "__doc__": model.__doc__}
    return types.new_class(model.__name__, (model,), exec_body=lambda body: body.update(namespace))


def _descend(annotation: Any, value: Any, file: Path, path: str) -> None:
    """Check the models within a value; whether the value itself fits has been found out."""
    options = list(_options(annotation))
    if isinstance(value, dict):
        mappings = [option for option in options if _origin_is(option, Mapping)]
        models = [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]
        if mappings:
            inner = typing.get_args(mappings[0])[-1:]
            for key, item in value.items():
                _descend(inner[0] if inner else Any, item, file, f"{path}.{key}")
        elif len(models) == 1:
            check(models[0], value, file, path)
    elif isinstance(value, list):
        for option in options:
            if _origin_is(option, Collection) and not _origin_is(option, Mapping) and typing.get_args(option):
                for index, item in enumerate(value):
                    _descend(typing.get_args(option)[0], item, file, f"{path}.{index}")
                return


def _options(annotation: Any) -> typing.Iterator[Any]:
    """The alternatives of a type, through unions and annotations."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _options(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for argument in typing.get_args(annotation):
            yield from _options(argument)
    else:
        yield annotation


def _origin_is(annotation: Any, kind: Any) -> bool:
    origin = typing.get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, kind)
