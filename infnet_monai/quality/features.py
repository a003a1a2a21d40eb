"""How far pooled encoder features of a scan are from those of the training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infnet_monai.errors import InputError

__all__ = ["CONTENT", "IMAGE", "LEVELS", "TEXTURE", "FeatureReference"]

IMAGE, TEXTURE, CONTENT = LEVELS = ("image", "texture", "content")
COMPONENTS = 12
SMALLEST_VARIANCE = 1e-8


@dataclass(frozen=True)
class FeatureReference:
    """Mean and covariance of features, the covariance by its largest components and one variance for all others.

    The distance is that of Mahalanobis. Replacing the small eigenvalues by their mean is the shrinkage that makes it
    usable with fewer slices than channels (probabilistic PCA: Tipping and Bishop, J R Stat Soc B 1999). Distances of
    encoder features find scans that a lesion network silently fails on: Gonzalez et al., arXiv 2107.05975.

    Attributes:
        mean: Mean ``(C,)``.
        basis: Directions of the largest variances ``(K, C)``, each of length 1.
        variances: Variances along these ``(K,)``.
        rest_variance: Variance along each of the other C - K directions.
        unit: Median distance of the features it was fitted on, which becomes 1.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    variances: NDArray[np.float32]
    rest_variance: float
    unit: float = 1.0

    @classmethod
    def fit(cls, features: ArrayLike, components: int = COMPONENTS) -> FeatureReference:
        """Fit mean and covariance.

        Args:
            features: Features ``(N, C)`` of N slices of the training data.
            components: Largest number of directions with a variance of their own; at most a quarter of N.

        Raises:
            InputError: There are fewer than eight slices.
        """
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim != 2 or len(rows) < 8:
            raise InputError(f"features of shape {rows.shape}: expected those of 8 slices or more; give more scans")
        mean = rows.mean(axis=0)
        _, singular, directions = np.linalg.svd(rows - mean, full_matrices=False)
        variances = singular**2 / (len(rows) - 1)
        kept = min(components, len(rows) // 4, rows.shape[1] - 1)
        rest = variances[kept:].sum() / max(1, rows.shape[1] - kept)
        floor = max(float(rest), SMALLEST_VARIANCE)
        raw = cls(
            mean.astype(np.float32),
            directions[:kept].astype(np.float32),
            np.maximum(variances[:kept], floor).astype(np.float32),
            floor,
        )
        unit = float(np.median(raw.distances(rows)))
        return cls(raw.mean, raw.basis, raw.variances, floor, unit or 1.0)

    def distances(self, features: ArrayLike) -> NDArray[np.float64]:
        """Return the distance ``(N,)`` of features ``(N, C)``, about 1 for those like the training data's."""
        offsets = np.asarray(features, dtype=np.float64) - self.mean
        along = offsets @ self.basis.T.astype(np.float64)
        rest = np.maximum((offsets**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        squares = (along**2 / self.variances).sum(axis=1) + rest / self.rest_variance
        return np.sqrt(squares / offsets.shape[1]) / self.unit
