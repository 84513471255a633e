"""A team's site: a ZenML server with tokens, on MariaDB, and jobs that know the token of their run alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import requests

from podium.registry.zenml_variables import choosing, without_zenml
from podium.settings import Settings
from tests.cluster.accounting import MariaDB
from tests.cluster.slurm import Cluster, until
from tests.cluster.test_steps import Run
from tests.product.prepared import Prepared
from tests.product.remote_servers import free_port
from tests.product.workspace import BIN, Workspace

pytestmark = pytest.mark.slow

PASSWORD = "the-password-of-ada"
KEY = "0" * 64
"""With which the server signs its tokens."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A ZenML server on a MariaDB database, with password authentication and the user ada. Yields its address."""
    folder = Path(tempfile.mkdtemp(prefix="podium-zenml-"))
    folder.chmod(0o755)
    database = MariaDB(folder / "mariadb")
    port = free_port()
    variables = {
        "ZENML_CONFIG_PATH": str(folder / "config"),
        "ZENML_LOCAL_STORES_PATH": str(folder / "stores"),
        "ZENML_STORE_URL": f"mysql://podium:{database.password}@127.0.0.1:{database.port}/zenml",
        "ZENML_ANALYTICS_OPT_IN": "false",
        "ZENML_SERVER_AUTH_SCHEME": "OAUTH2_PASSWORD_BEARER",
        "ZENML_SERVER_DEPLOYMENT_TYPE": "other",
        "ZENML_SERVER_AUTO_ACTIVATE": "true",
        "ZENML_SERVER_JWT_SECRET_KEY": KEY,
        "ZENML_DEFAULT_USER_NAME": "ada",
        "ZENML_DEFAULT_USER_PASSWORD": PASSWORD,
    }
    command = [BIN / "python", "-m", "uvicorn", "zenml.zen_server.zen_server_api:app", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, env={**without_zenml(os.environ), **variables}, cwd=folder, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            until(lambda: process.poll() is not None or _answers(address), (folder / "log").read_text, 300, 0.5)
            assert process.poll() is None, (folder / "log").read_text()[-3000:]
            yield address
        finally:
            process.kill()
            process.wait()
            database.stop()
            shutil.rmtree(folder)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=5).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def team(server: str, started_cluster: Cluster, stock: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A checkout whose user has logged in to the server."""
    made = stock.workspace(tmp_path_factory.mktemp("team") / "checkout")
    made.state.mkdir()
    made.call("podium", "stack", "up", "--active", "slurm", **user(made, started_cluster, server))
    return made


def user(team: Workspace, cluster: Cluster, server: str) -> dict[str, str]:
    """The variables of a user who works with the server."""
    settings = Settings.from_environment({"PODIUM_ROOT": str(team.root)})
    return {
        **choosing(str(team.state / "zenml"), str(team.state / "stores")),
        **cluster.environment(),
        "ZENML_STORE_URL": server,
        "ZENML_STORE_USERNAME": "ada",
        "ZENML_STORE_PASSWORD": PASSWORD,
        "ZENML_ANALYTICS_OPT_IN": "false",
        "ZENML_LOGGING_VERBOSITY": "INFO",
        "ZENML_LOGGING_COLORS_DISABLED": "true",
        "PODIUM_STATE": str(settings.state),
        "OMP_NUM_THREADS": "1",
    }


def test_jobs_have_the_token_of_their_run_and_no_password(
    team: Workspace, cluster: Cluster, server: str, tmp_path: Path
) -> None:
    held = {"cpus": 1, "flags": ["--hold"]}
    run = Run(team, cluster, tmp_path, {"train": {"cpus": 1}, "sleep": held}, user(team, cluster, server))
    try:
        train = run.begun("train")
        variables = _environment(team, "train")
        assert "ZENML_STORE_API_TOKEN=" in variables
        assert PASSWORD not in variables
        token = _token(variables)
        assert token not in cluster.job(train) + _everything_readable(team, "train")
        assert token not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
        cluster.call("scancel", "--batch", "--signal=TERM", train)
        # The other job waited until its token had expired.
        late = next(team.state.glob("slurm/*/sleep.*")) / "environment"
        text = late.read_text()
        late.write_text(text.replace(_token(text), _expired(_token(text))))
        job = cluster.call("squeue", "--noheader", "--states=PENDING", "--Format=JobID:20,Name:80")
        cluster.call("scontrol", "release", next(line.split()[0] for line in job.splitlines() if ".sleep." in line))
        told = run.end()
    finally:
        run.process.kill()
        run.process.wait()
    assert told["train"].startswith("resumed, n")
    assert told["sleep"].startswith("failed: job ")
    assert "ended with status 1: " in told["sleep"]
    assert "zenml login" in told["sleep"]
    output = next(team.state.glob("slurm/*/sleep.*")) / "output"
    assert "Signature has expired" in output.read_text()
    assert not list(team.state.glob("slurm/*/*/environment"))
    assert not any(PASSWORD in path.read_text(errors="replace") for path in _files(team))


def _environment(team: Workspace, kind: str) -> str:
    return (next(team.state.glob(f"slurm/*/{kind}.*")) / "environment").read_text()


def _token(variables: str) -> str:
    return variables.partition("ZENML_STORE_API_TOKEN=")[2].partition("\n")[0]


def _expired(token: str) -> str:
    """The same token as the server would have signed it an hour ago, for half an hour."""
    claims = jwt.decode(token, KEY, algorithms=["HS256"], options={"verify_aud": False})
    claims["exp"] = int(time.time()) - 1800
    return jwt.encode(claims, KEY, algorithm="HS256")


def _everything_readable(team: Workspace, kind: str) -> str:
    """What lies in a job's folder beside the file with the credentials."""
    folder = next(team.state.glob(f"slurm/*/{kind}.*"))
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "environment"]
    return "".join(path.read_text(errors="replace") for path in files)


def _files(team: Workspace) -> list[Path]:
    return [path for path in team.state.glob("slurm/**/*") if path.is_file()]
