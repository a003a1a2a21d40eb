"""The lesion classes of a data set or a bundle: names, values, colours and DICOM codes, as data."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from infnet_monai.errors import InputError
from infnet_monai.files import write_json

__all__ = ["BINARY", "Code", "LabelScheme", "LesionClass", "read_scheme"]

SCHEME_FILE = "classes.json"  # beside the weights that were trained with it
# Okabe and Ito's colours, which the colour-blind can tell apart; the first is that of a single class.
COLOURS = ("#ff3b30", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#0072b2")


class Code(NamedTuple):
    """A coded concept of DICOM: value, scheme (SCT for SNOMED CT, RADLEX) and meaning."""

    value: str
    scheme: str
    meaning: str


LESION_CODE = Code("52988006", "SCT", "Lesion")
KNOWN_CODES = {
    "ground glass": Code("RID28531", "RADLEX", "Ground-glass opacity"),
    "ground glass opacity": Code("RID28531", "RADLEX", "Ground-glass opacity"),
    "consolidation": Code("RID43255", "RADLEX", "Consolidation"),
    "pleural effusion": Code("60046008", "SCT", "Pleural effusion"),
}


@dataclass(frozen=True)
class LesionClass:
    """One lesion class.

    Attributes:
        name: Name in words, e.g. ``"ground glass"``.
        value: Value in masks that are written, 1 to 255.
        labels: Values of reference masks that mean this class.
        colour: Colour of its outline, ``#rrggbb``.
        code: What a DICOM SEG calls it.
    """

    name: str
    value: int
    labels: tuple[int, ...]
    colour: str
    code: Code = LESION_CODE

    @property
    def column(self) -> str:
        """The name as part of a column's, e.g. ``ground_glass``."""
        return re.sub(r"\W+", "_", self.name.lower()).strip("_")


@dataclass(frozen=True)
class LabelScheme:
    """The lesion classes, in the order of the network's channels; where probabilities tie the earlier one wins.

    Args:
        classes: The classes.

    Raises:
        InputError: There is no class, or two share a name or a value.

    Example:
        >>> scheme = LabelScheme.from_names({"ground glass": 1, "consolidation": 2})
        >>> [(one.column, one.value, one.code.value) for one in scheme]
        [('ground_glass', 1, 'RID28531'), ('consolidation', 2, 'RID43255')]
    """

    classes: tuple[LesionClass, ...]

    def __post_init__(self) -> None:
        columns, values = [one.column for one in self.classes], [one.value for one in self.classes]
        labels = [value for one in self.classes for value in one.labels]
        if not self.classes or not all(columns):
            raise InputError("classes: give at least one, each with a name")
        for what, given in (("name", columns), ("value", values), ("label value", labels)):
            double = sorted(str(one) for one, count in Counter[Any](given).items() if count > 1)
            if double:
                raise InputError(f"classes: {what} {', '.join(double)} stands for two of them")
        if not all(type(value) is int and 0 < value < 256 for value in (*values, *labels)):
            raise InputError(f"classes: values {labels} cannot be used; give whole numbers from 1 to 255")

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[LesionClass]:
        return iter(self.classes)

    @property
    def is_single(self) -> bool:
        """Whether there is only one class, so that nothing needs to be said about classes."""
        return len(self.classes) == 1

    @classmethod
    def from_names(cls, labels: Mapping[str, int | Sequence[int] | Mapping[str, Any]]) -> LabelScheme:
        """Build a scheme from ``classes`` of a ``dataset.json``.

        Args:
            labels: For each name, in the order of the channels, its label value, the label values that mean it (the
                first is written), or an object with ``labels`` and, wanted otherwise than by default, ``colour``
                (``#rrggbb``) and ``code`` (value, scheme, meaning).

        Raises:
            InputError: An entry cannot be used.
        """
        if not isinstance(labels, Mapping) or not labels:
            raise InputError(f'classes {labels!r}: expected names and label values, e.g. {{"consolidation": 2}}')
        single = len(labels) == 1
        return cls(
            tuple(
                _class_of(str(name), entry, COLOURS[0] if single else COLOURS[1 + order % (len(COLOURS) - 1)])
                for order, (name, entry) in enumerate(labels.items())
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the content of ``classes`` of a ``dataset.json``, with all values."""
        return {
            one.name: {"labels": list(one.labels), "value": one.value, "colour": one.colour, "code": list(one.code)}
            for one in self.classes
        }

    def write(self, weights: str | Path) -> None:
        """Write the scheme beside the weights that belong to it, whole or not at all.

        Args:
            weights: File of the weights, e.g. ``models/model.pt``.
        """
        write_json(self.as_dict(), Path(weights).parent / SCHEME_FILE)


BINARY = LabelScheme((LesionClass("infection", 1, (1, 2, 255), COLOURS[0]),))


def read_scheme(weights: str | Path) -> LabelScheme:
    """Read the scheme that stands beside weights; without one they know infection only.

    Args:
        weights: File of the weights.

    Raises:
        InputError: The file cannot be read as a scheme.
    """
    path = Path(weights).parent / SCHEME_FILE
    if not path.is_file():
        return BINARY
    try:
        return LabelScheme.from_names(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); restore it, or train the bundle again") from error


def _class_of(name: str, entry: Any, colour: str) -> LesionClass:
    known = KNOWN_CODES.get(re.sub(r"[-_\s]+", " ", name.lower()).strip(), Code(*LESION_CODE[:2], LESION_CODE.meaning))
    given = dict(entry) if isinstance(entry, Mapping) else {"labels": entry}
    unknown = given.keys() - {"labels", "value", "colour", "code"}
    labels = given.get("labels", ())
    labels = (labels,) if isinstance(labels, int) else tuple(labels) if isinstance(labels, list | tuple) else ()
    colour, code = given.get("colour", colour), given.get("code", known)
    if unknown or not labels or not _is_colour(colour) or not _is_code(code):
        raise InputError(
            f"classes: {name!r} is {entry!r}; expected a label value, a list of them, or an object with labels and, "
            "if wanted, value, colour (#rrggbb) and code (value, scheme, meaning)"
        )
    return LesionClass(name, given.get("value", labels[0]), labels, colour, Code(*code))


def _is_colour(colour: Any) -> bool:
    return isinstance(colour, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", colour) is not None


def _is_code(code: Any) -> bool:
    return isinstance(code, list | tuple) and len(code) == 3 and all(isinstance(part, str) and part for part in code)
