"""The jobs that ZenML's own Kubernetes code makes of our training pipeline with ``infra/stacks/kubernetes.yaml``.

The pipeline is compiled as for a run, and ZenML talks to a server that stands in for Kubernetes': it records what it is
asked and takes all jobs. What only a ZenML server knows (the run's records) is made up.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

from kubernetes import client as kubernetes_client
from zenml.config.step_run_info import StepRunInfo
from zenml.enums import StackComponentType
from zenml.stack import Stack
from zenml.stack.flavor_registry import FlavorRegistry
from zenml.utils import source_utils

from infra.checks.rights import Asked, asked
from podium.orchestration import placing, stacks
from podium.settings import Settings

_DEFINITION = "zenml.pipelines.pipeline_definition.Client"
SOMEBODY = SimpleNamespace(id=UUID(int=7), oidc_claims={})


class Cluster:
    """Stands in for Kubernetes' API server."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.jobs: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805
                self.answer(handler)

            do_POST = do_DELETE = do_GET  # noqa: N815

            def log_message(handler, *arguments: Any) -> None:  # noqa: N805
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Record a request, and answer as if all went well."""
        request = asked(str(handler.command), handler.path)
        self.asked.append(request)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        told: Any = {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        if request.verb == "create":
            told = json.loads(body)
            self.jobs.append(told | {"apiVersion": "batch/v1", "kind": "Job"})
        elif request.resource == "jobs" and request.verb == "list":
            told = {
                "apiVersion": "batch/v1",
                "kind": "JobList",
                "items": [job | {"status": {}} for job in self.jobs[-1:]],
            }
        elif request.resource == "pods" and request.verb == "get":
            owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "driver", "uid": "1"}
            told = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "driver-x", "ownerReferences": [owner]}}
        text = json.dumps(told).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)


def build(root: Path, file: Path) -> Cluster:
    """Submit, look at and cancel one driver and one training of a run's file; what the cluster was asked.

    Args:
        root: The checkout.
        file: A file of the training pipeline.
    """
    settings = Settings(root=root, state=Path("/podium/state"), tracking_uri="sqlite://")
    described = stacks.read("kubernetes", settings)
    with _without_zenml_server(root), _cluster() as cluster:
        from pipelines.training import training_pipeline

        stack = _stack(described)
        labelled = SimpleNamespace(labels={placing.IMAGE_LABEL: described.image})
        knows = SimpleNamespace(active_stack=stack, active_stack_model=labelled)
        with patch.object(placing, "Client", lambda: knows), patch(_DEFINITION, lambda: knows):
            pipeline = training_pipeline.with_options(config_path=str(file))
            pipeline.prepare()
            given = pipeline._run_args
            snapshot, _, _ = pipeline._compile(given["config_path"], steps=given["step_configurations"])
        operator, orchestrator = stack.step_operator, stack.orchestrator
        assert operator is not None
        training = _step(snapshot, "train")
        with patch("zenml.integrations.kubernetes.step_operators.kubernetes_step_operator.Client", _client):
            operator.submit_with_allocation(training, ["python", "-m", "entrypoint", "--step=train"], {"A": "B"}, None)
            operator.get_status(training.step_run)
            operator.cancel(training.step_run)
        build_ = SimpleNamespace(get_image=lambda **_: described.image)
        whole = SimpleNamespace(
            id=uuid4(), project_id=uuid4(), schedule=None, build=build_, step_configurations={}, is_dynamic=True,
            pipeline_configuration=snapshot.pipeline_configuration,
        )  # fmt: skip
        with (
            patch("zenml.integrations.kubernetes.orchestrators.kubernetes_orchestrator.Client", _client),
            patch.object(type(orchestrator), "get_image", lambda *_, **__: described.image),
        ):
            orchestrator.submit_dynamic_pipeline(whole, stack, {"C": "D"})
            orchestrator.get_orchestrator_run_id()
    return cluster


@contextmanager
def _cluster() -> Iterator[Cluster]:
    made = Cluster()
    serving = threading.Thread(target=made.server.serve_forever, daemon=True)
    serving.start()

    def load(**_: Any) -> None:
        kubernetes_client.Configuration.set_default(kubernetes_client.Configuration(host=made.address))

    before = kubernetes_client.Configuration.get_default_copy()
    try:
        with patch("zenml.integrations.kubernetes.kube_utils.load_kube_config", load):
            yield made
    finally:
        kubernetes_client.Configuration.set_default(before)
        made.server.shutdown()
        made.server.server_close()


@contextmanager
def _without_zenml_server(root: Path) -> Iterator[None]:
    before = source_utils._CUSTOM_SOURCE_ROOT
    source_utils.set_custom_source_root(str(root))
    try:
        with ExitStack() as patches:
            for name, value in (
                ("zenml.utils.code_repository_utils.find_active_code_repository", lambda *_, **__: None),
                ("zenml.config.compiler.get_zenml_versions", lambda: ("", "")),
                ("zenml.integrations.registry.integration_registry.activate_integrations", lambda: None),
            ):
                patches.enter_context(patch(name, value))
            yield
    finally:
        source_utils.set_custom_source_root(before)


def _stack(described: stacks.StackFile) -> Stack:
    registry = FlavorRegistry()
    flavors = {
        (found.type, str(getattr(found.name, "value", found.name))): found
        for found in (flavor() for flavor in (*registry.builtin_flavors, *registry.integration_flavors))
    }
    parts = {}
    for kind, part in described.components.items():
        flavor, now = flavors[kind, part.flavor], datetime.now(UTC)
        parts[StackComponentType(kind).value] = flavor.implementation_class(
            name=described.stack, id=uuid4(), config=flavor.config_class(**part.configuration), flavor=part.flavor,
            type=kind, user=SOMEBODY.id, created=now, updated=now,
        )  # fmt: skip
    return Stack(uuid4(), described.stack, **parts)


def _step(snapshot: Any, name: str) -> StepRunInfo:
    """A step's record as the driver hands it to the step operator."""
    compiled = snapshot.step_configurations[name]
    assert compiled.config.step_operator, f"{name} is no step of the step operator"
    run = SimpleNamespace(id=uuid4())
    made = SimpleNamespace(project_id=uuid4(), id=uuid4(), build=object(), is_dynamic=True)
    return StepRunInfo.model_construct(
        step_run_id=run.id, run_id=uuid4(), run_name="training-1", pipeline_step_name=name, config=compiled.config,
        spec=compiled.spec, pipeline=snapshot.pipeline_configuration, snapshot=made, step_run=run,
    )  # fmt: skip


def _client() -> Any:
    return SimpleNamespace(active_user=SOMEBODY)
