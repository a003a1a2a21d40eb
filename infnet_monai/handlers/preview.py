"""A picture of a validation case with the outlines of reference and prediction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
from ignite.engine import Engine, Events
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from infnet_monai.data.slice_dataset import case_of
from infnet_monai.files import atomic_write
from infnet_monai.label_scheme import BINARY, LabelScheme
from infnet_monai.reporting.contact_sheet import SlicePicture, choose_slices, draw_contact_sheet
from infnet_monai.scans.acceptance import named_scan
from infnet_monai.scans.load import UPRIGHT, load_upright
from infnet_monai.scans.source import PROBLEM_CODES
from infnet_monai.transforms import BinarizeMapd, lung_window

__all__ = ["ValidationPreview"]


class ValidationPreview:
    """Draw the slices with most lesion of the first case after each validation; attach it to the evaluator.

    Args:
        path: PNG file to write, again after each validation.
        log_dir: Folder of TensorBoard events that the picture is added to; ``None`` for none.
        slices_shown: Largest number of slices.
        scheme: The lesion classes of the channels.
    """

    def __init__(
        self,
        path: str | Path,
        log_dir: str | Path | None = None,
        slices_shown: int = 8,
        scheme: LabelScheme = BINARY,
    ):
        self.path = Path(path)
        self.log_dir = log_dir
        self.slices_shown = slices_shown
        self.scheme = scheme
        self._runs = 0

    def attach(self, engine: Engine) -> None:
        """Draw after the evaluator's first iteration."""
        engine.add_event_handler(Events.ITERATION_COMPLETED(once=1), self._draw)

    def _draw(self, engine: Any) -> None:
        if idist.get_rank() != 0:
            return
        self._runs += 1
        output = engine.state.output[0]
        tiles = _tiles(output, engine.state.batch[0].get("axes", UPRIGHT), self.slices_shown, self.scheme)
        case = case_of(output["image"].meta)
        with atomic_write(self.path) as draft:
            title = f"{case}: reference green, prediction red" if self.scheme.is_single else case
            draw_contact_sheet(tiles, draft, title=title, scheme=self.scheme)
        if self.log_dir is not None:
            with SummaryWriter(str(self.log_dir)) as writer:
                writer.add_image(
                    "validation", np.asarray(Image.open(self.path).convert("RGB")), self._runs, dataformats="HWC"
                )


def _tiles(output: Mapping[str, Any], axes: str, count: int, scheme: LabelScheme) -> list[SlicePicture]:
    """Cut the slices with most lesion, in their order, out of the scan on disk and the output's masks."""
    meta = output["image"].meta
    scan = load_upright(named_scan(meta["filename_or_obj"], PROBLEM_CODES), axes)
    image = lung_window(scan, meta["intensity"])[0].numpy()
    reference, prediction = (_labels(output[key], scheme) for key in ("label", "pred"))
    lesion = (reference > 0).sum(axis=(0, 1)) + (prediction > 0).sum(axis=(0, 1))
    rows_mm, columns_mm, slices_mm = (float(size) for size in scan.pixdim)
    return [
        SlicePicture(image[..., k], reference[..., k], prediction[..., k], f"slice {k + 1}", (rows_mm, columns_mm))
        for k in choose_slices(lesion, slices_mm, count)
    ]


def _labels(maps: Any, scheme: LabelScheme) -> np.ndarray:
    """Label volume ``(H, W, D)`` of masks or probabilities ``(C, H, W, D)``."""
    return BinarizeMapd("maps", "kept", scheme=scheme)({"maps": maps.cpu()})["maps"][0].numpy()
