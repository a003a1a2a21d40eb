"""The layouts of data sets that ``prepare_dataset`` knows, in one list, and the cases found in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from infnet_monai.errors import InputError
from infnet_monai.preparation.case_files import FoundCases
from infnet_monai.preparation.decathlon import DecathlonDataset
from infnet_monai.preparation.folder_layouts import ImageAndMaskFolders, PatientFolders, SideBySide
from infnet_monai.preparation.slice_stack import MEDSEG_LABELS, SliceStack

__all__ = ["LAYOUTS", "Layout", "find_cases"]


class Layout(Protocol):
    """How the files of a data set are arranged."""

    @property
    def expected(self) -> str:
        """What to look for, as a user sees it in a folder, e.g. ``images/ + labels/``."""

    def find(self, folder: Path, output: Path) -> FoundCases | None:
        """Find the cases of a data set.

        Args:
            folder: Folder of the data.
            output: Folder of the ``dataset.json`` to be written; a layout whose images have to be converted writes
                them there.

        Returns:
            The cases, or None (or no case) where the folder is not of this layout.

        Raises:
            InputError: The folder is of this layout, but cannot be used.
        """


# The first layout that finds a case counts.
LAYOUTS: list[Layout] = [
    SliceStack(),
    DecathlonDataset(),
    ImageAndMaskFolders(
        "MedSeg volumes", ("rp_im",), ("rp_msk",), ("rp_lung_msk",), label_names=MEDSEG_LABELS, lesion_labels=(1, 2)
    ),
    ImageAndMaskFolders("COVID-19-CT-Seg", ("COVID-19-CT-Seg_20cases",), ("Infection_Mask",), ("Lung_Mask",)),
    # Its slices were saved from NIfTI arrays as they were in memory: the patient's left is at the bottom.
    ImageAndMaskFolders("COVID-SemiSeg", ("Imgs",), ("GT",), edges=("Edge",), axes="LP"),
    ImageAndMaskFolders(
        "image and mask folders",
        ("images", "imagesTr"),
        ("labels", "masks", "infection", "labelsTr"),
        ("lungs", "lung", "lung_masks"),
        ("edges",),
    ),
    SideBySide(),
    PatientFolders(),
]


def find_cases(folder: Path, output: Path | None = None) -> FoundCases:
    """Recognise the layout of a folder and find its cases.

    Args:
        folder: Folder of a data set in one of the layouts.
        output: Folder of the ``dataset.json`` to be written; None for the data's own.

    Returns:
        The cases by the first layout that finds any.

    Raises:
        InputError: The folder does not exist, is empty, holds no image in any known layout, or holds two files of
            which only one can be meant.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one with images and masks")
    for layout in LAYOUTS:
        found = layout.find(folder, output or folder)
        if found is not None and found.cases:
            return found
    known = ", ".join(layout.expected for layout in LAYOUTS)
    state = "holds no images with masks" if any(folder.iterdir()) else "is empty"
    raise InputError(f"{folder}: {state}; expected .nii.gz, .png or other image files as {known}")
