"""The manifests of infra/kubernetes, the jobs that ZenML makes with our stack, and what each check refuses."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.checks import image, kubernetes, zenml_pods
from infra.checks.manifests import containers, render
from infra.checks.rights import Asked, asked, may
from tests.conftest import ROOT
from tests.needs import have

FOLDER = ROOT / "infra" / "kubernetes"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A copy of the folders, to change."""
    shutil.copytree(ROOT / "infra" / "stacks", tmp_path / "stacks")
    return Path(shutil.copytree(FOLDER, tmp_path / "kubernetes"))


@pytest.fixture(scope="module")
def cluster() -> zenml_pods.Cluster:
    return zenml_pods.build(ROOT, ROOT / "configs" / "quickstart.yaml")


@pytest.mark.slow
def test_the_manifests_that_come_with_podium() -> None:
    assert list(kubernetes.folder_faults(FOLDER)) == []
    listed = {f"{name}" for name in ("kustomization.yaml", "zenml-values.yaml", "data.yaml")}
    rendered = (FOLDER / "kustomization.yaml").read_text()
    assert all(file.name in listed or file.name in rendered for file in FOLDER.glob("*.yaml")), "none is left out"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("mlflow.yaml", "replicas: 1", "replicas: one", "replicas: 'one' is not of type"),
        ("mlflow.yaml", "replicas: 1", "replica: 1", "Additional properties are not allowed ('replica' was"),
        ("retraining.yaml", "batch/v1", "batch/v1beta1", "has no batch/v1beta1 CronJob"),
        ("retraining.yaml", "*/30 * * * *", "*/30 * * *", "schedule '*/30 * * *' is none"),
        ("retraining.yaml", "restartPolicy: Never", "restartPolicy: Always", "restartPolicy Always is refused"),
        ("retraining.yaml", "podium-retraining", "podium-trainer", "there is no ServiceAccount podium-trainer"),
        ("retraining.yaml", "podium-registries", "registries", "does not tell of a secret registries"),
        ("retraining.yaml", "key: api-key", "key: key", "no key key of the secret podium-zenml"),
        ("retraining.yaml", "claimName: podium", "claimName: other", "there is no PersistentVolumeClaim other"),
        ("retraining.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"),
        ("retraining.yaml", "{name: scratch, mountPath", "{name: work, mountPath", "there is no volume work"),
        ("retraining.yaml", "mountPath: /podium}", "mountPath: /app/data}", "/app/data is mounted, but what is beside"),
        ("retraining.yaml", "mountPath: /podium}", "mountPath: /state}", "PODIUM_STATE leads to /podium/state, which"),
        ("retraining.yaml", "mountPath: /podium}", "mountPath: /state}", "/app/data leads to /podium/data, which"),
        ("Dockerfile", "DVC_SITE_CACHE_DIR=/tmp/dvc", "DVC_SITE_CACHE_DIR=/var/tmp/dvc", "leads to /var/tmp/dvc"),
        ("mlflow.yaml", "capabilities: {drop: [ALL]}", "capabilities: {}", "keeps capabilities"),
        ("mlflow.yaml", "limits: {memory: 2Gi}", "limits: {}", "no limit of memory"),
        ("mlflow.yaml", "emptyDir: {sizeLimit: 5Gi}", "hostPath: {path: /tmp}", "volume scratch: hostPath"),
        ("mlflow.yaml", "selector: {app.kubernetes.io", "selector: {app", "no pod has the labels"),
        ("network.yaml", "values: [driver, retraining]", "values: [drivers]", "no pod has the labels"),
        ("roles.yaml", "name: podium-driver", "name: podium-drivers", "there is no ServiceAccount podium-drivers"),
        ("roles.yaml", "kind: Role, name: podium-runs", "kind: Role, name: runs", "there is no Role runs"),
        ("settings.yaml", "_SERVER: http://", "_SERVER: http://a:b@", "_SERVER: refer to a secret"),
        ("kustomization.yaml", 'newTag: "0.1.0"', "newTag: latest", "has no version"),
        ("kustomization.yaml", "namespace: podium", "namespace: other", "in the namespace other"),
        ("zenml-values.yaml", "mysql://zenml@", "mysql://zenml:word@", "refer to a secret"),
        ("zenml-values.yaml", "debug: false", "debug: false\n  password: word", "zenml.password: refer to a secret"),
        ("zenml-values.yaml", "name: zenml-database", "name: database", "no secret database"),
    ],
)  # fmt: skip
def test_what_a_cluster_would_refuse_is_found(mine: Path, file: str, old: str, new: str, message: str) -> None:
    text = (mine / file).read_text()
    assert old in text
    (mine / file).write_text(text.replace(old, new))
    assert message in "\n".join(kubernetes.folder_faults(mine))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("USER 10001:10001", "USER root", "the last user is no number"),
        ("HEALTHCHECK", "#", "no health check"),
        ("ARG BASE=nvidia/cuda:13.0.1-base-ubuntu24.04", "ARG BASE=nvidia/cuda", "has no version"),
        ("WORKDIR /app", "WORKDIR app", "DL3000"),
    ],
)
def test_an_image_that_is_not_as_it_should_be(mine: Path, old: str, new: str, message: str) -> None:
    file = mine / "Dockerfile"
    assert list(image.dockerfile_faults(file)) == []
    file.write_text(file.read_text().replace(old, new))
    assert message in "\n".join(image.dockerfile_faults(file))


@pytest.mark.slow
def test_kustomize_renders_the_same() -> None:
    have("kubectl", "kubernetes-client")
    done = subprocess.run(["kubectl", "kustomize", FOLDER], capture_output=True, text=True, check=True)
    named = [{(one["kind"], one["metadata"]["name"]): one for one in found} for found in (
        render(FOLDER), yaml.safe_load_all(done.stdout)
    )]  # fmt: skip
    assert named[0] == named[1]


