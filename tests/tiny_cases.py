"""Small scans with a lesion that a network learns in seconds."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np


def write_case(folder: Path, name: str, seed: int = 0, shape: tuple[int, int, int] = (40, 48, 5)) -> dict[str, str]:
    """Write a scan in HU with one bright box as lesion, absent from its first slice; paths relative to folder."""
    rng = np.random.default_rng(seed)
    image = rng.normal(-850, 20, shape)
    label = np.zeros(shape)
    label[10:22, 14:30, 1:] = 1
    image[label > 0] += 500
    affine = np.diag([-1.5, -1.5, 5, 1])
    for kind, array in (("images", image.astype(np.int16)), ("labels", label.astype(np.uint8))):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(array, affine), folder / kind / f"{name}.nii.gz")
    return {"image": f"images/{name}.nii.gz", "label": f"labels/{name}.nii.gz"}


def write_tiny_dataset(folder: Path) -> Path:
    """Write a data set of two training cases, one for validation and one for test."""
    cases = [write_case(folder, f"case_{k}", seed=k) for k in range(4)]
    datalist = {"labels": {"0": "background", "1": "lesion"}, "training": cases[:2]}
    datalist |= {"validation": cases[2:3], "test": cases[3:]}
    (folder / "dataset.json").write_text(json.dumps(datalist))
    return folder
