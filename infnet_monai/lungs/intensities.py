"""Whether the intensities of a scan are what they are taken for, by the levels of its air, lungs and tissue."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from numpy.typing import NDArray

from infnet_monai.errors import InputError
from infnet_monai.transforms.levels import ImageLevels, Likeness, describe_scale, measure_levels, sample_voxels
from infnet_monai.transforms.window import WHITE, check_intensity, scan_intensity_kind

__all__ = ["CheckIntensitiesd", "Doubt", "find_doubt"]

AIR_HU = (-1150.0, -400.0)  # level of air and lung together
TISSUE_HU = (-200.0, 300.0)  # level of what is brighter: fat, soft tissue, contrast agent, bone
CLEAR_CONTRAST_HU = 600.0  # less may be fat and muscle, or tissue and bone
TISSUE_WHITE = 0.6  # least level of tissue in a lung window, of white
BLACK = 0.03  # lungs are brighter than this in a lung window, of white
CLEAR_CONTRAST_WHITE = 0.15
NO_HU = (
    "intensities are not HU but {scale}, taken as a lung window: volumes of faint lesions depend on that window, and "
    "HU statistics are not given"
)
SCALES = {"grey": "grey levels 0 to 255", "unit": "values 0 to 1"}
OTHER_WINDOW = Likeness(
    "a window for soft tissue or bone, or a very wide one",
    "Give it in HU, or with a lung window (level -600, width 1500)",
)


class Doubt(NamedTuple):
    """What speaks against the kind of intensities that an image is taken for.

    Attributes:
        evidence: What the image shows, where one would expect something else; no full stop.
        likeness: What the image looks like, where the evidence is clear; None where there is too little of it.
    """

    evidence: str
    likeness: Likeness | None = None


class CheckIntensitiesd(MapTransform):
    """Refuse scans whose intensities are not what they are taken for, and note doubts in ``meta["warnings"]``.

    The kind of intensities is noted in ``meta["intensity"]``. Images that are not in HU always get a warning. Levels
    are checked in volumes only: in plain pictures, and where no lungs are wanted, the range of the values decides
    alone, see :func:`infnet_monai.transforms.intensity_kind`.

    Args:
        keys: Key of the image ``(1, H, W, D)``, oriented PLS, not windowed yet.
        lung_key: Key of its lungs, see :class:`infnet_monai.lungs.LungMaskd`.
        intensity: Kind of the intensities, see :func:`infnet_monai.transforms.lung_window`; where it is named, nothing
            is refused.
        enabled: Whether to check the levels.

    Raises:
        InputError: ``intensity`` is no legal value.
    """

    def __init__(self, keys: KeysCollection, lung_key: str = "lungs", intensity: str = "auto", enabled: bool = True):
        super().__init__(keys)
        self.lung_key = lung_key
        self.intensity = check_intensity(intensity)
        self.enabled = enabled

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Check each image; only its metadata changes."""
        item = dict(data)
        for key in self.key_iterator(item):
            image = item[key]
            kind = image.meta["intensity"] = scan_intensity_kind(image, self.intensity)
            warnings = [NO_HU.format(scale=SCALES[kind])] if kind != "hu" else []
            if self.enabled and image.meta.get("spacing_known", True):
                warnings += self._check(image, item[self.lung_key], kind)
            noted = list(image.meta.get("warnings", ()))
            image.meta["warnings"] = noted + [warning for warning in warnings if warning not in noted]
        return item

    def _check(self, image: MetaTensor, lungs: MetaTensor, kind: str) -> list[str]:
        """Warnings about an image; an InputError where its kind was detected and the levels say that it is wrong."""
        volume, is_lung = image[0].numpy(), sample_voxels(lungs[0].numpy()) > 0
        levels = measure_levels(volume)
        warnings = []
        if kind != "hu" and (levels.low < 0 or levels.high > WHITE[kind]):
            outside = f"values from {levels.low:.4g} to {levels.high:.4g} were clipped to 0 to {WHITE[kind]:g}"
            warnings.append(outside)
        doubt = find_doubt(kind, levels, is_lung)
        if doubt is None:
            return warnings
        if doubt.likeness is None:
            return [*warnings, f"{doubt.evidence}: whether the intensities are right could not be checked"]
        what, remedy = doubt.likeness
        if self.intensity == "auto":
            source = image.meta.get("filename_or_obj", "image")
            raise InputError(
                f"{source}: {doubt.evidence}; it looks like {what}. {remedy}; if it is right as it is, say so: "
                f"--intensity {kind}."
            )
        return [*warnings, f"taken as {kind!r} because intensity says so, but {doubt.evidence}; it looks like {what}"]


