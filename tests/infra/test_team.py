"""The team's server: what its checks refuse, and a real desk behind a real nginx with a certificate of our own."""

from __future__ import annotations

import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from infra.checks import __main__ as checks
from infra.checks import team, units
from podium.config.desk import DeskConfig
from podium.desk.app import create_app
from podium.desk.context import Desk
from podium.desk.serve import Place, open_desk, read_config
from podium.settings import Settings
from tests.conftest import ROOT
from tests.desk.conftest import clock, shared
from tests.desk.support import Page
from tests.needs import have
from tests.ports import free_port
from tests.product.remote_servers import serving
from tests.registry.fixtures import house, mlflow_database

__all__ = ["clock", "house", "mlflow_database", "shared"]

TEAM = ROOT / "infra" / "team"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TEAM, tmp_path / "team"))


@pytest.mark.slow
def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    have("nginx", "nginx-light")
    have("systemd-analyze", "systemd")
    assert checks.main() == 0
    printed = capsys.readouterr().out
    assert printed.count(": right\n") == 7, printed
    assert "not asked" not in printed


def test_the_compose_file() -> None:
    assert list(team.compose_faults(TEAM / "compose.yaml")) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("restart: unless-stopped", "restarts: unless-stopped", "'restarts' does not match"),
        ("ports: [", "port: [", "'port' does not match"),
        ("interval: 15s", "interval: [15]", "healthcheck.interval"),
        ("{condition: service_healthy}\n      s3", "{condition: service_started}\n      s3", "does not wait until"),
        ("{mariadb: {condition", "{maria: {condition", "depends on maria, which there is not"),
        ("postgres:15.14", "postgres", "image postgres has no version"),
        ("secrets: [s3.json]", "secrets: [s4.json]", "none of the secrets s4.json"),
        ("networks: [inside]", "networks: [insight]", "none of the networks insight"),
        ("volumes: [s3:/data]", "volumes: [s4:/data]", "there is no volume s4"),
        ("MARIADB_PASSWORD_FILE:", "MARIADB_PASSWORD:", "MARIADB_PASSWORD: refer to a secret"),
        ("mysql://zenml@", "mysql://zenml:word@", "ZENML_STORE_URL: holds a password"),
        ("    volumes: [s3:/data]", "    ports: ['8333:8333']\n    volumes: [s3:/data]", "s3: reached past the proxy"),
        ("    secrets: [s3.json]", "    secrets: [s3.json]\n    depends_on: {proxy: {condition: service_healthy}}",
         "proxy waits for itself"),
    ],
)  # fmt: skip
def test_a_compose_file_that_is_refused(mine: Path, old: str, new: str, message: str) -> None:
    file = mine / "compose.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert message in "\n".join(team.compose_faults(file))


def test_the_units(tmp_path: Path) -> None:
    have("systemd-analyze", "systemd")
    assert list(team.unit_faults(TEAM / "systemd", tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Restart=on-failure", "Restart=sometimes", "Failed to parse service restart specifier"),
        ("RestartSec=5", "RestartSecs=5", "Unknown key"),
        ("NoNewPrivileges=true\n", "", "lacks NoNewPrivileges=true"),
        ("ExecStart=/bin/sh", "ExecStart=sh-of-nobody", "not"),
    ],
)
def test_a_unit_that_is_refused(mine: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    have("systemd-analyze", "systemd")
    file = mine / "systemd" / "podium-desk.service"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    (tmp_path / "scratch").mkdir()
    assert message in "\n".join(team.unit_faults(mine / "systemd", tmp_path / "scratch"))


README = ROOT / "infra" / "README.md"


def test_units_get_what_containers_get() -> None:
    assert list(units.supply_faults(TEAM, README)) == []
    made = units.made_by(README)
    assert made["backup.env"] == {"MYSQL_PWD", "PODIUM_TRACKING_URI", "PODIUM_ARTIFACT_ROOT"}
    assert {"PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "MLFLOW_S3_ENDPOINT_URL"} <= made["mlflow.env"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("EnvironmentFile=/etc/podium/mlflow.env\n", "", "lacks AWS_ACCESS_KEY_ID, AWS_DEFAULT_REGION, AWS_SECRET"),
        ("/etc/podium/backup.env", "/etc/podium/other.env", "README.md makes no other.env"),
        ("podium podium-backups", "podium", "cannot write to /var/lib/podium-backups"),
        ("UMask", "ReadWritePaths=/var/backups/podium\nUMask", "/var/backups/podium has to be there"),
    ],
)
def test_a_unit_that_lacks_something(mine: Path, old: str, new: str, message: str) -> None:
    file = mine / "systemd" / "podium-backup.service"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert message in "\n".join(units.supply_faults(mine, README))


def test_the_proxy_is_what_nginx_takes(mine: Path, tmp_path: Path) -> None:
    have("nginx", "nginx-light")
    ports = {80: free_port(), 443: free_port()}
    for name in ("right", "wrong"):
        (tmp_path / name).mkdir()
    assert list(team.proxy_faults(TEAM / "nginx", tmp_path / "right", ports)) == []
    file = mine / "nginx" / "forward"
    file.write_text(file.read_text().replace("proxy_http_version", "proxy_http_versions"))
    (mine / "nginx" / "host.upstreams").open("a").write("upstream more { server 127.0.0.1:1; }\n")
    found = "\n".join(team.proxy_faults(mine / "nginx", tmp_path / "wrong", ports))
    assert 'unknown directive "proxy_http_versions"' in found
    assert "differ in {'more'}" in found


