"""Which intensities are accepted, warned about and refused: every variant of every scan, counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from monai.data import MetaTensor
from monai.transforms import Orientation
from numpy.typing import NDArray

from infnet_monai.benchmarks.intensity_variants import VARIANTS, Variant
from infnet_monai.errors import InputError
from infnet_monai.lungs import CheckIntensitiesd, LungMaskd, find_lungs
from infnet_monai.phantom.phantom import make_phantom
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.load import SLICE_AXES, load_scan, scan_from_array
from infnet_monai.transforms.window import WINDOW_HU, intensity_kind

__all__ = ["OUTCOMES", "intensity_table", "outcome_of", "scans_in_hu"]

OUTCOMES = ("silent", "warned", "refused")
COARSE_MM = (3.0, 3.0, 6.0)  # enough to find the lungs; dozens of variants are measured
PHANTOMS = 3


def scans_in_hu(paths: Sequence[str | Path] = ()) -> Iterator[tuple[str, MetaTensor]]:
    """Yield the scans of some folders and files, and phantoms, all in HU and with coarse voxels.

    Grey levels are taken back to HU as if their window had been -1350 to 150.

    Args:
        paths: Files and folders of scans.

    Yields:
        Name and image ``(1, H, W, D)``, oriented PLS.
    """
    upright: Any = Orientation(axcodes=SLICE_AXES, labels=None)
    for seed in range(PHANTOMS):
        phantom = make_phantom(seed, shape=(128, 104, 28), spacing_mm=(2.8, 2.8, 8.0))
        yield f"phantom {seed}", upright(scan_from_array(phantom.image, phantom.affine))
    for source in find_scans(list(paths)) if paths else ():
        image = upright(load_scan(source.path, series=source.series))
        if intensity_kind(image) == "grey":
            image = image / 255 * (WINDOW_HU[1] - WINDOW_HU[0]) + WINDOW_HU[0]
        factors = [max(1, int(mm // size)) for mm, size in zip(COARSE_MM, image.pixdim.tolist(), strict=True)]
        affine = image.affine @ torch.diag(torch.tensor([*factors, 1.0], dtype=torch.float64))
        voxels = image.as_tensor()[:, :: factors[0], :: factors[1], :: factors[2]].contiguous()
        yield source.name, MetaTensor(voxels, affine=affine)


def outcome_of(variant: Variant, image: MetaTensor, lungs: NDArray[np.uint8]) -> tuple[str, str]:
    """Check one variant of a scan as ``infnet segment`` does with ``--intensity auto``.

    Args:
        variant: The variant.
        image: The scan in HU, ``(1, H, W, D)``, oriented PLS.
        lungs: Its lungs, ``(H, W, D)``.

    Returns:
        ``"silent"``, ``"warned"`` or ``"refused"``, and what is said.
    """
    voxels = np.ascontiguousarray(variant.change(image[0].numpy(), lungs), dtype=np.float32)
    changed = MetaTensor(torch.from_numpy(voxels)[None], affine=image.affine)
    try:
        item = LungMaskd("image")({"image": changed})
        about_lungs = list(item["image"].meta.get("warnings", ()))
        noted = CheckIntensitiesd("image")(item)["image"].meta["warnings"]
    except InputError as error:
        return "refused", str(error)
    warnings = [warning for warning in noted if warning not in about_lungs]
    return ("warned" if warnings else "silent"), "; ".join(warnings)


def intensity_table(scans: Iterable[tuple[str, MetaTensor]]) -> pd.DataFrame:
    """Count the outcomes of all variants of some scans.

    Args:
        scans: Names and images in HU, see :func:`scans_in_hu`.

    Returns:
        A row for each variant: how many scans were accepted silently, accepted with a warning and refused, and how
        many of the refusals name what is wrong.
    """
    counts = {(variant.group, variant.name): dict.fromkeys((*OUTCOMES, "named"), 0) for variant in VARIANTS}
    for _, image in scans:
        lungs = find_lungs(image[0].numpy(), tuple(image.pixdim.tolist())).labels
        for variant in VARIANTS:
            outcome, message = outcome_of(variant, image, lungs)
            row = counts[variant.group, variant.name]
            row[outcome] += 1
            row["named"] += outcome == "refused" and any(name in message for name in variant.names)
    table = pd.DataFrame.from_dict(counts, orient="index")
    return table.rename_axis(["group", "variant"]).reset_index()
