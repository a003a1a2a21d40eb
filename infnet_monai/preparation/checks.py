"""What must hold for a case before anything is trained on it, and the facts of a case that passes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from monai.data import MetaTensor

from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256
from infnet_monai.preparation.case_files import CaseFiles
from infnet_monai.scans.acceptance import named_scan
from infnet_monai.scans.load import UPRIGHT, load_scan
from infnet_monai.scans.source import ScanSource, Severity
from infnet_monai.transforms.load import MASK_KEYS
from infnet_monai.transforms.mask import CheckSameGridd
from infnet_monai.transforms.window import scan_intensity_kind


@dataclass(frozen=True)
class CaseFacts:
    """What is known of one sound case.

    Attributes:
        files: Its files.
        sha256: Hash of each of its files by key (``image``, ``label``, ...).
        shape: Voxels along the file's axes.
        spacing_mm: Voxel size in mm along the same axes.
        label_values: Values that occur in the mask.
        lesion_voxels: Voxels with a lesion label in each axial slice, from the first to the last.
        intensity: ``hu``, ``grey`` or ``unit``, see :func:`infnet_monai.transforms.intensity_kind`.
        accepted: Codes of problems of its files without whose acceptance it could not be used.
        warnings: What a user should know of its image, one sentence each.
    """

    files: CaseFiles
    sha256: dict[str, str]
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    label_values: tuple[int, ...]
    lesion_voxels: tuple[int, ...]
    intensity: str
    accepted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def slices(self) -> int:
        """Number of axial slices."""
        return len(self.lesion_voxels)

    @property
    def positive_slices(self) -> int:
        """Number of slices with lesion."""
        return sum(voxels > 0 for voxels in self.lesion_voxels)

    @property
    def lesion_fraction(self) -> float:
        """Lesion voxels as a fraction of all voxels."""
        return sum(self.lesion_voxels) / float(np.prod(self.shape))


def check_case(
    files: CaseFiles,
    lesion_labels: Iterable[int],
    background_labels: Iterable[int] | None = (),
    axes: str | None = None,
    intensity: str = "auto",
    accept: Sequence[str] = (),
) -> CaseFacts:
    """Read all files of a case with the loader that training uses, and gather its facts.

    Args:
        files: The case.
        lesion_labels: Values that count as lesion.
        background_labels: Other legal values beside 0; None allows any.
        axes: Where rows and columns of a picture run to; None for upright.
        intensity: Kind of the image's intensities, see :func:`infnet_monai.transforms.lung_window`.
        accept: Codes of problems that are accepted, see :class:`infnet_monai.scans.Acceptance`.

    Returns:
        The facts.

    Raises:
        InputError: The mask is missing; a file is refused for what its header says, or is truncated, not 3D or not
            finite; shapes or affines differ; a label value is unknown; the intensities are neither HU nor grey levels.
    """
    paths = files.paths
    if files.label is None:
        raise InputError(
            f"{files.image}: has no mask; expected one of the same name, or ending in _seg, among the masks"
        )
    volumes: dict[Hashable, MetaTensor] = {
        key: load_scan(named_scan(path, accept), axes or UPRIGHT, mask=key in MASK_KEYS) for key, path in paths.items()
    }
    CheckSameGridd(tuple(volumes))(volumes)
    values = _label_values(volumes["label"])
    lesion_labels = sorted(lesion_labels)
    if background_labels is not None:
        _refuse_unknown_values(files.label, values, {0, *lesion_labels, *background_labels})
    image = volumes["image"]
    return CaseFacts(
        files=files,
        sha256={key: file_sha256(path) for key, path in paths.items()},
        shape=tuple(image.shape[1:]),
        spacing_mm=tuple(float(mm) for mm in nib.affines.voxel_sizes(np.asarray(image.affine))),
        label_values=tuple(int(value) for value in values),
        lesion_voxels=_lesion_voxels(volumes["label"], lesion_labels),
        intensity=scan_intensity_kind(image, intensity),
        accepted=_accepted_codes(paths.values(), accept),
        warnings=tuple(image.meta.get("warnings", ())),
    )


def _accepted_codes(paths: Iterable[Path], accept: Sequence[str]) -> tuple[str, ...]:
    """Return the codes that training must accept, too, to read the files."""
    if not accept:
        return ()
    scans = [scan for path in paths if isinstance(scan := named_scan(path), ScanSource)]
    refused = {problem.code for scan in scans for problem in scan.problems if problem.severity is Severity.REFUSED}
    return tuple(sorted(refused & set(accept)))


def _label_values(label: MetaTensor) -> list[float]:
    # pandas hashes where numpy sorts: a speed-up of ten on a volume.
    return sorted(pd.unique(label.as_tensor().numpy().ravel()).tolist())


def _refuse_unknown_values(path: Path, values: list[float], known: set[int]) -> None:
    unknown = [f"{value:g}" for value in values if value not in known]
    if unknown:
        listed = ", ".join(unknown[:8]) + (", ..." if len(unknown) > 8 else "")
        raise InputError(
            f"{path}: unknown label values {listed} (known: {', '.join(map(str, sorted(known)))}); correct the mask, "
            "or say which values are lesion with --lesion-labels, e.g. --lesion-labels 1,2"
        )


def _lesion_voxels(label: MetaTensor, lesion_labels: list[int]) -> tuple[int, ...]:
    """Lesion voxels of each axial slice; the axial axis of the file is the one that runs towards the head or feet."""
    axial = [code in "SI" for code in nib.aff2axcodes(np.asarray(label.affine))].index(True)
    lesion = np.isin(label.as_tensor().numpy()[0], lesion_labels)
    return tuple(lesion.sum(axis=tuple(axis for axis in range(3) if axis != axial)).tolist())
