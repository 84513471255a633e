"""A process that decodes images for an import: Pillow holds the interpreter's lock for most of a small image's time.

It reads requests from its standard input and writes answers to what was its standard output, until the input ends: so
it ends with the process that asked, however that ends. A message is the length of a head (8 bytes), the head (JSON),
and a body of plain bytes. No pickle, and no other process can be the sender: both pipes are anonymous.

Request: ``size`` ([height, width] of the result), ``resize`` (null: images must have that size) and ``lengths``; the
body is the encoded images. Answer: ``rows``, for each image ``[width, height, mode, format, orientation, dim]`` of the
original, or ``"large"``, a reason ``{"bad": TEXT}``, another size ``{"size": [height, width]}``; the body is the pixels
of the first kind.
"""

from __future__ import annotations

import json
import os
from typing import IO, Any, Final

import numpy as np

from podium.data.images import LargeImageError, decode_original
from podium.errors import DataError

MOST_PIXELS: Final = 2_000_000
"""Larger images are left to the process that asks: all its threads share one bound on what is decoded at a time."""
_NAME: Final = "image"
"""Errors begin with it; who asks knows the name."""


def send(stream: IO[bytes], head: dict[str, Any], *body: bytes | memoryview) -> None:
    """Write one message. Raises OSError where nobody reads."""
    text = json.dumps(head).encode()
    stream.write(len(text).to_bytes(8, "little") + text)
    for part in body:
        stream.write(part)
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any]:
    """Read the head of one message. Raises EOFError where nobody writes any more."""
    head: dict[str, Any] = json.loads(read(stream, int.from_bytes(read(stream, 8), "little")))
    return head


def read(stream: IO[bytes], length: int) -> bytes:
    """Read so many bytes. Raises EOFError if there are fewer."""
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def answer(request: dict[str, Any], contents: list[bytes]) -> tuple[list[Any], list[memoryview]]:
    """Decode the images of one request: what is told of each, and the pixels of those that could be decoded."""
    size, resize = tuple(request["size"]), request["resize"]
    rows: list[Any] = []
    pixels = []
    for content in contents:
        try:
            image, of = decode_original(
                content, size=size if resize else None, resize=resize or "stretch", name=_NAME, most=MOST_PIXELS
            )
        except LargeImageError:
            rows.append("large")
        except DataError as error:
            rows.append({"bad": error.message.removeprefix(f"{_NAME}: ")})
        else:
            if image.shape[:2] != size:
                rows.append({"size": image.shape[:2]})
                continue
            rows.append([of.width, of.height, of.mode, of.format, of.orientation, of.dim])
            pixels.append(np.ascontiguousarray(image).reshape(-1).data)
    return rows, pixels


def main() -> None:
    """Answer requests until there are no more."""
    requests, answers = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not speak between
    while True:
        try:
            request = receive(requests)
            rows, pixels = answer(request, [read(requests, length) for length in request["lengths"]])
            send(answers, {"rows": rows}, *pixels)
        except (EOFError, BrokenPipeError):
            os._exit(0)  # who asked is gone, or needs no more
