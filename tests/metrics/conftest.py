import json
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"
EPS = np.finfo(float).eps


@pytest.fixture(scope="session")
def golden():
    """Name to (prediction, reference, curves and values)."""
    arrays = np.load(GOLDEN / "metrics.npz")
    values = json.loads((GOLDEN / "metrics.json").read_text())
    curves = ("dice", "sensitivity", "specificity", "e_measure")
    return {
        name: (arrays[f"{name}.pred"], arrays[f"{name}.gt"], {c: arrays[f"{name}.{c}"] for c in curves}, values[name])
        for name in values
        if name != "__summary__"
    }


@pytest.fixture(scope="session")
def golden_summary():
    return json.loads((GOLDEN / "metrics.json").read_text())["__summary__"]


@pytest.fixture(scope="session")
def brute_force():
    return _brute_force


def _brute_force(pred, reference):
    """The protocol once more: loops over thresholds and pixels' matrices, as it is written down."""
    p, g = pred.astype(np.float64), reference.astype(bool)
    p = np.clip(p, 0, 1) if p.max() == p.min() else (p - p.min()) / (p.max() - p.min())
    thresholds = [k / 255 for k in range(255, -1, -1)]
    curves = np.array([_at_threshold(p >= t, g) for t in thresholds])
    mean, adaptive = curves.mean(0), _at_threshold(p >= min(1, 2 * p.mean()), g)
    return {
        "curves": dict(zip(("dice", "sensitivity", "specificity", "e_measure"), curves.T, strict=True)),
        "values": np.array([*mean[:3], _structure(p, g), mean[3], np.abs(p - g).mean(), *curves.max(0), *adaptive]),
    }


def _at_threshold(label, g):
    tp, fp, fn, tn = (label & g).sum(), (label & ~g).sum(), (~label & g).sum(), (~label & ~g).sum()
    dice, sensitivity, specificity = 0, 0, 0
    if tp > 0:
        dice, sensitivity = 2 * tp / (2 * tp + fp + fn), tp / (tp + fn)
        specificity = tn / (tn + fp) if tn + fp > 0 else 0
    return dice, sensitivity, specificity, _alignment(label, g)


def _alignment(label, g):
    if not g.any():
        return (~label).sum() / (g.size - 1 + EPS)
    if g.all():
        return label.sum() / (g.size - 1 + EPS)
    a, b = label - label.mean(), g - g.mean()
    align = 2 * a * b / (a * a + b * b + EPS)
    return ((align + 1) ** 2 / 4).sum() / (g.size - 1 + EPS)


def _structure(p, g):
    if not g.any():
        return 1 - p.mean()
    if g.all():
        return p.mean()
    share = g.mean()
    objects = share * _likeness(p[g]) + (1 - share) * _likeness(1 - p[~g])
    rows, columns = np.nonzero(g)
    row, column = (int(np.floor((index + 1).mean() + 0.5)) for index in (rows, columns))
    regions = 0.0
    for vertical in (slice(0, row), slice(row, None)):
        for horizontal in (slice(0, column), slice(column, None)):
            part = p[vertical, horizontal]
            if part.size:
                regions += part.size / p.size * _similarity(part, g[vertical, horizontal].astype(float))
    return max(0.0, 0.5 * objects + 0.5 * regions)


def _likeness(values):
    deviation = values.std(ddof=1) if values.size > 1 else 0
    return 2 * values.mean() / (values.mean() ** 2 + 1 + deviation + EPS)


def _similarity(p, g):
    x, y, freedom = p.mean(), g.mean(), max(p.size - 1, 1)
    variances = (((p - x) ** 2).sum() + ((g - y) ** 2).sum()) / freedom
    numerator = 4 * x * y * ((p - x) * (g - y)).sum() / freedom
    denominator = (x * x + y * y) * variances
    return numerator / (denominator + EPS) if numerator != 0 else float(denominator == 0)
