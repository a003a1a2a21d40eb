"""The fitted estimate of quality, and the small file of a bundle that holds it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write, file_sha256
from infnet_monai.quality.estimate import CHECK, DO_NOT_USE, GOOD, QualityEstimate, of_maps, unrated
from infnet_monai.quality.features import LEVELS, FeatureReference
from infnet_monai.quality.predictors import REASONS, predictors_of
from infnet_monai.quality.signals import QualitySignals

__all__ = ["QUALITY_FILE", "DiceRule", "QualityModel", "read_quality"]

QUALITY_FILE = "quality.npz"
ARRAYS = ("mean", "basis", "variances")
NUMBERS = ("rest_variance", "unit")
SMALLEST_SCALE = 0.1  # of the range of the volume, for a mask that is predicted to be perfect
ADDED_ML = 1.0  # so that the ratio of two volumes is defined for empty ones, too
NO_LUNGS = "no lungs were found"


@dataclass(frozen=True)
class DiceRule:
    """A line from predictors to the log odds of Dice, with what its errors on held-out scans were.

    Attributes:
        intercept: Log odds of Dice where all predictors are 0.
        weights: Change of the log odds for each unit of a predictor, never above 0.
        errors: Conformal lower and upper error of the log odds.
        volume_errors: Conformal lower and upper error of ``log((reference + 1 ml) / (lesion + 1 ml))``, for a scan
            whose predicted Dice is 0; those of others are smaller by :func:`volume_scale`.
        usual: Value of each predictor that 95 % of the undamaged held-out scans do not exceed.
        limits: Value of some predictors that no undamaged held-out scan exceeded; above it the light is not green,
            whatever the predicted Dice, since the line knows nothing of such scans.
        check_below: Predicted Dice below which the light is ``"check"``.
        refuse_below: Predicted Dice below which the light is ``"do not use"``.
    """

    intercept: float
    weights: Mapping[str, float]
    errors: tuple[float, float]
    volume_errors: tuple[float, float]
    usual: Mapping[str, float]
    limits: Mapping[str, float]
    check_below: float
    refuse_below: float

    def log_odds(self, predictors: Mapping[str, float]) -> float:
        """Return the log odds of Dice of a scan."""
        return self.intercept + sum(weight * predictors[name] for name, weight in self.weights.items())

    def light(self, dice: float, predictors: Mapping[str, float]) -> str:
        """Return the light of a scan with this predicted Dice and these predictors."""
        if dice < self.refuse_below:
            return DO_NOT_USE
        return CHECK if dice < self.check_below or self._beyond(predictors) else GOOD

    def _beyond(self, predictors: Mapping[str, float]) -> list[str]:
        return [name for name, limit in self.limits.items() if predictors[name] > limit]

    def reasons(self, predictors: Mapping[str, float]) -> tuple[str, ...]:
        """Return what speaks most against a scan: what is unusual, else what lowers its Dice most against usual."""
        cost = {name: -weight * (predictors[name] - self.usual[name]) for name, weight in self.weights.items()}
        costly = sorted((name for name, value in cost.items() if value > 0), key=lambda name: -cost[name])
        unusual = list(dict.fromkeys([*costly, *self._beyond(predictors)]))
        return tuple(REASONS[name] for name in unusual or [max(cost, key=lambda name: cost[name])])

    def volume_range(self, lesion_ml: float, dice: float) -> tuple[float, float]:
        """Return the range of the lesion volume in ml, which holds the volume of the mask itself."""
        scale = volume_scale(dice)
        ends = [(lesion_ml + ADDED_ML) * math.exp(error * scale) - ADDED_ML for error in self.volume_errors]
        return max(0.0, min(ends[0], lesion_ml)), max(ends[1], lesion_ml)


def volume_scale(dice: float) -> float:
    """Return how wide the range of the volume is for a predicted Dice, relative to that for a Dice of 0."""
    return (1 - dice) + SMALLEST_SCALE


def sigmoid(log_odds: float) -> float:
    """Return the fraction of log odds."""
    return 1 / (1 + math.exp(-log_odds))


@dataclass(frozen=True)
class QualityModel:
    """All that an estimate needs, for one file of weights.

    Attributes:
        weights_sha256: SHA-256 of the file of weights whose features these are.
        references: Features of the training data by level, see :data:`infnet_monai.quality.features.LEVELS`.
        rule: From signals to Dice; ``None`` where nothing has been fitted.
        facts: What it was fitted on, e.g. the number of held-out scans.
    """

    weights_sha256: str
    references: Mapping[str, FeatureReference]
    rule: DiceRule | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def estimate(self, signals: QualitySignals, lesion_ml: float, lungs_missing: bool = False) -> QualityEstimate:
        """Estimate the quality of a mask.

        Args:
            signals: Signals of the scan, with distances to ``references``.
            lesion_ml: Its lesion volume in ml.
            lungs_missing: Whether lungs were sought in vain.
        """
        predictors = predictors_of(signals)
        if self.rule is None or predictors is None:
            return unrated(signals, lesion_ml)
        log_odds = self.rule.log_odds(predictors)
        dice = sigmoid(log_odds)
        low, high = (sigmoid(log_odds + error) for error in self.rule.errors)
        light = self.rule.light(dice, predictors)
        reasons = () if light == GOOD else self.rule.reasons(predictors)
        volume_low, volume_high = self.rule.volume_range(lesion_ml, dice)
        return QualityEstimate(
            quality=DO_NOT_USE if lungs_missing else light,
            quality_reasons=(NO_LUNGS, *reasons) if lungs_missing else reasons,
            predicted_dice=dice,
            predicted_dice_low=min(low, dice),
            predicted_dice_high=max(high, dice),
            lesion_volume_low_ml=volume_low,
            lesion_volume_high_ml=volume_high,
            **of_maps(signals, lesion_ml),
        )

    def write(self, path: str | Path) -> None:
        """Write the file of a bundle, whole or not at all.

        Args:
            path: File to write, ``models/quality.npz``.
        """
        arrays = {
            f"{level}_{name}": getattr(reference, name).astype(np.float16 if name == "basis" else np.float32)
            for level, reference in self.references.items()
            for name in ARRAYS
        }
        numbers = {level: {name: getattr(one, name) for name in NUMBERS} for level, one in self.references.items()}
        rule = None if self.rule is None else asdict(self.rule)
        text = {"weights_sha256": self.weights_sha256, "numbers": numbers, "rule": rule, "facts": dict(self.facts)}
        with atomic_write(path) as draft, open(draft, "wb") as file:
            np.savez_compressed(file, text=np.array(json.dumps(text)), **arrays)

    @classmethod
    def read(cls, path: str | Path) -> QualityModel:
        """Read what :meth:`write` has written.

        Args:
            path: The file.

        Raises:
            InputError: It cannot be read, or is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as content:
                text = json.loads(str(content["text"]))
                references = {
                    level: FeatureReference(*(content[f"{level}_{name}"] for name in ARRAYS), **numbers)
                    for level, numbers in text["numbers"].items()
                    if level in LEVELS
                }
            rule = text["rule"]
            if rule is not None:
                pairs = {name: tuple(rule[name]) for name in ("errors", "volume_errors")}
                rule = DiceRule(**{**rule, **pairs})
            return cls(text["weights_sha256"], references, rule, text["facts"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: is no quality file ({error}); remove it, or write it again with workflows/fit_quality.py"
            ) from error


def read_quality(weights: str | Path) -> QualityModel | None:
    """Return the quality model beside a file of weights, ``None`` where there is none or it is of other weights.

    Args:
        weights: File of weights; the quality file is ``quality.npz`` in the same folder.

    Raises:
        InputError: The file is there and cannot be read.
    """
    path = Path(weights).with_name(QUALITY_FILE)
    if not path.is_file():
        return None
    model = QualityModel.read(path)
    return model if model.weights_sha256 == file_sha256(weights) else None
