"""Where the scenario takes place: on one machine without a server, and with the servers of a team."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
from mlflow import MlflowClient

from tests.desk.support import Page
from tests.ports import free_port
from tests.product.warm import Forks, Warm
from tests.product.workspace import Workspace
from tests.product.zenml_server import ZenmlServer
from tests.registry.postgres import Database

PEOPLE = ("ada", "grace", "linus", "mallory")


class Alone:
    """MLflow on SQLite, ZenML's default store; reviewers say who they are at the terminal."""

    def __init__(self, workspace: Workspace, forks: Forks, **variables: str) -> None:
        self.workspace = workspace
        self.warm = Warm(workspace, forks, **variables)
        self.tracking_uri = variables.get("PODIUM_TRACKING_URI") or f"sqlite:///{workspace.state / 'mlflow.db'}"

    def decide(self, verb: str, review: str, who: str, reason: str, *, refused: bool = False) -> str:
        """What the reviewer is told."""
        said = ("--reason", reason, "--as", who, "--no-zenml")
        return self.warm.call("podium", "review", verb, review, *said, expect=int(refused))

    def promote(self, review: str, who: str, reason: str) -> str:
        """The approval that a pipeline carries out; what the reviewer is told."""
        return self.warm.call("podium", "review", "approve", review, "--reason", reason, "--as", who)

    @property
    def registry(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)


class Browser(Page):
    """A browser at a desk that is another process."""

    def __init__(self, address: str) -> None:
        self.origin = address
        self.client = httpx2.Client(base_url=address, follow_redirects=True, trust_env=False, timeout=120)
        self.answer = None


class Team(Alone):
    """MLflow and the decision log in PostgreSQL, artifacts in a folder, runs and users of a ZenML server.

    Runs are those of a service account; reviewers log in at the desk with their passwords.
    """

    def __init__(self, workspace: Workspace, forks: Forks, database: Database, server: ZenmlServer) -> None:
        artifacts = workspace.root / "shared"
        super().__init__(workspace, forks, PODIUM_TRACKING_URI=database.uri, PODIUM_ARTIFACT_ROOT=str(artifacts))
        self.server, self.browsers = server, dict[str, Browser]()
        office = Workspace.create(workspace.root.with_name("office"))
        shutil.copy(workspace.root / "configs" / "promotion.yaml", office.root / "configs")
        self.office = Warm(office, forks, PODIUM_TRACKING_URI=database.uri, PODIUM_ARTIFACT_ROOT=str(artifacts))

    def log_in(self) -> None:
        """Both machines, as a person does: ``eval "$(podium env)"; zenml login ADDRESS --api-key``."""
        for name, machine in (("runs", self.warm), ("office", self.office)):
            key = self.server.add_service_account(name)
            said = machine.call("zenml", "login", self.server.address, "--api-key", given=f"{key}\n")
            assert "Updated the global store configuration" in said

    def promote(self, review: str, who: str, reason: str) -> str:
        """At another machine, which has not the folders of that on which the run was."""
        configuration = self.workspace.state / "zenml"
        away = configuration.rename(configuration.with_name("elsewhere"))
        try:
            return self.office.call("podium", "review", "approve", review, "--reason", reason, "--as", who)
        finally:
            away.rename(configuration)

    @contextmanager
    def desk(self) -> Iterator[None]:
        """``podium review serve``, with everybody logged in."""
        (self.workspace.root / "configs" / "desk.yaml").write_text("default_role: reviewer\npromotion: direct\n")
        port = free_port()
        options = ("--port", str(port), "--config", "configs/desk.yaml", "--zenml-server", self.server.address)
        desk = self.warm.start("podium", "review", "serve", *options)
        try:
            assert f"users of {self.server.address}" in (printed := desk.stdout.readline()), printed
            _wait(port)
            for name in PEOPLE:
                self.server.add_user(name, f"secret of {name}")
                self.browsers[name] = Browser(f"http://127.0.0.1:{port}")
                assert self.browsers[name].log_in(name).path == "/"
            yield
        finally:
            for browser in self.browsers.values():
                browser.client.close()
            os.killpg(desk.pid, signal.SIGTERM)
            desk.wait()
            desk.stdout.close()

    def decide(self, verb: str, review: str, who: str, reason: str, *, refused: bool = False) -> str:
        page = self.browsers[who].decide(review, verb, reason)
        assert (page.status >= 400) is refused, page.words
        while "data-under-way" in page.text:  # recorded, and being carried out
            time.sleep(0.2)
            page.get(page.path)
        assert refused or "was not carried out" not in page.words, page.words
        return page.words

    def stages(self) -> Mapping[str, str]:
        """By version, as the server has them."""
        found = self.server.ask("GET", "model_versions?size=50")["items"]
        return {version["name"]: version["body"]["stage"] or "none" for version in found}

    def runs_of(self, version: str) -> list[str]:
        """Pipelines of the runs that the server links to a version."""
        found = self.server.ask("GET", "model_versions?size=50")["items"]
        number = next(entry["id"] for entry in found if entry["name"] == version)
        links = self.server.ask("GET", f"model_version_pipeline_runs?size=50&model_version_id={number}")["items"]
        return [link["body"]["pipeline_run"]["name"].partition("-")[0] for link in links]

    def users_of_runs(self) -> set[str]:
        """Who drove the runs that the server knows, with their ends."""
        runs: list[dict[str, Any]] = self.server.ask("GET", "runs?size=50&hydrate=true")["items"]
        return {
            f"{run['name'].partition('-')[0]} by {run['resources']['user']['name']}: {run['body']['status']}"
            for run in runs
        }


def _wait(port: int) -> None:
    last = time.monotonic() + 60
    while time.monotonic() < last:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")
