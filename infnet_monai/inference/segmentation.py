"""The lesions of one scan with what belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Orientation
from numpy.typing import ArrayLike, NDArray

from infnet_monai.findings import Findings, measure_findings
from infnet_monai.inference.class_statistics import ClassStatistics, measure_classes
from infnet_monai.inference.statistics import LesionStatistics, measure_lesions
from infnet_monai.label_scheme import BINARY, LabelScheme
from infnet_monai.quality.estimate import QualityEstimate
from infnet_monai.scans.load import SLICE_AXES, load_scan
from infnet_monai.scans.source import ScanSource

__all__ = ["Segmentation", "read_segmentation", "reoriented"]


def reoriented(volume: MetaTensor, axes: str) -> MetaTensor:
    """Reorient a volume so that its axes run to the named sides.

    Args:
        volume: Volume ``(1, X, Y, Z)``.
        axes: Sides, e.g. ``"PLS"`` for posterior, left, superior.
    """
    return cast(MetaTensor, Orientation(axcodes=axes, labels=None)(volume))


@dataclass(frozen=True)
class Segmentation:
    """The lesions of one scan, on the voxels of that scan.

    Attributes:
        mask: Lesions, uint8 ``(X, Y, Z)``: the value of the class in lesions, 1 where there is only one, 0 elsewhere.
        lungs: Lungs, uint8 ``(X, Y, Z)``: 1 in the right and 2 in the left one, zeros where none were found or sought.
        affine: Voxel index to mm in RAS+, (4, 4).
        upright_image: The scan's own intensities ``(1, H, W, D)``, oriented PLS so that slices stand upright.
        intensity: What these are: ``"hu"``, ``"grey"`` or ``"unit"``.
        probability: Probability map, float32 ``(X, Y, Z)`` in [0, 1], 0 outside the chest; of several classes
            ``(C, X, Y, Z)``; ``None`` where the masks were read from files.
        warnings: What a user should know of this scan, one sentence each.
        removed_outside_chest_ml: Volume of what the network took for lesion outside the chest; ``None`` where no lungs
            were found, so that nothing was removed, and where the masks were read from files.
        scheme: The lesion classes.
        quality: Whether the mask can be trusted; ``None`` where the masks were read from files.
        upright_lobes: Lobes ``(H, W, D)`` on the voxels of ``upright_image``, 1 to 5 in the order of
            :data:`infnet_monai.findings.LOBES`; ``None`` where none are given.
    """

    mask: NDArray[np.uint8]
    lungs: NDArray[np.uint8]
    affine: NDArray[np.float64]
    upright_image: MetaTensor
    intensity: str
    probability: NDArray[np.float32] | None = None
    warnings: tuple[str, ...] = ()
    removed_outside_chest_ml: float | None = None
    scheme: LabelScheme = BINARY
    quality: QualityEstimate | None = None
    upright_lobes: NDArray[np.uint8] | None = None

    @cached_property
    def statistics(self) -> LesionStatistics:
        """Volumes and fractions of lesions and lungs."""
        return measure_lesions(
            self.upright_mask, self.affine, self.upright_lungs, self._upright_hu, self.removed_outside_chest_ml
        )

    @cached_property
    def class_statistics(self) -> dict[str, ClassStatistics]:
        """Volumes and fractions of each class by its column name; empty where there is only one class."""
        if self.scheme.is_single:
            return {}
        values = {one.column: one.value for one in self.scheme}
        return measure_classes(self.upright_mask, self.affine, values, self.upright_lungs)

    @cached_property
    def findings(self) -> Findings:
        """Opacity by density, by thirds of the lungs and by lobes, and near the pleura."""
        return measure_findings(
            self.upright_mask, self.upright_spacing_mm, self.upright_lungs, self._upright_hu, self.upright_lobes
        )

    @property
    def _upright_hu(self) -> NDArray | None:
        return self.upright_image[0].numpy() if self.intensity == "hu" else None

    @cached_property
    def upright_mask(self) -> NDArray[np.uint8]:
        """The mask on the voxels ``(H, W, D)`` of ``upright_image``."""
        return self.upright(self.mask)

    @cached_property
    def upright_lungs(self) -> NDArray[np.uint8]:
        """The lungs on the voxels ``(H, W, D)`` of ``upright_image``."""
        return self.upright(self.lungs)

    @property
    def upright_spacing_mm(self) -> tuple[float, float, float]:
        """Size of a voxel of ``upright_image`` along its axes."""
        rows_mm, columns_mm, slices_mm = self.upright_image.pixdim.tolist()
        return rows_mm, columns_mm, slices_mm

    def upright(self, volume: ArrayLike) -> NDArray:
        """Reorient a volume ``(X, Y, Z)`` such as ``mask`` to the voxels ``(H, W, D)`` of ``upright_image``."""
        on_scan = MetaTensor(torch.as_tensor(np.asarray(volume))[None], affine=torch.as_tensor(self.affine))
        return reoriented(on_scan, SLICE_AXES)[0].numpy()


def read_segmentation(
    scan: ScanSource, mask: str | Path, lungs: str | Path, intensity: str, scheme: LabelScheme = BINARY
) -> Segmentation:
    """Read a scan and its masks from files, without the probability map.

    Args:
        scan: The scan.
        mask: File of the lesions.
        lungs: File of the lungs.
        intensity: What the intensities of the scan are: ``"hu"``, ``"grey"`` or ``"unit"``.
        scheme: The lesion classes of the mask.

    Raises:
        InputError: One of the files cannot be read.
    """
    image, lesion_volume, lung_volume = load_scan(scan), load_scan(mask), load_scan(lungs)
    return Segmentation(
        mask=lesion_volume[0].numpy().astype(np.uint8),
        lungs=lung_volume[0].numpy().astype(np.uint8),
        affine=np.asarray(lesion_volume.affine),
        upright_image=reoriented(image, SLICE_AXES),
        intensity=intensity,
        scheme=scheme,
    )