def test_the_desks_configuration_is_the_proxys() -> None:
    config = read_config(TEAM / "desk.yaml")
    compose = (TEAM / "compose.yaml").read_text()
    assert f"ipv4_address: {config.trusted_proxies[0]}" in compose
    settings = Settings(root=ROOT, state=ROOT / "none", tracking_uri="http://mlflow:5000")
    desk = open_desk(settings, config, Place("0.0.0.0", 8240), lambda _: None)
    assert desk.origins == {"https://desk.example.org"}
    assert desk.alone is None, "people log in"
    assert "server_name desk.example.org" in (TEAM / "nginx" / "podium.conf").read_text()


class Behind(Page):
    """A browser that reaches the desk through the proxy; names lead to this machine."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.origin = f"https://desk.example.org:{port}"
        self.trust = ssl.create_default_context(cafile=str(certificate))
        self.client = self.browser("https://desk.example.org", port)
        self.answer = None

    def browser(self, origin: str, port: int) -> httpx2.Client:
        class Here(httpx2.HTTPTransport):
            def handle_request(self, request: httpx2.Request) -> httpx2.Response:
                extensions = {**request.extensions, "sni_hostname": request.url.host}
                here = request.url.copy_with(host="127.0.0.1")
                return super().handle_request(
                    httpx2.Request(
                        request.method, here, headers=request.headers, stream=request.stream, extensions=extensions
                    )
                )

        return httpx2.Client(
            base_url=f"{origin}:{port}", transport=Here(verify=self.trust), follow_redirects=True, timeout=60
        )


@contextmanager
def running(desk: Desk, port: int) -> Iterator[None]:
    config = desk.config
    made = uvicorn.Server(
        uvicorn.Config(
            create_app(desk), port=port, log_level="warning", proxy_headers=True, lifespan="on",
            forwarded_allow_ips=list(config.trusted_proxies),
        )
    )  # fmt: skip
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    while not made.started:
        time.sleep(0.01)
    try:
        yield
    finally:
        made.should_exit = True
        thread.join(10)


@pytest.fixture
def proxied(shared: Desk, tmp_path: Path) -> Iterator[tuple[Behind, int, int]]:
    """A browser, and the ports of proxy and desk."""
    have("nginx", "nginx-light")
    ports, port = {80: free_port(), 443: free_port()}, free_port()
    folder = tmp_path / "proxy"
    folder.mkdir()
    conf = team.write_proxy(TEAM / "nginx", folder, ports, {"desk": port, "mlflow": port})
    config = DeskConfig.model_validate(shared.config.model_dump() | {"trusted_proxies": ("127.0.0.1",)})
    desk = replace(shared, config=config, origins=frozenset({f"https://desk.example.org:{ports[443]}"}))
    with running(desk, port), serving(["nginx", "-c", conf], ports[443], folder / "log"):
        made = Behind(ports[443], folder / "certificate.pem")
        yield made, ports[80], port
        made.client.close()


@pytest.mark.slow
def test_the_desk_behind_the_proxy(proxied: tuple[Behind, int, int], house: Any) -> None:
    page, plain, direct = proxied
    review = house.open(0)
    assert page.log_in("ada").path == "/"
    cookie = page.client.cookies.jar._cookies["desk.example.org"]["/"]
    assert all(found.secure and found.has_nonstandard_attr("HttpOnly") for found in cookie.values())
    assert page.answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
    page.get(f"/reviews/{review.id}")
    refused = page.send(page.get(f"/reviews/{review.id}").form("/decision"), headers={"Origin": "https://evil.example"})
    assert refused.status == 403, "another site's page"
    page.get(f"/reviews/{review.id}")
    form = page.form("/decision")
    form.fields["csrf"] = "made up"
    assert page.send(form, verdict="reject", reason="bad").status == 403, "a form that the desk did not make"
    assert page.decide(review.id, "reject", "bad").status == 200, page.words
    # Not encrypted: led to where it is, and nothing else is answered.
    with httpx2.Client() as other:
        led = other.get(f"http://127.0.0.1:{plain}/login", headers={"Host": "desk.example.org"})
        assert (led.status_code, led.headers["location"]) == (308, "https://desk.example.org/login")
        assert other.get(f"http://127.0.0.1:{plain}/", headers={"Host": "evil.example"}).status_code == 421
        assert other.get(f"http://127.0.0.1:{direct}/login").status_code == 421, "past the proxy, by another name"
    with pytest.raises(httpx2.ConnectError):
        page.browser("https://other.example.org", int(page.origin.rpartition(":")[2])).get("/")


@pytest.mark.slow
def test_who_says_where_a_request_comes_from(proxied: tuple[Behind, int, int]) -> None:
    """Failed logins are counted by address: one that the client makes up does not help past the limit."""
    page, _, _ = proxied
    page.get("/login")
    form = page.form("/login")
    headers = {"Origin": page.origin, "Sec-Fetch-Site": "same-origin"}
    answers = []
    for number in range(6):
        made_up = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
        answers.append(page.send(form, headers=headers | made_up, user=f"u{number}", password="wrong").status)
    assert answers[-1] == 429, answers
    assert 429 not in answers[:5], answers


@pytest.mark.slow
def test_mlflow_is_not_reached_without_a_password(proxied: tuple[Behind, int, int]) -> None:
    page, _, _ = proxied
    port = int(page.origin.rpartition(":")[2])
    with page.browser("https://mlflow.example.org", port) as client:
        assert client.get("/").status_code == 401
        assert client.get("/", auth=("ada", "wrong")).status_code == 401
        # The desk stands in for MLflow here: it answers that the name is not its own.
        assert client.get("/", auth=("ada", "secret of ada")).status_code == 421
