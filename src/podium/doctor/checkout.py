"""The checkout: configuration files, data set, weights."""

from __future__ import annotations

import subprocess

from podium.data.restore import recorded_note
from podium.data.store import open_dataset, read_manifest
from podium.doctor.finding import Finding, error, ok, skipped, warning
from podium.errors import PodiumError
from podium.settings import Settings
from podium.wording import plural


def configuration(settings: Settings) -> Finding:
    """Whether every file of ``configs`` is accepted."""
    from podium.config.promotion_file import load_policy
    from podium.models.recipes import list_recipes

    folder = settings.root / "configs"
    if not folder.is_dir():
        return error(f"{settings.root} has no configs/: it is no checkout", "go to the checkout, or set PODIUM_ROOT")
    recipes = list_recipes(settings.recipes)
    load_policy(settings.root)
    return ok(f"{plural(len(recipes), 'recipe')} and the promotion policy; `podium config check FILE` checks a run")


def git(settings: Settings) -> Finding:
    """Whether runs can be told by a commit."""
    command = ["git", "-C", str(settings.root), "status", "--porcelain", "--untracked-files=no"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return warning("git is not installed: versions will name no commit", "install git")
    if done.returncode:
        return warning(f"{settings.root} is no git checkout: versions will name no commit", "run `git init` and commit")
    changed = done.stdout.splitlines()
    if changed:
        told = f"{plural(len(changed), 'file')} changed since the last commit: versions will say so"
        return warning(told, "commit before a run that is to be promoted")
    return ok("all is committed")


def data(settings: Settings) -> Finding:
    """Whether the data set is the recorded one, byte by byte."""
    record = settings.data.with_name(f"{settings.data.name}.dvc")
    recorded = recorded_note(record)
    if not settings.data.exists():
        if recorded is None:
            return warning("there is no data set", "import one: `podium data import …`, or `podium data restore`")
        return warning(
            f"the data set that {record.name} records is not here", "fetch it: `podium data restore`, or `dvc pull`"
        )
    manifest = read_manifest(settings.data)
    if recorded not in {None, manifest.digest}:
        told = f"{settings.data.name}/ holds {manifest.digest[:12]}, {record.name} records {str(recorded)[:12]}"
        return warning(told, f"fetch the recorded one (`dvc pull {record.name}`), or record this one (`dvc add`)")
    try:
        open_dataset(settings.data).verify()
    except PodiumError as found:
        return error(found.message, found.remedy or "import it again")
    return ok(f"{manifest.name}, {manifest.digest[:12]}, every byte as it was imported")


def weights(settings: Settings) -> Finding:
    """Whether pretrained weights are what their provenance says."""
    from podium.models.places import weights_store
    from podium.models.weights_check import verify_folder

    folders = [place.folder for place in weights_store(settings).places() if place.folder.is_dir()]
    found = {file: problems for folder in folders for file, problems in verify_folder(folder).items()}
    bad = {file: problems for file, problems in found.items() if problems}
    if bad:
        file, problems = next(iter(bad.items()))
        told = f"{len(bad)} of {plural(len(found), 'file')} of pretrained weights: {file.name}: {problems[0]}"
        return error(told, "fetch them again: `podium weights fetch`; all problems: `podium weights verify`")
    return (
        ok(f"{plural(len(found), 'file')} of pretrained weights as recorded") if found else skipped("no weights here")
    )
