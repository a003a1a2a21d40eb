"""Layouts by folders: one folder of images and one of masks, one folder a patient, or all files side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.files import natural_key
from infnet_monai.preparation.case_files import (
    DEFAULT_LESION_LABELS,
    CaseFiles,
    FoundCases,
    files_by_stem,
)

__all__ = ["ImageAndMaskFolders", "PatientFolders", "SideBySide"]

LABEL_ENDINGS = ("", "_seg", "_mask", "_infection", "_label")
LUNG_ENDINGS = ("", "_lung", "_lungs", "_lung_mask")
EDGE_ENDINGS = ("", "_edge")


@dataclass(frozen=True)
class ImageAndMaskFolders:
    """One folder of images and one of masks; of the alternative names of a folder the first that exists counts.

    Attributes:
        title: What a user calls it.
        images: Folder names of the images.
        labels: Folder names of the lesion masks.
        lungs: Folder names of the lung masks.
        edges: Folder names of the lesion edge maps.
        axes: See :class:`FoundCases`.
        label_names: See :class:`FoundCases`.
        lesion_labels: See :class:`FoundCases`.
    """

    title: str
    images: tuple[str, ...]
    labels: tuple[str, ...]
    lungs: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()
    axes: str | None = None
    label_names: Mapping[int, str] = field(default_factory=dict)
    lesion_labels: tuple[int, ...] = DEFAULT_LESION_LABELS

    @property
    def expected(self) -> str:
        """The folders to look for."""
        return f"{self.images[0]}/ + {self.labels[0]}/"

    def find(self, folder: Path, output: Path) -> FoundCases | None:
        """Pair the files of the folders by their names; see :class:`infnet_monai.preparation.layouts.Layout`."""
        images, labels = _first_folder(folder, self.images), _first_folder(folder, self.labels)
        if images is None or labels is None:
            return None
        lungs, edges = _first_folder(folder, self.lungs), _first_folder(folder, self.edges)
        cases = _paired(*(files_by_stem(part) for part in (images, labels, lungs, edges)))
        return FoundCases(self.title, cases, self.axes, self.label_names, self.lesion_labels)


class SideBySide:
    """Images and masks in one folder; a mask is named after its image, with ``_seg``, ``_mask`` or the like."""

    expected = "a.nii.gz + a_seg.nii.gz"

    def find(self, folder: Path, output: Path) -> FoundCases | None:
        """Pair the files of the folder by their names; see :class:`infnet_monai.preparation.layouts.Layout`."""
        files = files_by_stem(folder)
        endings = (*LABEL_ENDINGS[1:], *LUNG_ENDINGS[1:], *EDGE_ENDINGS[1:])
        images = {stem: path for stem, path in files.items() if not stem.endswith(endings)}
        cases = _paired(images, files, files, files)
        return FoundCases("images and masks side by side", cases) if any(case.label for case in cases) else None


class PatientFolders:
    """One folder a patient, which holds ``ct.nii.gz`` and ``lesion.nii.gz`` or files of like names.

    The patient's name may stand before each file's name: ``p1/p1_ct.nii.gz``, also ``p1/p1.nii.gz`` for the image.
    """

    expected = "patient_1/ct.nii.gz + patient_1/lesion.nii.gz"
    ROLES: Mapping[str, tuple[str, ...]] = {
        "image": ("ct", "image", "img", "scan", "volume", ""),
        "label": ("lesion", "lesions", "infection", "infections", "label", "labels", "mask", "seg", "segmentation"),
        "lung": ("lung", "lungs", "lung_mask"),
        "edge": ("edge", "edges"),
    }

    def find(self, folder: Path, output: Path) -> FoundCases | None:
        """Take each subfolder with an image as a case; see :class:`infnet_monai.preparation.layouts.Layout`."""
        patients = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: natural_key(path.name))
        cases = [case for case in map(self._case, patients) if case is not None]
        if not any(case.label for case in cases):
            return None
        return FoundCases("one folder a patient", cases)

    def _case(self, patient: Path) -> CaseFiles | None:
        if patient.name.startswith("."):
            return None
        roles = {
            stem.removeprefix(patient.name).lstrip("_-").lower(): path for stem, path in files_by_stem(patient).items()
        }
        files = {key: self._file(roles, names) for key, names in self.ROLES.items()}
        if files["image"] is None:
            return None
        return CaseFiles(patient.name, files["image"], files["label"], files["lung"], files["edge"])

    @staticmethod
    def _file(roles: Mapping[str, Path], names: Sequence[str]) -> Path | None:
        found = [roles[name] for name in names if name in roles]
        if len(found) > 1:
            others = ", ".join(path.name for path in found[1:])
            raise InputError(f"{found[0]}: {others} beside it may be meant as well; keep one of them in the folder")
        return found[0] if found else None


def _paired(
    images: Mapping[str, Path], labels: Mapping[str, Path], lungs: Mapping[str, Path], edges: Mapping[str, Path]
) -> list[CaseFiles]:
    return [
        CaseFiles(
            name=stem,
            image=image,
            label=_partner(stem, image, labels, LABEL_ENDINGS),
            lung=_partner(stem, image, lungs, LUNG_ENDINGS),
            edge=_partner(stem, image, edges, EDGE_ENDINGS),
        )
        for stem, image in images.items()
    ]


def _partner(stem: str, image: Path, files: Mapping[str, Path], endings: Sequence[str]) -> Path | None:
    """The file that bears the image's name, or that name with one of the endings."""
    found = (files.get(stem + ending) for ending in endings)
    return next((path for path in found if path is not None and path != image), None)


def _first_folder(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)
