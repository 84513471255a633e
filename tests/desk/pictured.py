"""Reviews whose data set is there, so that the desk can show its images."""

from __future__ import annotations

from dataclasses import replace

from podium.data import open_dataset, write_dataset
from podium.registry.evidence import Evidence
from tests.conftest import make_arrays
from tests.registry.support import CONTRACT, House, make_bundle, make_evidence


def pictured(house: House, names: tuple[str, str, str] = ("left", "middle", "right")) -> None:
    """Two networks and the data set that they were trained on, as the evidence names it.

    Args:
        house: Where the reviews are opened.
        names: Of the classes.
    """
    splits = {name: make_arrays(24, side=16, seed=i) for i, name in enumerate(("train", "validation", "test"))}
    write_dataset(house.folder / "data", splits, name="d", class_names=names, source="made", licence="CC0-1.0")
    digest = open_dataset(house.folder / "data").manifest.digest
    contract = CONTRACT.model_copy(update={"class_names": names})
    for seed in range(2):
        bundle = make_bundle(house.folder / f"of-{seed}", seed=seed, data=digest, contract=contract)
        house.open(seed, bundle=bundle, evidence=_of(digest, seed))


def _of(digest: str, seed: int) -> Evidence:
    evidence = make_evidence(accuracy=0.9 + seed / 100)
    board = evidence.leaderboard
    return replace(
        evidence, leaderboard=board.model_copy(update={"data": board.data.model_copy(update={"digest": digest})})
    )
