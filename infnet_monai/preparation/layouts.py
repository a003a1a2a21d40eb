"""The arrangements of images and masks that `prepare_dataset` understands, and the cases found in a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.transforms.load import PICTURE_SUFFIXES, VOLUME_SUFFIXES

DEFAULT_LESION_LABELS = (1, 2, 255)
MEDSEG_LABELS = {0: "background", 1: "ground glass", 2: "consolidation", 3: "pleural effusion"}
FILE_SUFFIXES = (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES)
LABEL_ENDINGS = ("", "_seg", "_mask", "_infection", "_label")
LUNG_ENDINGS = ("", "_lung", "_lungs", "_lung_mask")


@dataclass(frozen=True)
class Layout:
    """A known arrangement of folders; of the alternative names of a folder the first that exists counts.

    Args:
        title: what a user calls it.
        images: folder names of the images.
        labels: folder names of the lesion masks.
        lungs: folder names of the lung masks.
        edges: folder names of the lesion edge maps.
        axes: where rows and columns of its pictures run, if they are pictures.
        label_names: meaning of every label value, where it is known.
        lesion_labels: the label values that count as lesion; 255 is what 8-bit pictures of masks hold.
    """

    title: str
    images: tuple[str, ...]
    labels: tuple[str, ...]
    lungs: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()
    axes: str | None = None
    label_names: Mapping[int, str] = field(default_factory=dict)
    lesion_labels: tuple[int, ...] = DEFAULT_LESION_LABELS


LAYOUTS = (
    Layout(
        "MedSeg volumes", ("rp_im",), ("rp_msk",), ("rp_lung_msk",), label_names=MEDSEG_LABELS, lesion_labels=(1, 2)
    ),
    Layout("COVID-19-CT-Seg", ("COVID-19-CT-Seg_20cases",), ("Infection_Mask",), ("Lung_Mask",)),
    # Its slices were saved from NIfTI arrays as they lay in memory: the patient's left is at the bottom.
    Layout("COVID-SemiSeg", ("Imgs",), ("GT",), edges=("Edge",), axes="LP"),
    Layout(
        "image and mask folders",
        ("images", "imagesTr"),
        ("labels", "masks", "infection", "labelsTr"),
        ("lungs", "lung", "lung_masks"),
        ("edges",),
    ),
)
FLAT = Layout("images and masks side by side", (".",), (".",), (".",))


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case; `label` is None where no mask goes with the image."""

    name: str
    image: Path
    label: Path | None
    lung: Path | None = None
    edge: Path | None = None

    @property
    def paths(self) -> dict[str, Path]:
        """The files that there are, by their key in a datalist."""
        paths = {"image": self.image, "label": self.label, "edge": self.edge, "lung": self.lung}
        return {key: path for key, path in paths.items() if path is not None}

    @property
    def is_picture(self) -> bool:
        """Whether the image is a plain picture, which does not say where its axes run."""
        return self.image.name.lower().endswith(PICTURE_SUFFIXES)


def find_cases(folder: Path) -> tuple[Layout, list[CaseFiles]]:
    """Recognise the layout of a folder and pair its files by name.

    Args:
        folder: holds one folder of images and one of masks, or both sorts side by side (masks named after their image
            with `_seg`, `_mask`, `_infection` or `_label`).

    Returns:
        The layout, and the cases in natural order of their names (2 before 10).

    Raises:
        InputError: the folder does not exist, is empty or holds no image in any known layout.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one with images and masks")
    for layout in (*LAYOUTS, FLAT):
        images, labels = _first_folder(folder, layout.images), _first_folder(folder, layout.labels)
        if images is not None and labels is not None:
            cases = _pair_files(folder, layout, _files_by_stem(images), _files_by_stem(labels))
            if cases:
                return layout, cases
    known = ", ".join(f"{layout.images[0]}/ + {layout.labels[0]}/" for layout in LAYOUTS)
    state = "holds no images with masks" if any(folder.iterdir()) else "is empty"
    raise InputError(
        f"{folder}: {state}; expected .nii.gz, .png or other image files in {known}, or tr_im.nii.gz + tr_mask.nii.gz"
    )


def _pair_files(folder: Path, layout: Layout, images: dict[str, Path], labels: dict[str, Path]) -> list[CaseFiles]:
    endings = (*LABEL_ENDINGS[1:], *LUNG_ENDINGS[1:])
    others = [_files_by_stem(_first_folder(folder, names)) for names in (layout.lungs, layout.edges)]
    return [
        CaseFiles(
            name=stem,
            image=image,
            label=_partner(stem, image, labels, LABEL_ENDINGS),
            lung=_partner(stem, image, others[0], LUNG_ENDINGS),
            edge=_partner(stem, image, others[1], ("", "_edge")),
        )
        for stem, image in images.items()
        if not (layout is FLAT and stem.endswith(endings))
    ]


def _partner(stem: str, image: Path, files: dict[str, Path], endings: tuple[str, ...]) -> Path | None:
    """The file that bears the image's name, or that name with one of the endings."""
    found = (files.get(stem + ending) for ending in endings)
    return next((path for path in found if path is not None and path != image), None)


def _first_folder(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _files_by_stem(folder: Path | None) -> dict[str, Path]:
    """Image files of a folder by their name without suffix, in natural order."""
    paths = [] if folder is None else sorted(folder.iterdir(), key=lambda path: natural_key(path.name))
    found = {}
    for path in paths:
        suffix = next((suffix for suffix in FILE_SUFFIXES if path.name.lower().endswith(suffix)), None)
        if suffix and not path.name.startswith("."):
            found[path.name[: -len(suffix)]] = path
    return found


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key that puts `scan_2` before `scan_10`.

    Example:
        >>> sorted(["scan_10", "scan_2"], key=natural_key)
        ['scan_2', 'scan_10']
    """
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