def test_a_kustomization_that_would_be_rendered_otherwise(mine: Path) -> None:
    file = mine / "kustomization.yaml"
    file.write_text(file.read_text() + "namePrefix: my-\n")
    with pytest.raises(ValueError, match="namePrefix: not known"):
        render(mine)


@pytest.mark.slow
def test_the_jobs_of_a_run(cluster: zenml_pods.Cluster) -> None:
    assert list(kubernetes.pod_faults(FOLDER, cluster)) == []
    training, driver = (job["spec"]["template"]["spec"] for job in cluster.jobs)
    assert training["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert training["nodeSelector"] == {"podium/pool": "gpu"}
    assert training["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert (training["serviceAccountName"], driver["serviceAccountName"]) == ("podium-step", "podium-driver")
    for pod in (training, driver):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["containers"][0]["image"] == "registry.example.org/ml/podium:0.1.0"
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert "nvidia.com/gpu" not in driver["containers"][0]["resources"]["limits"]
    assert {(request.verb, request.resource) for request in cluster.asked} == {
        ("create", "jobs"), ("list", "jobs"), ("delete", "jobs"), ("get", "pods")
    }  # fmt: skip


@pytest.mark.slow
def test_a_runs_file_says_what_its_trainings_need(tmp_path: Path) -> None:
    """Beside what the stack says, not instead of it."""
    file = tmp_path / "big.yaml"
    more = "pod_settings: {resources: {limits: {nvidia.com/gpu: '2', memory: 64Gi}}}"
    steps = f"steps:\n  train:\n    settings:\n      step_operator.kubernetes:\n        {more}\n"
    file.write_text((ROOT / "configs" / "quickstart.yaml").read_text() + steps)
    pod = zenml_pods.build(ROOT, file).jobs[0]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "2", "memory": "64Gi", "cpu": "8"}
    assert pod["nodeSelector"] == {"podium/pool": "gpu"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pod: pod["containers"][0]["resources"]["limits"].pop("nvidia.com/gpu"), "ask for 0 GPUs"),
        (lambda pod: pod["containers"][0]["resources"]["limits"].update({"nvidia.com/gpu": "9"}), "ask for 9 GPUs"),
        (lambda pod: pod.pop("tolerations"), "do not tolerate"),
        (lambda pod: pod.pop("nodeSelector"), "select no nodes"),
        (lambda pod: pod.update(serviceAccountName="default"), "there is no ServiceAccount default"),
        (lambda pod: pod["securityContext"].update(runAsUser=0), "may run as root"),
        (lambda pod: pod.update(tolerations=[{"kee": "x"}, *pod["tolerations"]]), "'kee' was unexpected"),
        (lambda pod: pod.pop("automountServiceAccountToken"), "token of the cluster"),
        (
            lambda pod: pod["containers"][0]["volumeMounts"].pop(0),
            "PODIUM_STATE leads to /podium/state, which is on no",
        ),
    ],
)
def test_a_stack_that_lacks_something(cluster: zenml_pods.Cluster, change: object, message: str) -> None:
    other = copy.copy(cluster)
    other.jobs = copy.deepcopy(cluster.jobs)
    change(other.jobs[0]["spec"]["template"]["spec"])  # type: ignore[operator]
    assert message in "\n".join(kubernetes.pod_faults(FOLDER, other))


@pytest.mark.slow
def test_a_role_that_lets_a_driver_do_less_than_zenml_does(cluster: zenml_pods.Cluster, mine: Path) -> None:
    file = mine / "roles.yaml"
    file.write_text(file.read_text().replace("[create, get, list, delete]", "[create, get, list]"))
    assert "podium-driver may not delete jobs, which ZenML does" in list(kubernetes.pod_faults(mine, cluster))


def test_the_job_that_fetches_data_runs_in_the_same_image() -> None:
    job = yaml.safe_load((FOLDER / "data.yaml").read_text())["spec"]["template"]["spec"]["containers"][0]
    assert job["image"] in {one["image"] for found in render(FOLDER) for one in containers(found)}


def test_no_setting_makes_zenml_believe_that_it_is_a_server() -> None:
    """With ``ZENML_SERVER`` set, to whatever, ZenML writes no configuration, so that a login is lost."""
    settings = next(found for found in render(FOLDER) if found["kind"] == "ConfigMap")["data"]
    assert "PODIUM_ZENML_SERVER" in settings
    assert "ZENML_SERVER" not in settings


def test_least_rights() -> None:
    manifests = render(FOLDER)

    def allowed(account: str, method: str, path: str) -> bool:
        return may(manifests, account, asked(method, path))

    jobs = "/apis/batch/v1/namespaces/podium/jobs"
    assert asked("GET", f"{jobs}?labelSelector=a%3Db") == Asked("list", "batch", "jobs", "podium")
    assert asked("DELETE", jobs).verb == "deletecollection"
    assert allowed("podium-driver", "POST", jobs)
    assert allowed("podium-retraining", "GET", "/api/v1/namespaces/podium/pods/x/log")
    assert not allowed("podium-step", "GET", jobs)
    assert not allowed("podium-mlflow", "GET", jobs)
    for path in ("/api/v1/namespaces/podium/secrets", "/api/v1/namespaces/kube-system/pods", "/api/v1/nodes"):
        assert not allowed("podium-driver", "GET", path)
    assert not allowed("podium-driver", "POST", "/api/v1/namespaces/podium/pods/x/exec")
    assert not allowed("podium-driver", "DELETE", jobs)
