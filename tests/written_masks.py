"""Masks of whole scans as files, as ``infnet segment`` and others write them; one voxel is one ml."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np

AFFINE = np.diag([-10.0, -10.0, 10.0, 1.0])
SHAPE = (2, 4, 3)


def write_mask(folder: Path, name: str, array, affine=AFFINE) -> Path:
    path = folder / f"{name}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.asarray(array, dtype=np.float32), affine), path)
    return path


def write_segmented(folder: Path, name: str, array, lungs=None, percent=1.0, weights="c0ffee" * 10) -> Path:
    """Write what ``infnet segment`` writes of a scan, as far as an evaluation reads it."""
    if lungs is not None:
        write_mask(folder, f"{name}_lungs", lungs)
    path = write_mask(folder, f"{name}_infection", array)
    record = {"made_by": {"bundle": "tiny 1.0", "weights": weights}, "statistics": {"lesion_percent_of_lung": percent}}
    (folder / f"{name}.json").write_text(json.dumps(record))
    (folder / "run.json").write_text("{}")
    return path


def hand_worked_masks():
    """Prediction, reference and lungs of three slices.

    Slice 1: reference 4 voxels, prediction 3, of them 2 right. Slice 2: 2 voxels, found exactly. Slice 3: no lesion,
    3 voxels predicted. The lungs are slices 2 and 3.
    """
    prediction, reference, lungs = (np.zeros(SHAPE) for _ in range(3))
    reference[0, :, 0] = 1
    prediction[0, :2, 0] = prediction[1, 0, 0] = 1
    reference[1, :2, 1] = prediction[1, :2, 1] = 1
    prediction[0, :3, 2] = 1
    lungs[:, :, 1:] = 1
    return prediction, reference, lungs
