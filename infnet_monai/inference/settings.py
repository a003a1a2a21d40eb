"""The values that decide the mask of a scan, which its record repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.scans.source import INTENSITY_KINDS

__all__ = ["DEFAULT_ENGINE", "INTENSITIES", "SegmentationSettings"]

INTENSITIES = ("auto", *INTENSITY_KINDS)
DEFAULT_ENGINE = "torch"


@dataclass(frozen=True)
class SegmentationSettings:
    """The values of an ``inference.json`` that decide the mask; those that cannot be used are refused.

    Attributes:
        image_size: Height and width in pixels that the network sees of a slice.
        intensity: What the intensities of a scan are: ``"auto"``, ``"hu"``, ``"grey"`` (0 to 255) or ``"unit"``.
        lung_crop: Whether the lungs are found and only their surroundings segmented.
        threshold: Probability from which a voxel is lesion, 0 to 1.
        flips: Whether test-time augmentation averages with the mirrored slices.
        classes: Value of each lesion class by its name where there are several.
        engine: What runs the network, see :data:`infnet_monai.inference.engines.ENGINES`.
        precision: What an engine other than torch computes in, e.g. ``"f32"``.

    Raises:
        InputError: A value cannot be used.

    Example:
        >>> SegmentationSettings([352, 352], "HU", True, 0.5, False)
        Traceback (most recent call last):
        ...
        infnet_monai.errors.InputError: intensity 'HU' is unknown; give one of auto, hu, grey, unit
    """

    image_size: tuple[int, int]
    intensity: str
    lung_crop: bool
    threshold: float
    flips: bool
    classes: Mapping[str, int] = field(default_factory=dict)
    engine: str = DEFAULT_ENGINE
    precision: str = ""

    def __post_init__(self) -> None:
        size = self.image_size
        if not isinstance(size, list | tuple) or len(size) != 2 or not all(type(n) is int and n > 0 for n in size):
            raise InputError(f"image_size {size!r} cannot be used; give height and width in pixels, e.g. [352, 352]")
        object.__setattr__(self, "image_size", tuple(size))  # JSON gives a list
        if self.intensity not in INTENSITIES:
            raise InputError(f"intensity {self.intensity!r} is unknown; give one of {', '.join(INTENSITIES)}")
        if type(self.threshold) not in (int, float) or not 0 <= self.threshold <= 1:
            raise InputError(f"threshold {self.threshold!r} cannot be used; give a probability from 0 to 1")
        for name in ("lung_crop", "flips"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} {getattr(self, name)!r} cannot be used; give True or False")

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON; classes and engine only where they are not the default."""
        values = {**asdict(self), "image_size": list(self.image_size)}
        if not self.classes:
            del values["classes"]
        if self.engine == DEFAULT_ENGINE:
            del values["engine"], values["precision"]
        return values
