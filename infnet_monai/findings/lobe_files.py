"""Lobes that the user gives: which files belong to a scan, what their values mean, and whether they fit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from monai.data import MetaTensor
from numpy.typing import NDArray

from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256
from infnet_monai.findings.lobes import LOBES
from infnet_monai.scans.load import VOLUME_SUFFIXES, load_upright

__all__ = ["NUMBERINGS", "LobeFiles"]

AUTO = "auto"
# The value of each lobe in the order of LOBES: lungmask's LTRCLobes, TotalSegmentator's task "total".
NUMBERINGS = {"lungmask": (3, 4, 5, 1, 2), "totalsegmentator": (12, 13, 14, 10, 11)}
LOBE_NAMES = tuple("lung_{1}_lobe_{0}".format(*lobe.split("_")) for lobe in LOBES)  # TotalSegmentator's files
GRID_TOLERANCE = 0.1  # of a voxel: grids that differ less are the same with rounded headers
FOLDER_HOLDS = "a volume named like each scan, or a folder named like it with TotalSegmentator's five lung_..._lobe_..."


@dataclass(frozen=True)
class LobeFiles:
    """Lobes for the scans of a run.

    Attributes:
        path: The lobes of one scan, as a volume or as TotalSegmentator's folder with a file for each lobe; or, for any
            number of scans, a folder with either of them for each scan, named like the scan.
        numbering: What the values of a volume mean: ``"lungmask"`` (LTRCLobes, 1 to 5), ``"totalsegmentator"`` (10 to
            14), or ``"auto"``, which takes either where exactly its five values are there.

    Raises:
        InputError: There is no such file or numbering.
    """

    path: Path
    numbering: str = AUTO

    def __post_init__(self) -> None:
        if self.numbering not in (AUTO, *NUMBERINGS):
            known = ", ".join((AUTO, *NUMBERINGS))
            raise InputError(f"lobe numbering {self.numbering!r} is unknown; give one of {known}")
        if not self.path.exists():
            raise InputError(f"{self.path}: no such file; give the lobes of a scan, or a folder with {FOLDER_HOLDS}")

    def check(self, names: Sequence[str]) -> None:
        """Raise an InputError where the lobes are those of one scan and there are several.

        Args:
            names: Names of the scans.
        """
        if len(names) > 1 and self._is_of_one_scan:
            raise InputError(
                f"{self.path}: holds the lobes of one scan, and there are {len(names)}; give a folder with "
                f"{FOLDER_HOLDS}"
            )

    def files(self, name: str) -> tuple[Path, ...]:
        """Return the files of the lobes of a scan: one volume, or five in the order of the lobes.

        Args:
            name: Name of the scan.

        Raises:
            InputError: There are none.
        """
        if self.path.is_file():
            return (self.path,)
        folder = self.path if self._is_of_one_scan else self.path / name
        volumes = () if self._is_of_one_scan else tuple(self.path / f"{name}{suffix}" for suffix in VOLUME_SUFFIXES)
        for volume in volumes:
            if volume.is_file():
                return (volume,)
        parts = [_volume(folder, lobe) for lobe in LOBE_NAMES]
        missing = [lobe for lobe, part in zip(LOBE_NAMES, parts, strict=True) if part is None]
        if missing:
            what = f"{missing[0]}.nii.gz" if folder.is_dir() else f"{name}.nii.gz"
            raise InputError(
                f"{self.path}: has no lobes of {name} ({what} is missing); give a folder with {FOLDER_HOLDS}"
            )
        return tuple(part for part in parts if part is not None)

    def identity(self, name: str) -> str:
        """Return what distinguishes the lobes of a scan from others: the hash of their files, and the numbering.

        Args:
            name: Name of the scan.

        Raises:
            InputError: There are none.
        """
        hashes = "\n".join(file_sha256(file) for file in self.files(name))
        return hashlib.sha256(f"{self.numbering}\n{hashes}".encode()).hexdigest()

    def read(self, name: str, image: MetaTensor) -> NDArray[np.uint8]:
        """Read the lobes of a scan.

        Args:
            name: Name of the scan.
            image: The upright scan ``(1, H, W, D)`` that they must fit; the order of the axes in the files is free.

        Returns:
            Lobes ``(H, W, D)``, 1 to 5 in the order of :data:`infnet_monai.findings.LOBES`, 0 elsewhere.

        Raises:
            InputError: There are none, their values are not known, or they are on another grid.
        """
        files = self.files(name)
        lobes = np.zeros(tuple(image.shape[1:]), dtype=np.uint8)
        if len(files) == 1:
            values = _read_on_grid(files[0], image)
            for lobe, value in enumerate(_values_of_lobes(files[0], values, self.numbering), start=1):
                lobes[values == value] = lobe
        else:
            for lobe, file in enumerate(files, start=1):
                lobes[_read_on_grid(file, image) != 0] = lobe
        _check_places(files[0], lobes)
        return lobes

    @property
    def _is_of_one_scan(self) -> bool:
        return self.path.is_file() or any(_volume(self.path, lobe) for lobe in LOBE_NAMES)


def _volume(folder: Path, name: str) -> Path | None:
    return next((file for suffix in VOLUME_SUFFIXES if (file := folder / f"{name}{suffix}").is_file()), None)


def _read_on_grid(file: Path, image: MetaTensor) -> NDArray[np.float32]:
    """Read a volume upright; refuse it where its voxels are not those of the scan."""
    volume = load_upright(file, mask=True)
    shape, expected = tuple(volume.shape[1:]), tuple(image.shape[1:])
    if shape != expected:
        raise InputError(
            f"{file}: lobes have {' x '.join(map(str, shape))} voxels, the scan {' x '.join(map(str, expected))} (both "
            "upright); make them from this scan, or resample them to it with nearest neighbours"
        )
    corners = np.array([[row, column, k, 1] for row in (0, 1) for column in (0, 1) for k in (0, 1)]) * [*shape, 1]
    own, its = (np.asarray(one.affine, dtype=float) for one in (volume, image))
    off_mm = np.abs(corners @ (own - its).T).max()
    if off_mm > GRID_TOLERANCE * np.linalg.norm(its[:3, :3], axis=0).min():
        raise InputError(
            f"{file}: lobes are up to {off_mm:.3g} mm away from the scan (another affine); make them from this scan, "
            "or resample them to it with nearest neighbours"
        )
    return volume[0].numpy()


def _values_of_lobes(file: Path, values: NDArray[np.float32], numbering: str) -> tuple[int, ...]:
    """Return the value of each lobe, in the order of ``LOBES``."""
    found = set(np.unique(values).tolist()) - {0.0}
    listed = ", ".join(f"{value:g}" for value in sorted(found)[:6]) + (", ..." if len(found) > 6 else "") or "only 0"
    if numbering == AUTO:
        fitting = [known for known in NUMBERINGS.values() if found == set(known)]
        if fitting:
            return fitting[0]
        raise InputError(
            f"{file}: values {listed} are no lobes that are known (1 to 5 of lungmask's LTRCLobes, or 10 to 14 of "
            "TotalSegmentator, all five); give --lobe-numbering lungmask or totalsegmentator if they are"
        )
    known = NUMBERINGS[numbering]
    is_strange = numbering == "lungmask" and found - set(known)  # a file of TotalSegmentator has other organs, too
    if is_strange or not found & set(known):
        raise InputError(
            f"{file}: values {listed} are no lobes numbered by {numbering} ({min(known)} to {max(known)}); give the "
            "file of the lobes, or another --lobe-numbering"
        )
    return known


def _check_places(file: Path, lobes: NDArray[np.uint8]) -> None:
    """Refuse lobes that are on the wrong side or upside down: wrong numbers would look right."""
    columns, slices = (_means(lobes, axis) for axis in (1, 2))
    right, left = columns[:3], columns[3:]
    wrong = [LOBES[k] for k in (0, 3) if slices[k] < slices[k + 2 if k == 0 else k + 1]]
    if np.nanmax(right, initial=-np.inf) > np.nanmin(left, initial=np.inf) or wrong:
        raise InputError(
            f"{file}: right lobes are not to the right of left ones, or upper ones not above lower ones; the values "
            "are numbered otherwise, or the orientation in the header is wrong"
        )


def _means(lobes: NDArray[np.uint8], axis: int) -> NDArray[np.float64]:
    """Return the mean index of each lobe along an axis; NaN for one that is not there."""
    others = tuple({0, 1, 2} - {axis})
    profiles = np.stack([(lobes == lobe).sum(axis=others) for lobe in range(1, len(LOBES) + 1)])
    with np.errstate(invalid="ignore"):
        return profiles @ np.arange(lobes.shape[axis]) / profiles.sum(axis=1)
