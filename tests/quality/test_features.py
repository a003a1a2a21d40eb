"""Distances of features, against a covariance that is known."""

import numpy as np
import pytest

from infnet_monai.errors import InputError
from infnet_monai.quality.features import FeatureReference


def known(variances=(4.0, 1.0), rest=0.25, channels=4):
    basis = np.eye(channels, dtype=np.float32)[: len(variances)]
    return FeatureReference(np.zeros(channels, np.float32), basis, np.array(variances, np.float32), rest)


@pytest.mark.parametrize(
    ("feature", "square"), [((2, 0, 0, 0), 1.0), ((0, 2, 0, 0), 4.0), ((0, 0, 0.5, 0), 1.0), ((2, 2, 0.5, 0), 6.0)]
)
def test_distance_is_that_of_mahalanobis_a_channel(feature, square):
    assert known().distances([feature])[0] == pytest.approx(np.sqrt(square / 4))


def test_with_all_components_the_distance_is_that_of_the_covariance():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 3)) @ np.array([[2, 0, 0], [1, 1, 0], [0, 0, 0.1]])
    reference = FeatureReference.fit(rows, components=2)
    offsets = rows - rows.mean(axis=0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", offsets, np.linalg.inv(np.cov(rows.T)), offsets))
    expected /= np.median(expected)
    assert reference.distances(rows) == pytest.approx(expected, rel=1e-3)


def test_median_distance_of_what_it_was_fitted_on_is_1_also_with_more_channels_than_slices():
    rows = np.random.default_rng(0).normal(size=(20, 60))
    reference = FeatureReference.fit(rows)
    assert np.median(reference.distances(rows)) == pytest.approx(1, rel=1e-4)
    assert reference.distances(rows + 30).min() > 3


def test_constant_features_give_finite_distances():
    reference = FeatureReference.fit(np.ones((10, 5)))
    assert np.isfinite(reference.distances(np.zeros((1, 5)))).all()


def test_too_few_slices_are_refused():
    with pytest.raises(InputError, match="expected those of 8 slices"):
        FeatureReference.fit(np.ones((7, 5)))
