"""The built-in data set: synthetic chest CT of six patients, so that every command runs without any download."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import platformdirs
from numpy.typing import NDArray
from scipy import ndimage

from infnet_monai.errors import InputError
from infnet_monai.phantom.anatomy import HU_SOFT_TISSUE, Grid, build_anatomy
from infnet_monai.phantom.lesions import build_lesions, no_lesions
from infnet_monai.phantom.trees import central_airways, draw_tubes, grow_tree, hilum

logger = logging.getLogger(__name__)


@dataclass
class Phantom:
    """One synthetic chest CT, voxel axes towards the patient's left, back and head.

    Attributes:
        image: Intensities in HU, ``(X, Y, Z)`` int16.
        lung: Both lungs with their lesions, ``(X, Y, Z)`` uint8, 0 or 1.
        lesion: 0 none, 1 ground glass, 2 consolidation, ``(X, Y, Z)`` uint8.
        affine: Voxel index to mm in RAS+ world coordinates, ``(4, 4)``.
    """

    image: NDArray[np.int16]
    lung: NDArray[np.uint8]
    lesion: NDArray[np.uint8]
    affine: NDArray[np.float64]


def make_phantom(
    seed: int,
    shape: tuple[int, int, int] = (256, 208, 28),
    spacing_mm: tuple[float, float, float] = (1.4, 1.4, 8.0),
    tilt_degrees: float = 0.0,
    lesion_free: bool = False,
) -> Phantom:
    """Generate a chest CT with ground glass and consolidation, or one without lesions.

    The chest fills the volume whatever its shape; vessels, ribs and lesions keep their size in mm, so the volume should
    measure about 350 x 300 x 220 mm.

    Args:
        seed: Seed of the patient; the same seed gives the same patient.
        shape: Number of voxels towards the patient's left, back and head.
        spacing_mm: Voxel size along the same axes in mm.
        tilt_degrees: Rotation of the voxel grid against the scanner's axes, which gives an oblique affine.
        lesion_free: Whether to leave out the lesions: the same patient as before falling ill.

    Returns:
        The chest CT.

    Example:
        >>> phantom = make_phantom(seed=0, shape=(56, 48, 7), spacing_mm=(6.4, 6.4, 32.0))
        >>> phantom.image.shape, phantom.image.dtype.name, nib.aff2axcodes(phantom.affine)
        ((56, 48, 7), 'int16', ('L', 'P', 'S'))
    """
    rng = np.random.default_rng(seed)
    grid = Grid(shape, spacing_mm)
    anatomy = build_anatomy(grid, rng)
    lesions = build_lesions(grid, anatomy, rng)  # drawn in any case, so that vessels and noise stay the patient's
    if lesion_free:
        lesions = no_lesions(grid)
    vessels, airways = [], central_airways(grid)
    bronchi = []
    for side in (-1, 1):
        vessels += grow_tree(rng, hilum(grid, side), side, stems=9, radius_mm=4.2, generations=6)
        bronchi += grow_tree(rng, hilum(grid, side), side, stems=5, radius_mm=2.4, generations=3)

    image = anatomy.image
    image += lesions.opacity * (lesions.density - image)
    image += draw_tubes(grid, vessels) * anatomy.lung * np.maximum(HU_SOFT_TISSUE - image, 0)
    for tubes, where in ((bronchi, anatomy.lung), (airways, anatomy.body)):
        image += draw_tubes(grid, tubes, wall_mm=1.0) * where * np.maximum(-20 - image, 0)
        image += draw_tubes(grid, tubes) * where * (-985 - image)
    lung = anatomy.lung & (draw_tubes(grid, airways, wall_mm=1.0) < 0.5)
    return Phantom(
        image=_scan(image, rng),
        lung=lung.astype(np.uint8),
        lesion=lesions.mask * lung,
        affine=_affine(grid, tilt_degrees),
    )


def _scan(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int16]:
    """What a scanner makes of the ideal image: a little blur within the slice, correlated noise, whole HU."""
    noise = ndimage.gaussian_filter(rng.standard_normal(image.shape, dtype=np.float32), (0.6, 0.6, 0))
    sharp = ndimage.gaussian_filter(image, (0.55, 0.55, 0))
    return np.clip(np.rint(sharp + noise / noise.std() * 28), -1024, 3071).astype(np.int16)


def _affine(grid: Grid, tilt_degrees: float) -> NDArray[np.float64]:
    """Affine of the grid (axes L, P, S) rotated by the tilt about the x axis and half of it about the z axis."""
    a, b = np.deg2rad([tilt_degrees, tilt_degrees / 2])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    linear = about_z @ about_x @ np.diag(np.array([-1, -1, 1]) * grid.spacing_mm)
    return nib.affines.from_matvec(linear, -linear @ ((np.array(grid.shape) - 1) / 2))


def write_phantom_dataset(folder: str | Path, cases: int = 6, seed: int = 0) -> Path:
    """Write phantoms as NIfTI with their ``dataset.json``: the last two cases are for validation and test.

    Voxel sizes and slice counts vary from case to case; every third volume is oblique, and the fourth is stored with
    its voxel axes towards right, front and head, as other software writes them.

    Args:
        folder: Folder to write ``images/``, ``labels/``, ``lungs/`` and ``dataset.json`` in.
        cases: Number of cases, at least 3.
        seed: Seed of the first case; the others follow.

    Returns:
        The folder.
    """
    folder = Path(folder)
    entries = []
    for case in range(cases):
        in_plane_mm, slices, gap_mm = ((1.4, 28, 8.0), (1.35, 32, 7.0), (1.45, 24, 9.5))[case % 3]
        phantom = make_phantom(
            seed + case,
            shape=(256, 208, slices),
            spacing_mm=(in_plane_mm, in_plane_mm, gap_mm),
            tilt_degrees=9.0 if case % 3 == 2 else 0.0,
        )
        entries.append(_write_case(folder, f"phantom_{case + 1}", phantom, flip=case % 6 == 3))
    datalist = {
        "name": "Built-in phantom",
        "description": "Synthetic chest CT with ground glass and consolidation; not for any use on patients",
        "labels": {"0": "background", "1": "ground glass", "2": "consolidation"},
        "seed": seed,
        "training": entries[:-2],
        "validation": entries[-2:-1],
        "test": entries[-1:],
    }
    (folder / "dataset.json").write_text(json.dumps(datalist, indent=2) + "\n", encoding="utf-8")
    return folder


def _write_case(folder: Path, name: str, phantom: Phantom, flip: bool) -> dict[str, str]:
    """Save the three volumes of a case; ``flip`` stores them with axes R, A, S instead of L, P, S."""
    entry = {}
    for key, subfolder, array in (
        ("image", "images", phantom.image),
        ("label", "labels", phantom.lesion),
        ("lung", "lungs", phantom.lung),
    ):
        volume = nib.Nifti1Image(array, phantom.affine)
        volume.header.set_xyzt_units("mm")
        path = folder / subfolder / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.as_closest_canonical(volume) if flip else volume, path)
        entry[key] = path.relative_to(folder).as_posix()
    return entry


def phantom_dataset_dir() -> Path:
    """Folder of the built-in data set in the user's cache, written at the first call (about ten seconds).

    Every call says in one log line that the phantom is used. Processes that call it at once do not disturb each other:
    each writes a folder of its own, and the first to finish renames it into place.

    Returns:
        The folder.

    Raises:
        InputError: The cache folder cannot be written.
    """
    folder = platformdirs.user_cache_path("infnet_monai") / "phantom-v1"
    if not (folder / "dataset.json").exists():
        _write_into_place(folder)
    logger.info("No dataset_dir given: using the built-in phantom (six synthetic chest CTs) in %s.", folder)
    return folder


def _write_into_place(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise InputError(
            f"{folder.parent}: cannot be written ({error.strerror}); name another folder in XDG_CACHE_HOME, or give "
            "dataset_dir"
        ) from error
    logger.info("Writing the built-in phantom, once, in about ten seconds ...")
    try:
        os.replace(write_phantom_dataset(draft), folder)
    except OSError as error:
        if not (folder / "dataset.json").exists():
            raise InputError(f"{folder}: cannot be written ({error.strerror}); delete it and run again") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
