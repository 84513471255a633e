"""What of an address is a secret, and that it is not repeated."""

from __future__ import annotations

import pytest

from podium.addresses import has_secret, without_secrets


@pytest.mark.parametrize(
    ("uri", "secret"),
    [
        ("postgresql+psycopg://keeper:hunter2@db:5432/podium", "hunter2"),
        ("postgresql+psycopg://keeper:se%2Fcret%20%40@db/podium", "se/cret @"),
        ("postgresql://keeper:sl/ash@db/podium", "sl/ash"),
        ("postgresql://db/podium?user=keeper&password=hunter2", "hunter2"),
        ("mysql://db/x?ssl=1&passwd=hunter2", "hunter2"),
        ("https://grace:hunter2@mlflow.example.org", "hunter2"),
        ("https://dapi0123456789@mlflow.example.org", "dapi0123456789"),
        ("postgresql://keeper:hunter2@[db/podium", "hunter2"),
    ],
)
def test_secrets_are_found_and_left_out(uri: str, secret: str) -> None:
    assert has_secret(uri)
    told = without_secrets(f"{uri}: FATAL: password {secret!r} is wrong", uri)
    assert secret not in told
    assert "FATAL: password" in told


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql+psycopg://keeper@db:5432/podium", "sqlite:////s/mlflow.db", "https://mlflow.example.org:5000",
        "s3://bucket/mlruns", "/var/lib/podium", "file:///s/mlartifacts", "true", "",
        "postgresql://db/podium?sslmode=require", "https://mlflow.example.org:443/x?by=ada@lab",
    ],
)  # fmt: skip
def test_other_addresses_have_none(uri: str) -> None:
    assert not has_secret(uri)
    assert without_secrets(f"{uri} is out of reach", uri) == f"{uri} is out of reach"
