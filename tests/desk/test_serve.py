"""Where a desk may be opened, and what it asks for there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from podium.config.desk import DeskConfig
from podium.desk.serve import Place, listen, open_desk, read_config
from podium.desk.zenml_login import ZenmlServerAuthenticator
from podium.errors import ConfigError, DeskError
from podium.registry.provenance import current_user
from podium.settings import Settings
from tests.conftest import ROOT
from tests.desk.zenml_stand_in import StandIn, standing_in

HTTPS = Path("certificate.pem"), Path("key.pem")


def opened(tmp_path: Path, place: Place, **config: object) -> frozenset[str]:
    settings = Settings(root=tmp_path, state=tmp_path / "state", tracking_uri=f"sqlite:///{tmp_path}/none.db")
    desk = open_desk(settings, DeskConfig.model_validate(config), place, lambda _: None)
    assert (desk.alone is None) == ("zenml_server" in config)
    assert desk.alone is None or desk.alone.actor == current_user()
    return desk.origins


def test_on_this_machine_there_is_no_login(tmp_path: Path) -> None:
    assert "http://127.0.0.1:8240" in opened(tmp_path, Place())
    assert "http://[::1]:9000" in opened(tmp_path, Place("::1", 9000))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "desk.example.org", "::", "127.0.0.1.example.org"])
def test_elsewhere_a_login_is_needed(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match="needs a login"):
        opened(tmp_path, Place(host))


def test_behind_a_proxy_a_login_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a login"):
        opened(tmp_path, Place(), public_address="https://desk.example.org")


def test_passwords_cross_no_network_unencrypted(tmp_path: Path) -> None:
    server = {"zenml_server": "https://zenml.example.org"}
    place = Place("192.0.2.1", 8240)
    with pytest.raises(ConfigError, match="unencrypted"):
        opened(tmp_path, place, **server)
    with pytest.raises(ConfigError, match=r"public_address|unencrypted"):
        opened(tmp_path, Place(), **server, public_address="http://desk.example.org")
    with pytest.raises(ConfigError, match=r"zenml_server: http://zenml\.example\.org: passwords"):
        opened(tmp_path, Place(), zenml_server="http://zenml.example.org")
    assert opened(tmp_path, place, **server, allow_http=True) == {"http://192.0.2.1:8240"}
    assert opened(tmp_path, Place("192.0.2.1", 443, *HTTPS), **server) == {"https://192.0.2.1"}
    behind = opened(tmp_path, Place(), **server, public_address="https://desk.example.org/")
    assert behind == {"https://desk.example.org"}


def test_half_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only one of certificate and key"):
        opened(tmp_path, Place(certificate=Path("x")))


def test_everywhere_has_no_name(tmp_path: Path) -> None:
    server = {"zenml_server": "https://zenml.example.org"}
    with pytest.raises(ConfigError, match="by one name"):
        opened(tmp_path, Place("0.0.0.0", 443, *HTTPS), **server)
    public = opened(tmp_path, Place("0.0.0.0", 443, *HTTPS), **server, public_address="https://desk.example.org")
    assert public == {"https://desk.example.org"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zenml_server: zenml.example.org", "https://host"),
        ("public_address: https://desk.example.org/desk", "without a path"),
        ("public_address: https://me:secret@desk.example.org", "https://host"),
        ("users: {ada: {role: boss}}", "users.ada.role"),
        ("idle_minutes: 1000", "idle_minutes is above longest_minutes"),
        ("user: {}", "users"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "desk.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "desk.yaml")


def test_the_example_is_the_default() -> None:
    assert read_config(ROOT / "configs" / "desk.yaml") == read_config(None)


def test_an_address_that_is_taken() -> None:
    with listen(Place(port=0)) as taken:
        taken.listen()
        with pytest.raises(DeskError, match="cannot listen there"):
            listen(Place(port=taken.getsockname()[1]))
    with pytest.raises(DeskError, match=r"192\.0\.2\.1:1: the desk cannot listen"):
        listen(Place("192.0.2.1", 1))


@pytest.mark.slow
def test_the_command_refuses_before_it_listens(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from podium.cli import main; main()", "review", "serve", "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "needs a login" in done.stderr


class TestTheZenmlServersAnswers:
    """A server that stands in for ZenML's; the real one is in test_zenml_server.py."""

    def test_who_is_who(self) -> None:
        with standing_in(StandIn()) as address:
            server = ZenmlServerAuthenticator(address)
            account = server.check("ada", "right")
            assert account is not None
            assert (account.name, account.is_admin) == ("ada", False)
            assert server.check("ada", "wrong") is None
            assert server.check("id-of-ada", "right") is None, "another name for the same account"

    @pytest.mark.parametrize("changes", [{"active": False}, {"is_service_account": True}])
    def test_who_may_not(self, changes: dict[str, bool]) -> None:
        with standing_in(StandIn(body=changes)) as address:
            assert ZenmlServerAuthenticator(address).check("ada", "right") is None

    @pytest.mark.parametrize("scheme", ["NO_AUTH", "EXTERNAL", "HTTP_BASIC"])
    def test_a_server_that_takes_any_password_is_refused(self, scheme: str) -> None:
        stand_in = StandIn(scheme=scheme)
        with standing_in(stand_in) as address, pytest.raises(DeskError, match=scheme):
            ZenmlServerAuthenticator(address).check("ada", "anything")
        assert "/api/v1/login" not in stand_in.asked

    def test_a_password_is_not_carried_elsewhere(self) -> None:
        other = StandIn()
        with standing_in(other) as elsewhere:
            redirecting = StandIn(login_redirect=f"{elsewhere}/api/v1/login")
            with standing_in(redirecting) as address, pytest.raises(DeskError, match="status 307"):
                ZenmlServerAuthenticator(address).check("ada", "right")
            assert other.asked == []

    @pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b'{"auth_scheme": null}'])
    def test_another_server(self, answer: bytes) -> None:
        with standing_in(StandIn(info=answer)) as address, pytest.raises(DeskError, match="not the answer of a ZenML"):
            ZenmlServerAuthenticator(address).check("ada", "right")

    def test_no_server(self) -> None:
        with standing_in(StandIn()) as address:
            pass
        with pytest.raises(DeskError, match="nobody can log in"):
            ZenmlServerAuthenticator(address).check("ada", "right")
