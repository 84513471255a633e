"""Whether ZenML's store and stack can be used; run as a process of its own, which the caller's ZenML does not reach."""

from __future__ import annotations

import sys
from typing import Any

from zenml import __version__
from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.stack import Stack, StackComponent

from podium.doctor.finding import Finding, error, ok, skipped, warning
from podium.errors import PodiumError
from podium.orchestration.prepare import ready_mark
from podium.orchestration.slurm import health
from podium.settings import Settings


def stack(settings: Settings) -> Finding:
    """Whether the store answers, with this version, and the active stack can be loaded."""
    if not ready_mark(settings).exists():
        return skipped("no ZenML database yet: the first run makes it")
    client = Client()
    server = client.zen_store.get_store_info()
    if str(server.version) != __version__:
        told = f"ZenML here is {__version__}, its store {server.version}"
        return warning(told, "bring both to one version")
    model = client.active_stack_model
    names = ", ".join(f"{kind.value} {parts[0].name}" for kind, parts in sorted(model.components.items()))
    try:
        found = client.active_stack
    except Exception as failed:  # noqa: BLE001 - whatever a component raises is the answer
        cause = (str(failed).splitlines() or [type(failed).__name__])[0]
        return error(f"the stack {model.name} cannot be loaded: {cause}", "register it again: `podium stack up`")
    slurm = _slurm(client, found)
    return slurm or ok(f"ZenML {__version__}, {client.zen_store.type.value} store, stack {found.name} ({names})")


def _slurm(client: Client, active: Stack) -> Finding | None:
    """What ails Slurm, where the active stack is one, or a schedule that it is to start; None if all is well."""
    components: tuple[Any, ...] = (active.orchestrator, active.step_operator)
    try:
        for component in components:
            if component is not None and component.flavor == "slurm":
                health.check(component.transport)
        for schedule in client.list_schedules(active=True, user=client.active_user.id):  # others' cannot be read
            if schedule.orchestrator_id is None:
                continue
            model = client.get_stack_component(StackComponentType.ORCHESTRATOR, schedule.orchestrator_id)
            if model.flavor_name == "slurm":
                starter: Any = StackComponent.from_model(model)
                health.check_schedule(starter.transport, starter.schedule_folder(schedule.id), schedule.name)
    except PodiumError as found:
        return error(found.message, found.remedy)
    return None


if __name__ == "__main__":
    sys.stdout.write(stack(Settings.from_environment()).model_dump_json())
