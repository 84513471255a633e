"""How step outputs are stored: as folders of plain files, never pickled."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from zenml.enums import ArtifactType
from zenml.io import fileio
from zenml.materializers.base_materializer import BaseMaterializer

from podium.bundle import Bundle
from podium.digest import digest_directory
from podium.evaluation.evaluate import Evaluation
from podium.evaluation.examine import Examination


class FolderMaterializer(BaseMaterializer):
    """Stores what has ``save(folder)`` and ``load(folder)``; equal content gives an equal cache key."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = ()
    SKIP_REGISTRATION: ClassVar[bool] = True

    def load(self, data_type: type[Any]) -> Any:
        """Copy the files from the artifact store and load them."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file in fileio.listdir(self.uri):
                source = f"{self.uri}/{file}"
                if fileio.isdir(source):
                    continue
                with fileio.open(source, "rb") as reader, (folder / str(file)).open("wb") as writer:
                    shutil.copyfileobj(reader, writer)
            return data_type.load(folder)

    def save(self, data: Any) -> None:
        """Save into a scratch folder and copy the files to the artifact store."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            data.save(folder)
            for file in sorted(folder.iterdir()):
                with file.open("rb") as reader, fileio.open(f"{self.uri}/{file.name}", "wb") as writer:
                    shutil.copyfileobj(reader, writer)

    def compute_content_hash(self, data: Any) -> str | None:
        """SHA-256 over the files."""
        with tempfile.TemporaryDirectory() as name:
            data.save(Path(name))
            return digest_directory(Path(name))


class BundleMaterializer(FolderMaterializer):
    """A trained model."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Bundle,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.MODEL
    SKIP_REGISTRATION: ClassVar[bool] = True


class EvaluationMaterializer(FolderMaterializer):
    """Figures and probabilities."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Evaluation,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA
    SKIP_REGISTRATION: ClassVar[bool] = True


class ExaminationMaterializer(FolderMaterializer):
    """Findings and saliency maps."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Examination,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA
    SKIP_REGISTRATION: ClassVar[bool] = True
