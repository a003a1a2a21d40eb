"""The record of one segmented scan: what made its results, and what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.files import write_json
from infnet_monai.findings.measure import Findings
from infnet_monai.inference.class_statistics import ClassStatistics
from infnet_monai.inference.settings import SegmentationSettings
from infnet_monai.inference.statistics import LesionStatistics
from infnet_monai.quality.estimate import QualityEstimate
from infnet_monai.scans.source import ScanIdentity

__all__ = ["MadeBy", "ScanRecord"]


@dataclass(frozen=True)
class MadeBy:
    """What decides the results of a scan: the same again gives the same masks.

    Attributes:
        scan: What the scan's files were.
        bundle: Name of the bundle.
        version: Version of the bundle.
        weights: SHA-256 of the file of weights.
        settings: Values that decide the mask.
        acceptance: Codes of the scan's problems that were accepted, without which it would have no results.
        lobes: Hash of the lobes that were given, and of their numbering; empty where none were.
    """

    scan: ScanIdentity
    bundle: str
    version: str
    weights: str
    settings: SegmentationSettings
    acceptance: tuple[str, ...] = ()
    lobes: str = ""

    @property
    def model(self) -> str:
        """Name and version of the bundle."""
        return f"{self.bundle} {self.version}"

    def differences(self, other: MadeBy) -> list[str]:
        """Return what differs, in the words of the record, e.g. ``scan`` or ``settings``."""
        mine, its = self.as_dict(), other.as_dict()
        same = {name: its[name] == value for name, value in mine.items()} | {"scan": self.scan.is_same(other.scan)}
        return [name for name, is_same in same.items() if not is_same]

    def as_dict(self) -> dict[str, Any]:
        """Return the content for JSON."""
        return {
            "scan": asdict(self.scan),
            "bundle": self.model,
            "weights": self.weights,
            "settings": self.settings.as_dict(),
            "acceptance": list(self.acceptance),
            "lobes": self.lobes,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> MadeBy:
        """Return what :meth:`as_dict` has written, also without what earlier records lack."""
        bundle, version = content["bundle"].rsplit(" ", 1)
        settings, accepted = SegmentationSettings(**content["settings"]), tuple(content.get("acceptance", ()))
        scan, lobes = ScanIdentity(**content["scan"]), content.get("lobes", "")
        return cls(scan, bundle, version, content["weights"], settings, accepted, lobes)


@dataclass(frozen=True)
class ScanRecord:
    """Facts and statistics of one segmented scan, as its JSON file holds them.

    Attributes:
        scan: Name of the scan in its run.
        made_by: What decided the results.
        intensity: What the intensities of the scan are: ``"hu"``, ``"grey"`` or ``"unit"``.
        lungs_found: Whether lungs were found.
        warnings: What a user should know of the scan, one sentence each.
        statistics: Volumes and fractions of lesions and lungs.
        not_made: Endings of the files that were asked for and cannot be written for this scan; a warning says why.
        seconds: Time of each stage of the work.
        classes: Statistics of each lesion class by its column name where there are several.
        quality: Whether the mask can be trusted; ``None`` in records of earlier versions.
        findings: Opacity by density, by thirds of the lungs and by lobes, and near the pleura.
    """

    scan: str
    made_by: MadeBy
    intensity: str
    lungs_found: bool
    warnings: tuple[str, ...]
    statistics: LesionStatistics
    not_made: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    classes: Mapping[str, ClassStatistics] = field(default_factory=dict)
    quality: QualityEstimate | None = None
    findings: Findings = field(default_factory=Findings)

    @property
    def class_columns(self) -> dict[str, float | None]:
        """Statistics of the classes as columns of a table, e.g. ``ground_glass_volume_ml``."""
        return {
            f"{name}_{column}": value for name, one in self.classes.items() for column, value in one.as_dict().items()
        }

    @property
    def status(self) -> str:
        """``"no lungs"`` where they were sought in vain, ``"warning"`` where there are warnings, else ``"ok"``."""
        if self.made_by.settings.lung_crop and not self.lungs_found:
            return "no lungs"
        return "warning" if self.warnings else "ok"

    def as_dict(self) -> dict[str, Any]:
        """Return the content for JSON; statistics to three digits, seconds to the millisecond."""
        return {
            "scan": self.scan,
            "made_by": self.made_by.as_dict(),
            "intensity": self.intensity,
            "lungs_found": self.lungs_found,
            "warnings": list(self.warnings),
            "statistics": self.statistics.as_dict(),
            **({"classes": {name: one.as_dict() for name, one in self.classes.items()}} if self.classes else {}),
            "findings": self.findings.as_dict(),
            "not_made": list(self.not_made),
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
            "quality": None if self.quality is None else self.quality.as_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ScanRecord:
        """Return what :meth:`as_dict` has written, also without what earlier records lack."""
        quality = content.get("quality")
        return cls(
            scan=content["scan"],
            made_by=MadeBy.from_dict(content["made_by"]),
            intensity=content["intensity"],
            lungs_found=content["lungs_found"],
            warnings=tuple(content["warnings"]),
            statistics=LesionStatistics(**content["statistics"]),
            not_made=tuple(content.get("not_made", ())),
            seconds=content["seconds"],
            classes={name: ClassStatistics(**one) for name, one in content.get("classes", {}).items()},
            quality=None if quality is None else QualityEstimate.from_dict(quality),
            findings=Findings(**content.get("findings", {})),
        )

    def write(self, path: str | Path) -> None:
        """Write the record as JSON, whole or not at all.

        Args:
            path: JSON file to write.
        """
        write_json(self.as_dict(), path)

    @classmethod
    def read(cls, path: str | Path) -> ScanRecord:
        """Read a record.

        Args:
            path: JSON file.

        Raises:
            InputError: The file is no record of a segmentation.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: is no record of a segmentation; move it or give --overwrite") from error
