"""What segmenting needs of a bundle, written down and checked in one place: the ids of its ``inference.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from monai.bundle import ConfigParser
from monai.transforms import Compose, Orientationd

from infnet_monai.errors import InputError, unwrapped_input_errors
from infnet_monai.inference.engines import check_engine
from infnet_monai.inference.settings import DEFAULT_ENGINE, INTENSITIES, SegmentationSettings
from infnet_monai.label_scheme import BINARY, LabelScheme
from infnet_monai.scans.acceptance import Acceptance

__all__ = ["NEEDED_IDS", "BundleConfig", "SegmentationSettings"]

NEEDED_IDS = {
    "bundle_root": "folder of the bundle",
    "image_size": "height and width that the network sees of a slice",
    "intensity": f"one of {', '.join(INTENSITIES)}",
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
OPTIONAL_IDS: dict[str, Any] = {"accept": [], "all_scans": False, "label_scheme": BINARY}


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
        scheme = self.label_scheme()
        classes = {} if scheme.is_single else {one.name: one.value for one in scheme}
        names = [name for name in SegmentationSettings.__dataclass_fields__ if name in NEEDED_IDS]
        engine = self.build("engine") if "engine" in self._parser else DEFAULT_ENGINE
        check_engine(engine)
        return SegmentationSettings(**{name: self.build(name) for name in names}, classes=classes, engine=engine)

    def acceptance(self) -> Acceptance:
        """Return the problems of scans that are accepted.

        Raises:
            InputError: A value cannot be used.
        """
        return Acceptance(self._optional("accept"), self._optional("all_scans"))

    def label_scheme(self) -> LabelScheme:
        """Return the lesion classes of the network's channels.

        Raises:
            InputError: The classes beside the weights cannot be read.
        """
        return cast(LabelScheme, self._optional("label_scheme"))

    def _optional(self, name: str) -> Any:
        return self.build(name) if name in self._parser else OPTIONAL_IDS[name]

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
