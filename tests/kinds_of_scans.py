"""Kinds of scans built from one phantom, and how each must end; the kinds themselves are in two further modules."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from infnet_monai.phantom.phantom import Phantom, make_phantom

SPACING_MM = (4.0, 4.0, 5.0)
ENDS = 4  # slices without lung below and above
AIR, TISSUE = -1000, 40
KINDS: dict[str, "Kind"] = {}


@dataclass(frozen=True)
class End:
    """How one scan of a kind must end.

    Attributes:
        state: ``"done"``, ``"failed"`` or ``"skipped"``, as the table of statistics has it.
        words: Words of each warning, or of the reason; none for a scan that has no warning.
        within: How much its volumes may differ from those of the plain scan; None where they are another patient's.
        has_lungs: Whether a volume of both lungs is given at all.
    """

    state: str
    words: tuple[str, ...] = ()
    within: float | None = 0.01
    has_lungs: bool = True


RIGHT = End("done")


def warned(*words: str, within: float | None = 0.01, has_lungs: bool = True) -> End:
    """Segmented, with one warning for each of the words."""
    return End("done", words, within, has_lungs)


def refused(code: str, words: str) -> End:
    """Not segmented; the code is that of the option to accept it, empty where there is nothing to accept."""
    return End("failed", (words, f"--accept {code}" if code else ""), None)


def skipped(words: str) -> End:
    """Not taken for a chest CT."""
    return End("skipped", (words,), None)


@dataclass(frozen=True)
class Kind:
    """A kind of scan.

    Attributes:
        name: What it is.
        make: Writes the files of one folder.
        ends: How the scans of the folder end, sorted by name.
        options: Options of ``infnet segment``.
    """

    name: str
    make: Callable[[Path], object]
    ends: tuple[End, ...]
    options: tuple[str, ...] = ()


def kind(*ends: End, options: tuple[str, ...] = ()) -> Callable[[Callable[[Path], object]], Callable[[Path], object]]:
    """Register a function that writes the files of a kind, under its own name."""

    def register(make: Callable[[Path], object]) -> Callable[[Path], object]:
        add(make.__name__, make, *ends, options=options)
        return make

    return register


def add(name: str, make: Callable[[Path], object], *ends: End, options: tuple[str, ...] = ()) -> None:
    """Register a kind."""
    assert name not in KINDS, name
    KINDS[name] = Kind(name, make, ends, options)


@cache
def chest() -> Phantom:
    """A chest whose lungs end within the scan, in air without any partial volume at the skin; not to be changed."""
    plain = make_phantom(1, shape=(88, 72, 44 - 2 * ENDS), spacing_mm=SPACING_MM)
    body = ndimage.binary_closing(plain.image > -150, np.ones((3, 3, 1)))
    body = np.stack([ndimage.binary_fill_holes(body[..., k]) for k in range(body.shape[2])], axis=2)
    image = np.where(body, plain.image, AIR).astype(np.int16)
    ends = [np.where(body[..., k] & (image[..., k] < -150), TISSUE, image[..., k]) for k in (0, -1)]
    image = np.concatenate([*[ends[0][..., None]] * ENDS, image, *[ends[1][..., None]] * ENDS], axis=2)
    slices = ((0, 0), (0, 0), (ENDS, ENDS))
    affine = plain.affine @ nib.affines.from_matvec(np.eye(3), (0, 0, -ENDS))
    return replace(
        plain, image=image, lung=np.pad(plain.lung, slices), lesion=np.pad(plain.lesion, slices), affine=affine
    )


def noise(shape: tuple[int, ...], deviation: float = 20) -> np.ndarray:
    """Noise of a scanner; the same each time."""
    return np.random.default_rng(0).normal(0, deviation, shape)


def filled(where: np.ndarray, level: float) -> np.ndarray:
    """The chest with some voxels at another level."""
    image = chest().image
    return np.where(where, level + noise(image.shape), image).round().astype(np.int16)


def sides() -> tuple[np.ndarray, np.ndarray]:
    """The right and the left lung of the chest with what is in them."""
    lung = ndimage.binary_closing(chest().lung > 0, np.ones((3, 3, 1)), iterations=2)
    left = np.arange(lung.shape[0])[:, None, None] >= lung.shape[0] / 2  # the first axis runs to the patient's left
    return lung & ~left, lung & left
