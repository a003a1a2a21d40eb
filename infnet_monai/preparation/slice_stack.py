"""MedSeg's first set: one NIfTI of a hundred slices from many patients, split into one file a slice."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from pathlib import Path

import nibabel as nib
import numpy as np
from monai.data import MetaTensor

from infnet_monai.errors import InputError
from infnet_monai.preparation.case_files import CaseFiles, FoundCases
from infnet_monai.scans.load import load_scan
from infnet_monai.transforms.mask import CheckSameGridd

__all__ = ["MEDSEG_LABELS", "SliceStack"]

logger = logging.getLogger(__name__)

IMAGE_STACK, LABEL_STACK = "tr_im.nii.gz", "tr_mask.nii.gz"
MEDSEG_LABELS = {0: "background", 1: "ground glass", 2: "consolidation", 3: "pleural effusion"}


class SliceStack:
    """MedSeg's ``tr_im.nii.gz`` and ``tr_mask.nii.gz``, slices of many cases in one file each."""

    expected = f"{IMAGE_STACK} + {LABEL_STACK}"

    def find(self, folder: Path, output: Path) -> FoundCases | None:
        """Write every slice as a NIfTI of its own; see :class:`infnet_monai.preparation.layouts.Layout`.

        The input stays as it is; ``output`` gets ``images/`` and ``labels/`` with ``tr_001.nii.gz`` and so on.

        Raises:
            InputError: There is no output folder or no mask, a file cannot be read, or the two do not fit.
        """
        if not (folder / IMAGE_STACK).is_file():
            return None
        if output.resolve() == folder.resolve():
            raise InputError(
                f"{folder / IMAGE_STACK}: holds slices of many cases; give --output FOLDER to split them into"
            )
        image, label = load_scan(folder / IMAGE_STACK), load_scan(folder / LABEL_STACK)
        pair: dict[Hashable, MetaTensor] = {"image": image, "label": label}
        CheckSameGridd(tuple(pair))(pair)
        logger.warning(
            "%s does not say which slices are of one patient: a patient may end up in two sections, unless "
            "--group-by FILE.csv:COLUMN says it.",
            IMAGE_STACK,
        )
        cases = [_split_off(number, image, label, output) for number in range(image.shape[-1])]
        return FoundCases("MedSeg slices", cases, label_names=MEDSEG_LABELS, lesion_labels=(1, 2))


def _split_off(number: int, image: MetaTensor, label: MetaTensor, output: Path) -> CaseFiles:
    name = f"tr_{number + 1:03d}"
    files = [output / part / f"{name}.nii.gz" for part in ("images", "labels")]
    for stack, path in zip((image, label), files, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        affine = np.asarray(stack.affine) @ nib.affines.from_matvec(np.eye(3), [0, 0, number])
        nib.save(nib.Nifti1Image(stack.as_tensor().numpy()[0, :, :, number : number + 1], affine), path)
    return CaseFiles(name, *files)
