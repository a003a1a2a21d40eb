"""What the Dice of a scan is predicted from: signals brought to a scale on which more means worse."""

from __future__ import annotations

import math

from infnet_monai.quality.signals import QualitySignals

__all__ = ["PREDICTORS", "REASONS", "logit", "predictors_of"]

# What is said of a scan where the value is unusually high.
REASONS = {
    "disagreement": "the network's own maps disagree about the lesions",
    "uncertainty": "many lesion pixels are uncertain",
    "smallness": "there is little lesion, of which Dice is low",
    "image_distance": "noise, sharpness or intensities are unlike those of the training data",
    "texture_distance": "edges and texture are unlike those of the training data, as with motion or streaks",
    "content_distance": "what is in the slices is unlike the training data",
}
PREDICTORS = tuple(REASONS)
SMALLEST = 1e-4


def logit(fraction: float, margin: float = 0.01) -> float:
    """Return the log odds of a fraction, which is first kept away from 0 and 1 by a margin.

    Example:
        >>> logit(0.5), round(logit(1.0), 2)
        (0.0, 4.6)
    """
    kept = min(max(fraction, margin), 1 - margin)
    return math.log(kept / (1 - kept))


def predictors_of(signals: QualitySignals) -> dict[str, float] | None:
    """Return the predictors of a scan, ``None`` where the network does not give all signals.

    Args:
        signals: Signals of the scan.

    Returns:
        By name: log odds of disagreement, log odds of uncertainty, minus the decimal logarithm of the lesion fraction,
        and the logarithms of the three distances.
    """
    needed = (signals.agreement, signals.uncertain_fraction, signals.lesion_fraction)
    distances = (signals.image_distance, signals.texture_distance, signals.content_distance)
    if any(value is None or not math.isfinite(value) for value in (*needed, *distances)):
        return None
    agreement, uncertain, lesion = (float(value or 0) for value in needed)
    logarithms = (math.log(max(float(value or 0), SMALLEST)) for value in distances)
    values = (logit(1 - agreement), logit(uncertain), -math.log10(lesion + SMALLEST), *logarithms)
    return dict(zip(PREDICTORS, values, strict=True))
