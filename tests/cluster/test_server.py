"""The site's server: jobs know the token of their run alone, and one that has expired is told."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import jwt
import pytest

from tests.cluster.conftest import user_environment
from tests.cluster.slurm import Cluster
from tests.cluster.test_steps import Run
from tests.conftest import ROOT
from tests.product.workspace import Workspace
from tests.product.zenml_server import SIGNING_KEY

pytestmark = pytest.mark.slow


def test_jobs_have_the_token_of_their_run_and_not_their_users_key(
    site: Workspace, cluster: Cluster, tmp_path: Path
) -> None:
    key = (site.root / "api_key").read_text()
    held = {"cpus": 1, "flags": ["--hold"]}
    run = Run(site, cluster, tmp_path, {"train": {"cpus": 1}, "sleep": held}, user_environment(site, cluster, ROOT))
    try:
        train = run.begun("train")
        variables = (run.folder("train") / "environment").read_text()
        assert "ZENML_STORE_API_TOKEN=" in variables
        assert key not in variables
        token = _token(variables)
        assert token not in cluster.job(train) + _everything_readable(run.folder("train"))
        assert token not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
        cluster.call("scancel", "--batch", "--signal=TERM", train)
        # The other job waited until its token had expired.
        late = run.folder("sleep") / "environment"
        text = late.read_text()
        late.write_text(text.replace(_token(text), _expired(_token(text))))
        job = cluster.call("squeue", "--noheader", "--states=PENDING", "--Format=JobID:20,Name:80")
        cluster.call("scontrol", "release", next(line.split()[0] for line in job.splitlines() if ".sleep." in line))
        told = run.end()
    finally:
        run.close()
    assert told["train"].startswith("resumed, n")
    assert told["sleep"].startswith("failed: job ")
    assert "ended with status 1: " in told["sleep"]
    assert "zenml login" in told["sleep"]
    assert "Signature has expired" in (run.folder("sleep") / "output").read_text()
    assert not list(site.state.glob("slurm/*/*/environment"))
    assert not any(key in path.read_text(errors="replace") for path in _files(site))


def _token(variables: str) -> str:
    return variables.partition("ZENML_STORE_API_TOKEN=")[2].partition("\n")[0]


def _expired(token: str) -> str:
    """The same token as the server would have signed it an hour ago, for half an hour."""
    claims = jwt.decode(token, SIGNING_KEY, algorithms=["HS256"], options={"verify_aud": False})
    claims["exp"] = int(time.time()) - 1800
    return jwt.encode(claims, SIGNING_KEY, algorithm="HS256")


def _everything_readable(folder: Path) -> str:
    """What lies in a job's folder beside the file with the credentials."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "environment"]
    return "".join(path.read_text(errors="replace") for path in files)


def _files(site: Workspace) -> list[Path]:
    return [path for path in site.state.glob("slurm/**/*") if path.is_file()]
