"""What lies in folders of weights: a list of it, and whether it is what its provenance says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from podium.errors import WeightsError, of_os_error
from podium.models.weights import NAME, Place, Provenance, WeightsStore, read_provenance, read_weights


@dataclass(frozen=True)
class Listed:
    """Weights of a place."""

    name: str
    place: Place
    size: int
    """Bytes."""
    used: bool
    """Not if an earlier place has weights of that name, or if fetching them was cut short."""
    provenance: Provenance | None
    problem: str | None
    """Why there is no provenance."""


def list_weights(store: WeightsStore) -> list[Listed]:
    """All weights of all places, in the order in which they are looked for. Nothing is fetched."""
    found: list[Listed] = []
    for place in store.places():
        for file in sorted(place.folder.glob("[!.]*.safetensors")):
            provenance, problem = None, None
            try:
                provenance = read_provenance(file.with_suffix(".json"))
            except WeightsError as error:
                problem = error.message
            shadowed = any(earlier.name == file.stem and earlier.used for earlier in found)
            used = not shadowed and place.file(file.stem) is not None
            found.append(Listed(file.stem, place, file.stat().st_size, used, provenance, problem))
    return found


def verify_folder(folder: Path) -> dict[Path, list[str]]:
    """Check every file of a folder of weights.

    Looked at are the provenance, the digest, whether the tensors can be read, and, where the provenance names one of
    timm's networks, whether they fit it. A provenance file is told of with its weights.

    Returns:
        For each file the problems, as sentences; none if it is as it should be. A file that belongs to no weights is a
        problem of its own.

    Raises:
        OSError: The folder cannot be read.
    """
    files = sorted(entry for entry in folder.iterdir() if entry.suffix != ".lock")
    names = {file.stem for file in files if file.suffix == ".safetensors"}
    return {
        file: _problems(file) if file.suffix == ".safetensors" and file.is_file() else _stray(file)
        for file in files
        if not (file.suffix == ".json" and file.stem in names)
    }


def _problems(file: Path) -> list[str]:
    if not NAME.fullmatch(file.stem):
        return [f"{file.stem!r} is not a name of weights: nothing can ask for it"]
    try:
        provenance = read_provenance(file.with_suffix(".json"))
        shapes = {key: tuple(value.shape) for key, value in read_weights(file, provenance).state.items()}
    except WeightsError as error:
        return [error.message]
    except OSError as error:
        return [of_os_error(error).message]
    problems = []
    if provenance.name != file.stem:
        problems.append(f"{file.with_suffix('.json')}: is about {provenance.name!r}")
    if provenance.architecture is not None:
        problems += _misfits(shapes, provenance.architecture)
    return problems


def _misfits(shapes: Mapping[str, Collection[int]], architecture: str) -> list[str]:
    from podium.models.hub import shapes_of

    try:
        expected = {key: tuple(shape) for key, shape in shapes_of(architecture).items()}
    except WeightsError as error:
        return [error.message]
    problems = [f"{key} is missing" for key in sorted(expected.keys() - shapes.keys())]
    problems += [f"{key} is unknown to {architecture}" for key in sorted(shapes.keys() - expected.keys())]
    problems += [
        f"{key} is {shapes[key]}, and {architecture} has {shape}"
        for key, shape in sorted(expected.items())
        if key in shapes and shapes[key] != shape
    ]
    more = len(problems) - 3
    return problems[:3] + ([f"{more} tensors more do not fit"] if more > 0 else [])


def _stray(file: Path) -> list[str]:
    if file.suffix == ".json":
        return ["has no weights beside it"]
    if file.name.startswith(".") and ".new-" in file.name:
        return ["was left behind by a writer that was killed: remove it"]
    return ["is not a file of weights"]
