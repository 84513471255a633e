"""A hub on this machine, which serves random tensors for one of timm's small networks (nothing learned)."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch
from huggingface_hub import constants
from torch import Tensor

NAME = "test_efficientnet.r160_in1k"
ARCHITECTURE = "test_efficientnet"
REPOSITORY = f"timm/{NAME}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What it serves, by file name, and what was asked of it."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.asked: list[tuple[str, str]] = []
        self.status = 404
        """The answer for a file that it does not have."""


@contextmanager
def serving(files: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Hub]:
    """Let the hub's client ask a server of this process, with an empty cache."""
    hub = Hub(files)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            content = self.answer()
            self.wfile.write(content)

        def answer(self) -> bytes:
            hub.asked.append((self.command, self.path))
            content = hub.files.get(self.path.removeprefix(f"/{REPOSITORY}/resolve/main/"))
            self.send_response(200 if content is not None else hub.status)
            if content is None and hub.status == 404:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hash(content)}"')
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            return content or b""

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        point_to(monkeypatch, f"http://127.0.0.1:{server.server_port}", cache)
        yield hub
        server.shutdown()
        thread.join()


def point_to(monkeypatch: pytest.MonkeyPatch, endpoint: str, cache: Path, *, offline: bool = False) -> None:
    """What HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE do to a process that starts with them."""
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)


def published(seed: int = 3) -> dict[str, Tensor]:
    """A state dict of the whole network, classifier and all."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in timm.create_model(ARCHITECTURE).state_dict().items()}
    return {
        key: torch.zeros(shape, dtype=torch.int64)
        if key.endswith("num_batches_tracked")
        else torch.rand(shape, generator=generator) + 0.5
        for key, shape in shapes.items()
    }


def as_safetensors(state: Mapping[str, Tensor]) -> bytes:
    return safetensors.torch.save(dict(state))
