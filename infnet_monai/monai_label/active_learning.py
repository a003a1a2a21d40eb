"""MONAI Label's *Next Sample* by doubt: scans whose mask is estimated to be the worst come first."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.inference.segmenter import Segmenter
from infnet_monai.scans.acceptance import ScanSkipped

__all__ = ["STRATEGY", "MostDoubtful", "QualityScoring", "add_quality"]

logger = logging.getLogger(__name__)
METHOD, STRATEGY, INFO = "infnet_quality", "most_doubtful", "infnet_quality"


class QualityScoring:
    """Scoring method of MONAI Label: segments the scans without a label and notes how doubtful each mask is.

    What it notes becomes part of the scan's information in the data store, and of the parameters of each later
    inference. A scan is scored once for each state of the weights. MONAI Label asks nothing of its tasks but ``info``
    and a call, so no class of it is needed here.

    Args:
        bundle: Folder of the bundle in the app.
        load: Makes the segmenter from the folder.
    """

    def __init__(self, bundle: str | Path, load: Callable[[Path], Any] = Segmenter):
        self.bundle, self._load = Path(bundle), load

    def info(self) -> dict[str, str]:
        """Return what clients show."""
        return {"description": f"Estimate how good the masks of {self.bundle.name} are, for {STRATEGY}"}

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any]:
        """Score what is not scored yet.

        Args:
            request: MONAI Label's request, of which nothing is needed.
            datastore: MONAI Label's data store.

        Returns:
            Number of scans that were scored, kept and could not be segmented.
        """
        segmenter = self._load(self.bundle)
        state = f"{segmenter.weights.name} {os.stat(segmenter.weights).st_mtime_ns}"
        counts = {"scored": 0, "kept": 0, "failed": 0}
        for image in sorted(datastore.get_unlabeled_images()):
            if datastore.get_image_info(image).get(INFO, {}).get("weights") == state:
                counts["kept"] += 1
                continue
            found = self._score(segmenter, datastore.get_image_uri(image))
            counts["failed" if found is None else "scored"] += 1
            datastore.update_image_info(image, {INFO: {**(found or {}), "weights": state}})
        return counts

    def _score(self, segmenter: Any, path: str) -> dict[str, Any] | None:
        try:
            result = segmenter.segment(path)
        except (InputError, ScanSkipped) as error:
            logger.warning("%s", error)
            return None
        return {**result.quality.as_dict(), "confidence": result.quality.confidence}


class MostDoubtful:
    """Strategy of MONAI Label: the scan without a label whose mask is trusted least; those not scored yet come last."""

    def info(self) -> dict[str, str]:
        """Return what clients show."""
        return {"description": f"The scan whose mask is most doubtful, by the scoring method {METHOD}"}

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any] | None:
        """Choose the next scan.

        Args:
            request: MONAI Label's request with ``label_tag`` and ``labels``.
            datastore: MONAI Label's data store.

        Returns:
            ``id`` of the scan and its ``confidence``; ``None`` where all scans have labels.
        """
        images = sorted(datastore.get_unlabeled_images(request.get("label_tag"), request.get("labels")))
        if not images:
            return None
        known = {image: datastore.get_image_info(image).get(INFO, {}).get("confidence") for image in images}
        image = min(images, key=lambda one: (known[one] is None, known[one] or 0.0))
        return {"id": image, "confidence": known[image]}


def add_quality(app: type) -> None:
    """Give the class of MONAI Label's sample app the scoring method, the strategy, and quality in inference results.

    Args:
        app: The class ``MyApp`` of the sample app; it is changed.
    """
    strategies, scoring_methods, infer = app.init_strategies, app.init_scoring_methods, app.infer  # type: ignore[attr-defined]

    def init_strategies(self: Any) -> dict[str, Any]:
        return {**strategies(self), STRATEGY: MostDoubtful()}

    def init_scoring_methods(self: Any) -> dict[str, Any]:
        folder = Path(self.model_dir) / next(iter(self.models))
        return {**scoring_methods(self), METHOD: QualityScoring(folder)}

    def infer_with_quality(self: Any, request: dict[str, Any], datastore: Any = None) -> dict[str, Any]:
        result = infer(self, request, datastore)
        noted = (datastore or self.datastore()).get_image_info(request.get("image")) or {}
        if noted.get(INFO) and isinstance(result.get("params"), dict):
            result["params"]["quality"] = noted[INFO]
        return result

    app.init_strategies, app.init_scoring_methods = init_strategies, init_scoring_methods  # type: ignore[attr-defined]
    app.infer = infer_with_quality  # type: ignore[attr-defined]
