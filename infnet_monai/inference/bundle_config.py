"""What segmenting needs of a bundle, written down and checked in one place: the ids of its ``inference.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.transforms import Compose, Orientationd

from infnet_monai.errors import InputError, unwrapped_input_errors
from infnet_monai.inference.engines import DEFAULT_ENGINE, check_engine
from infnet_monai.scans.acceptance import Acceptance
from infnet_monai.transforms.window import KINDS

__all__ = ["NEEDED_IDS", "BundleConfig", "SegmentationSettings"]

NEEDED_IDS = {
    "bundle_root": "folder of the bundle",
    "image_size": "height and width that the network sees of a slice",
    "intensity": f"one of {', '.join(('auto', *KINDS))}",
    "lung_crop": "whether the lungs are found and only their surroundings segmented",
    "threshold": "probability from which a voxel is lesion",
    "flips": "whether test-time augmentation averages with the mirrored slices",
    "weights": "file of the network's weights",
    "device": "device of the network",
    "network": "the network with its weights, in eval mode",
    "inferer": "MONAI inferer that runs the network over a volume (1, C, H, W, D)",
    "preprocessing": "Compose from a file to the network's input, with an Orientationd",
    "postprocessing": "Compose from logits to pred and probability on the voxels of the scan",
}
# What a bundle may leave out, with the value that it then has.
OPTIONAL_IDS: dict[str, Any] = {"accept": [], "all_scans": False}
INTENSITIES = ("auto", *KINDS)


@dataclass(frozen=True)
class SegmentationSettings:
    """The values of an ``inference.json`` that decide the mask; those that cannot be used are refused.

    Attributes:
        image_size: Height and width in pixels that the network sees of a slice.
        intensity: What the intensities of a scan are: ``"auto"``, ``"hu"``, ``"grey"`` (0 to 255) or ``"unit"``.
        lung_crop: Whether the lungs are found and only their surroundings segmented.
        threshold: Probability from which a voxel is lesion, 0 to 1.
        flips: Whether test-time augmentation averages with the mirrored slices.
        engine: What runs the network.
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
        check_engine(self.engine)
        for name in ("lung_crop", "flips"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} {getattr(self, name)!r} cannot be used; give True or False")

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON; the default engine is not named, as in records from before there were others."""
        values = {**asdict(self), "image_size": list(self.image_size)}
        if self.engine == DEFAULT_ENGINE:
            del values["engine"], values["precision"]
        return values


class BundleConfig:
    """The ``inference.json`` of a bundle, with values of the caller's and all ids that segmenting needs.

    Args:
        folder: Folder of the bundle.
        values: Values to set instead of those in the file, by id.

    Raises:
        InputError: The file cannot be read, or lacks an id that is needed or to be set.
    """

    def __init__(self, folder: Path, values: Mapping[str, Any]):
        self.path = folder / "configs" / "inference.json"
        self._parser = ConfigParser()
        with _reading(self.path):
            self._parser.read_config(str(self.path))
        for name, purpose in NEEDED_IDS.items():
            if name not in self._parser:
                raise InputError(f"{self.path}: has no {name!r} ({purpose}), which segmenting needs; add it")
        for name, value in values.items():
            if name not in self._parser and name not in OPTIONAL_IDS:
                raise InputError(f"{self.path}: has no value {name!r} to set")
            self._parser[name] = value
        metadata = folder / "configs" / "metadata.json"
        with _reading(metadata):
            self.version = str(json.loads(metadata.read_text(encoding="utf-8"))["version"])

    def build(self, name: str) -> Any:
        """Return the value or the component of an id.

        Raises:
            InputError: What the id names cannot be used, e.g. weights that are missing.
        """
        with unwrapped_input_errors():
            return self._parser.get_parsed_content(name)

    def settings(self) -> SegmentationSettings:
        """Return the values that decide the mask.

        Raises:
            InputError: A value cannot be used.
        """
        names = [name for name in SegmentationSettings.__dataclass_fields__ if name in NEEDED_IDS]
        engine = self.build("engine") if "engine" in self._parser else DEFAULT_ENGINE
        return SegmentationSettings(**{name: self.build(name) for name in names}, engine=engine)

    def acceptance(self) -> Acceptance:
        """Return the problems of scans that are accepted.

        Raises:
            InputError: A value cannot be used.
        """
        accept, all_scans = (self.build(name) if name in self._parser else OPTIONAL_IDS[name] for name in OPTIONAL_IDS)
        return Acceptance(accept, all_scans)

    def preprocessing(self) -> list[Any]:
        """Return the transforms from a file to the network's input, those of nested Compose one by one.

        Raises:
            InputError: There is no Orientationd among them.
        """
        steps = list(_steps(self.build("preprocessing")))
        if not any(isinstance(step, Orientationd) for step in steps):
            raise InputError(f"{self.path}: 'preprocessing' has no Orientationd, so slices would not stand upright")
        return steps

    def postprocessing(self) -> list[Any]:
        """Return the transforms from logits to masks, those of nested Compose one by one."""
        return list(_steps(self.build("postprocessing")))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file of a bundle is read into one line."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: cannot be read ({error!r}); give the folder of a whole bundle") from error


def _steps(transform: Any) -> Iterator[Any]:
    if isinstance(transform, Compose):
        for step in transform.transforms:
            yield from _steps(step)
    else:
        yield transform
