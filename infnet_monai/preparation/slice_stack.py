"""MedSeg's first set: one NIfTI of a hundred slices from many patients, split into one file a slice."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from pathlib import Path

import nibabel as nib
import numpy as np
from monai.data import MetaTensor

from infnet_monai.errors import InputError
from infnet_monai.preparation.layouts import MEDSEG_LABELS, CaseFiles, Layout
from infnet_monai.transforms.load import load_scan
from infnet_monai.transforms.mask import CheckSameGridd

logger = logging.getLogger(__name__)

IMAGE_STACK, LABEL_STACK = "tr_im.nii.gz", "tr_mask.nii.gz"
MEDSEG_SLICES = Layout("MedSeg slices", ("images",), ("labels",), label_names=MEDSEG_LABELS, lesion_labels=(1, 2))


def is_slice_stack(folder: Path) -> bool:
    """Whether a folder holds MedSeg's `tr_im.nii.gz`."""
    return (folder / IMAGE_STACK).is_file()


def split_slice_stack(folder: Path, output: Path | None) -> tuple[Layout, list[CaseFiles]]:
    """Write every slice of `tr_im.nii.gz` and `tr_mask.nii.gz` as a NIfTI of its own; the input stays as it is.

    Args:
        folder: holds the two files.
        output: gets `images/` and `labels/` with `tr_001.nii.gz` and so on.

    Raises:
        InputError: there is no output folder or no mask, a file cannot be read, or the two do not fit.
    """
    if output is None or output.resolve() == folder.resolve():
        raise InputError(f"{folder / IMAGE_STACK}: holds slices of many cases; give --output FOLDER to split them into")
    stacks: dict[Hashable, MetaTensor] = {
        "image": load_scan(folder / IMAGE_STACK),
        "label": load_scan(folder / LABEL_STACK),
    }
    CheckSameGridd(tuple(stacks))(stacks)
    logger.warning(
        "%s does not say which slices are of one patient: a patient may end up in two sections.", IMAGE_STACK
    )
    cases = []
    for number in range(stacks["image"].shape[-1]):
        name = f"tr_{number + 1:03d}"
        image, label = (output / part / f"{name}.nii.gz" for part in ("images", "labels"))
        _write_slice(stacks["image"], number, image)
        _write_slice(stacks["label"], number, label)
        cases.append(CaseFiles(name, image, label))
    return MEDSEG_SLICES, cases


def _write_slice(stack: MetaTensor, number: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.asarray(stack.affine) @ nib.affines.from_matvec(np.eye(3), [0, 0, number])
    nib.save(nib.Nifti1Image(stack.as_tensor().numpy()[0, :, :, number : number + 1], affine), path)
