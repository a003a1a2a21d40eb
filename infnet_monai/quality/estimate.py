"""What a user is told about the mask of a scan: a light, reasons, a range of Dice and volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infnet_monai.quality.signals import QualitySignals

__all__ = ["CHECK", "DO_NOT_USE", "GOOD", "LIGHTS", "QualityEstimate", "unrated"]

GOOD, CHECK, DO_NOT_USE = LIGHTS = ("good", "check", "do not use")
NO_FILE = "no estimate: there is no quality file for these weights"
NO_MAPS = "no estimate: the network gives no intermediate maps or features"


@dataclass(frozen=True)
class QualityEstimate:
    """An estimate of how good the mask of a scan is; what cannot be said is ``None``.

    Attributes:
        quality: ``"good"``, ``"check"`` or ``"do not use"``.
        quality_reasons: Why, one phrase each; also why there is no estimate.
        predicted_dice: Dice that the mask is expected to have against a reader's, 0 to 1.
        predicted_dice_low: Lower end of its interval.
        predicted_dice_high: Upper end of its interval.
        lesion_volume_low_ml: Lower end of the range of the lesion volume in ml.
        lesion_volume_high_ml: Upper end of that range.
        map_agreement: Mean Dice of all pairs of the network's own maps, 0 to 1.
        volume_spread_ml: Standard deviation of the lesion volume over these maps in ml.
        uncertain_percent: Of what may be lesion (probability 0.1 or more), % that is not sure (below 0.9).
    """

    quality: str | None = None
    quality_reasons: tuple[str, ...] = ()
    predicted_dice: float | None = None
    predicted_dice_low: float | None = None
    predicted_dice_high: float | None = None
    lesion_volume_low_ml: float | None = None
    lesion_volume_high_ml: float | None = None
    map_agreement: float | None = None
    volume_spread_ml: float | None = None
    uncertain_percent: float | None = None

    @property
    def confidence(self) -> float | None:
        """What scans are ranked by, 0 to 1: the predicted Dice, else the agreement of the maps."""
        return self.map_agreement if self.predicted_dice is None else self.predicted_dice

    @property
    def warning(self) -> str | None:
        """One sentence where the light is not green, else ``None``."""
        if self.quality in (None, GOOD):
            return None
        dice = ""
        if self.predicted_dice is not None:
            interval = f"{self.predicted_dice_low:.2f} to {self.predicted_dice_high:.2f}"
            dice = f" (predicted Dice {self.predicted_dice:.2f}, {interval})"
        advice = "do not use this mask" if self.quality == DO_NOT_USE else "check this mask"
        return f"{advice}{dice}: {', '.join(self.quality_reasons)}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, numbers to three digits."""
        values = asdict(self) | {"quality_reasons": list(self.quality_reasons)}
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> QualityEstimate:
        """Return what :meth:`as_dict` has written."""
        return cls(**{**content, "quality_reasons": tuple(content["quality_reasons"])})


def unrated(signals: QualitySignals, lesion_ml: float) -> QualityEstimate:
    """Return the agreement of the maps alone, for weights without a quality file.

    Args:
        signals: Signals of the scan.
        lesion_ml: Its lesion volume in ml.
    """
    return QualityEstimate(
        quality_reasons=(NO_FILE if signals.agreement is not None else NO_MAPS,), **of_maps(signals, lesion_ml)
    )


def of_maps(signals: QualitySignals, lesion_ml: float) -> dict[str, Any]:
    """Return the values of an estimate that need no fit.

    Args:
        signals: Signals of the scan.
        lesion_ml: Its lesion volume in ml.
    """
    spread, uncertain = signals.volume_spread, signals.uncertain_fraction
    return {
        "map_agreement": signals.agreement,
        "volume_spread_ml": None if spread is None else spread * lesion_ml,
        "uncertain_percent": None if uncertain is None else 100 * uncertain,
    }