def find_doubt(kind: str, levels: ImageLevels, is_lung: NDArray[np.bool_]) -> Doubt | None:
    """Compare the levels of an image with those that its kind of intensities puts there.

    In HU, air and lung are at -1000 to -500 and soft tissue at about 0 to 80, fat at -100. In a lung window tissue is
    close to white, lungs are dark but not black, and a chest that is whole is surrounded by dark air.

    Args:
        kind: ``"hu"``, ``"grey"`` or ``"unit"``.
        levels: Levels of the image.
        is_lung: Lungs among ``levels.sample``, ``(H, W, D)``; empty where none were found.

    Returns:
        What speaks against the kind, None where nothing does.
    """
    return _doubt_hu(levels) if kind == "hu" else _doubt_lung_window(levels, is_lung, WHITE[kind])


def _doubt_hu(levels: ImageLevels) -> Doubt | None:
    dark, bright = levels.dark, levels.bright
    if AIR_HU[0] < dark < AIR_HU[1] and TISSUE_HU[0] < bright < TISSUE_HU[1]:
        # inverted about -900 or so, the levels of air and tissue only change their places
        return _doubt_inverted() if levels.is_inverted else None
    is_clear = (bright > TISSUE_HU[1] and levels.contrast > CLEAR_CONTRAST_HU) or dark < AIR_HU[0]
    if is_clear or bright < AIR_HU[0]:
        evidence = (
            f"the image has its dark parts at about {dark:.4g} and its bright ones at about {bright:.4g}, but in HU "
            "air and lung are at -1000 to -500 and soft tissue at 0 to 80"
        )
        return Doubt(evidence, describe_scale(levels))
    missing = "no air or lung" if bright > TISSUE_HU[0] else "no soft tissue"
    return Doubt(f"the image shows {missing} (levels {dark:.4g} and {bright:.4g})")


def _doubt_inverted() -> Doubt:
    likeness = Likeness("an inverted image, its air brighter than its tissue", "Invert it, and give it in HU")
    return Doubt("the image is brighter around the body and in the lungs than in tissue", likeness)


def _doubt_lung_window(levels: ImageLevels, is_lung: NDArray[np.bool_], white: float) -> Doubt | None:
    tissue = levels.bright / white
    lung = float(np.median(levels.sample[is_lung])) / white if is_lung.any() else levels.dark / white
    if levels.contrast < CLEAR_CONTRAST_WHITE * white:
        return Doubt("the image shows no contrast of lung and tissue")
    seen = (
        f"the image has lung at {lung:.0%} and soft tissue at {tissue:.0%} of white, where a lung window has lung at 5 "
        f"to 50 % and soft tissue above {TISSUE_WHITE:.0%}"
    )
    if tissue < TISSUE_WHITE:
        return Doubt(seen, OTHER_WINDOW)
    if levels.is_inverted or (is_lung.any() and levels.has_dark_vessels):
        likeness = Likeness("an inverted image, its air brighter than its tissue", "Invert it, or give it in HU")
        return Doubt("the image has lungs or surroundings that are brighter than tissue", likeness)
    if lung < BLACK and is_lung.any():
        return Doubt(seen, OTHER_WINDOW)
    if lung < BLACK:
        return Doubt("the image shows no lungs, and its dark parts are black, as in a window for soft tissue")
    return None
