"""Example slices of an evaluation, kept with their masks for the pictures of a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events
from numpy.typing import NDArray

from infnet_monai.data.slice_dataset import case_of
from infnet_monai.files import atomic_write
from infnet_monai.metrics import CLINICAL_THRESHOLD
from infnet_monai.scans.acceptance import named_scan
from infnet_monai.scans.load import UPRIGHT, load_upright
from infnet_monai.scans.source import PROBLEM_CODES
from infnet_monai.transforms.window import lung_window

__all__ = ["EXAMPLES_DIR", "Example", "ExampleMasks", "load_example"]

EXAMPLES_DIR = "examples"


@dataclass(frozen=True)
class Example:
    """A slice with the masks of reference and prediction, upright.

    Args:
        name: Name of the scan, and where it has several slices the number of this one, counted from 1.
        image: Windowed slice ``(H, W)``, uint8.
        reference: Mask of the reference ``(H, W)``, bool.
        prediction: Mask of the prediction ``(H, W)``, bool.
        spacing_mm: Pixel size along rows and columns of the array.
    """

    name: str
    image: NDArray[np.uint8]
    reference: NDArray[np.bool_]
    prediction: NDArray[np.bool_]
    spacing_mm: tuple[float, float]


class ExampleMasks:
    """Keep of each case the slice with the largest lesion of the reference, and its masks; attach it to the evaluator.

    Args:
        output_dir: Folder of the evaluation; gets ``examples/CASE.npz``.
    """

    def __init__(self, output_dir: str | Path):
        self.folder = Path(output_dir) / EXAMPLES_DIR

    def attach(self, engine: Engine) -> None:
        """Keep the slices after each iteration."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._keep)

    def _keep(self, engine: Any) -> None:
        for source, item in zip(engine.state.batch, engine.state.output, strict=True):
            reference = item["label"][0].cpu().numpy() > 0
            if not reference.any():
                continue
            k = int(reference.sum(axis=(0, 1)).argmax())
            meta = item["image"].meta
            scan = load_upright(named_scan(meta["filename_or_obj"], PROBLEM_CODES), source.get("axes", UPRIGHT))
            image = lung_window(scan, meta["intensity"])[0, ..., k].numpy()
            case = case_of(meta)
            with atomic_write(self.folder / f"{case}.npz") as draft:
                np.savez_compressed(
                    draft,
                    name=f"{case}, slice {k + 1}" if reference.shape[-1] > 1 else case,
                    image=np.rint(image * 255).astype(np.uint8),
                    reference=reference[..., k],
                    prediction=item["pred"][0, ..., k].cpu().numpy() >= CLINICAL_THRESHOLD,
                    spacing_mm=[float(size) for size in scan.pixdim[:2]],
                )


def load_example(path: Path) -> Example:
    """Read what :class:`ExampleMasks` has kept of a case.

    Args:
        path: NPZ file of the case.
    """
    with np.load(path) as content:
        rows_mm, columns_mm = content["spacing_mm"].tolist()
        return Example(
            str(content["name"]),
            content["image"],
            content["reference"],
            content["prediction"],
            (rows_mm, columns_mm),
        )
