"""Segmenting cases with a known reference, as they are and damaged, while the network is watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infnet_monai.errors import InputError
from infnet_monai.inference.segmentation import Segmentation
from infnet_monai.inference.segmenter import Segmenter
from infnet_monai.quality.damages import damaged
from infnet_monai.quality.features import LEVELS, FeatureReference
from infnet_monai.quality.fit import QualitySample
from infnet_monai.quality.predictors import predictors_of
from infnet_monai.quality.watch import NetworkWatch
from infnet_monai.scans.load import load_upright
from infnet_monai.transforms.mask import DEFAULT_LESION_LABELS

__all__ = ["Case", "CaseRunner"]


@dataclass(frozen=True)
class Case:
    """A case of a data set, read.

    Attributes:
        name: Name.
        image: Intensities ``(H, W, D)``, upright.
        lesion: Reference, bool ``(H, W, D)``.
        affine: Voxel index to mm in RAS+, (4, 4).
        spacing_known: Whether the size of its voxels is known, which a plain picture does not tell.
    """

    name: str
    image: NDArray[np.float32]
    lesion: NDArray[np.bool_]
    affine: NDArray[np.float64]
    spacing_known: bool

    @classmethod
    def read(cls, item: Mapping[str, Any], most_slices: int | None = None) -> Case:
        """Read a case.

        Args:
            item: Item of a data set, see :func:`infnet_monai.data.datalist.load_datalist`.
            most_slices: Keep as many slices at most, evenly spaced; all by default.

        Raises:
            InputError: A file cannot be read, or image and reference differ in shape.
        """
        axes = {"axes": item["axes"]} if "axes" in item else {}
        image, label = load_upright(item["image"], **axes), load_upright(item["label"], mask=True, **axes)
        if image.shape != label.shape:
            raise InputError(
                f"{item['label']}: has {tuple(label.shape[1:])} voxels, its image {tuple(image.shape[1:])}; prepare "
                "the data again"
            )
        step = -(-image.shape[-1] // most_slices) if most_slices else 1
        affine = np.asarray(image.affine, dtype=float) @ np.diag([1.0, 1.0, step, 1.0])
        lesion = np.isin(label[0, ..., ::step].numpy(), item.get("lesion_labels") or DEFAULT_LESION_LABELS)
        name = item.get("case") or Path(item["image"]).name.split(".")[0]
        voxels = image[0, ..., ::step].numpy().astype(np.float32)
        return cls(name, voxels, lesion, affine, bool(image.meta.get("spacing_known", True)))


class CaseRunner:
    """A trained model that segments cases while it is watched.

    Args:
        bundle: Folder or name of the bundle.
        weights: File of weights.
        device: Device of the network.
        **overrides: Values of the bundle's ``inference.json``.
    """

    def __init__(self, bundle: str | Path, weights: Path, device: str | None = None, **overrides: Any):
        self._make = lambda **more: Segmenter(bundle, device, weights, **overrides, all_scans=True, **more)
        self._segmenters: dict[tuple[str, bool], Segmenter] = {}

    def references(self, cases: Iterator[Case]) -> dict[str, FeatureReference]:
        """Return the features of cases of the training data by level.

        Args:
            cases: The cases, read one after the other.
        """
        features: dict[str, list[NDArray[np.float32]]] = {level: [] for level in LEVELS}
        for case in cases:
            _, watch = self._segment(case, case.image, "auto")
            for level, rows in watch.slice_features().items():
                features[level].append(rows)
        return {level: FeatureReference.fit(np.concatenate(rows)) for level, rows in features.items() if rows}

    def samples(
        self, case: Case, references: Mapping[str, FeatureReference], damages: Sequence[tuple[str, int]]
    ) -> Iterator[QualitySample]:
        """Segment a held-out case and damaged copies of it.

        Args:
            case: The case.
            references: Features of the training data.
            damages: Name and level of each damage.

        Yields:
            First the case itself, then one sample for each damage; none where the network gives no signals.
        """
        kind = "auto"
        for name, level in [("", 0), *damages]:
            image = damaged(case.image, name, level) if name else case.image
            result, watch = self._segment(case, image, kind)
            kind = result.intensity  # a damage must not change what the intensities are taken for
            predictors = predictors_of(watch.signals(references))
            if predictors is None:
                return
            yield _sample(case, name, level, result, predictors)

    def _segment(self, case: Case, image: NDArray[np.float32], kind: str) -> tuple[Segmentation, NetworkWatch]:
        key = (kind, case.spacing_known)
        if key not in self._segmenters:
            self._segmenters[key] = self._make(intensity=kind, **({} if case.spacing_known else {"lung_crop": False}))
        segmenter = self._segmenters[key]
        prepared = segmenter.prepare(image, case.affine)
        segmenter.run(prepared)
        assert prepared.watch is not None  # run() sets it
        return segmenter.finish(prepared), prepared.watch


def _sample(case: Case, damage: str, level: int, result: Segmentation, predictors: dict[str, float]) -> QualitySample:
    lesion = result.mask != 0
    common, both = int((lesion & case.lesion).sum()), int(lesion.sum()) + int(case.lesion.sum())
    voxel_ml = abs(float(np.linalg.det(case.affine[:3, :3]))) / 1000
    return QualitySample(
        case=case.name,
        damage=damage,
        level=level,
        dice=2 * common / both if both else 1.0,
        lesion_ml=float(lesion.sum()) * voxel_ml,
        reference_ml=float(case.lesion.sum()) * voxel_ml,
        lungs_missing=case.spacing_known and not result.lungs.any(),
        predictors=predictors,
    )
