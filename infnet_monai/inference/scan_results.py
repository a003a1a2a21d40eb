"""The files of one segmented scan: which there are, writing them, finding them finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.files import write_json
from infnet_monai.inference.dicom_seg import write_dicom_seg
from infnet_monai.inference.segmentation import Segmentation, turned
from infnet_monai.inference.volume_writer import write_volume
from infnet_monai.reporting.scan_pictures import UprightScan, draw_scan_sheet
from infnet_monai.run_record import StageTimer
from infnet_monai.scans.find import ScanSource
from infnet_monai.transforms.load import SLICE_AXES, load_scan

__all__ = ["ScanFiles", "read_results", "write_results"]


@dataclass(frozen=True)
class ScanFiles:
    """Where the results of one scan lie.

    Args:
        output_dir: Folder of the run.
        name: Name of the scan; with a slash it lies in a subfolder.
        probability: Whether the probability map is among them.
        dicom_seg: Whether the DICOM SEG is.
        picture: Whether the contact sheet is.
    """

    output_dir: Path
    name: str
    probability: bool = False
    dicom_seg: bool = False
    picture: bool = True

    def path(self, ending: str) -> Path:
        """File of the scan by its ending, e.g. ``"_infection.nii.gz"``."""
        return self.output_dir / f"{self.name}{ending}"

    @property
    def mask(self) -> Path:
        """Lesions, uint8."""
        return self.path("_infection.nii.gz")

    @property
    def lungs(self) -> Path:
        """Right and left lung, uint8."""
        return self.path("_lungs.nii.gz")

    @property
    def probability_map(self) -> Path:
        """Probabilities, float32."""
        return self.path("_probability.nii.gz")

    @property
    def segmentation_object(self) -> Path:
        """DICOM SEG."""
        return self.path("_infection.dcm")

    @property
    def record(self) -> Path:
        """Numbers and facts as JSON; written last, so that it marks a finished scan."""
        return self.path(".json")

    @property
    def contact_sheet(self) -> Path:
        """Slices with most lesion."""
        return self.path(".png")

    def all(self) -> list[Path]:
        """Every file of the scan, the record last."""
        optional = (
            (self.probability_map, self.probability),
            (self.segmentation_object, self.dicom_seg),
            (self.contact_sheet, self.picture),
        )
        return [self.mask, self.lungs, *(path for path, wanted in optional if wanted), self.record]

    def read_finished(self, made_by: Mapping[str, Any]) -> dict[str, Any] | None:
        """Record of the scan where an earlier run has finished it, else None.

        Args:
            made_by: What decides the results: scan, bundle, weights and settings.

        Raises:
            InputError: Results lie there that were made otherwise, or that no record tells of.
        """
        existing = [path for path in self.all() if path.exists()]
        if not existing:
            return None
        if not self.record.exists():
            raise InputError(f"{existing[0]}: is there already, and not by a finished run; move it or give --overwrite")
        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
            differing = [name for name, value in made_by.items() if record["made_by"][name] != value]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.record}: is no record of a segmentation; move it or give --overwrite") from error
        if differing:
            raise InputError(
                f"{self.record}: made with another {' and '.join(differing)}; give --overwrite or another folder"
            )
        return record if len(existing) == len(self.all()) else None


def read_results(scan: ScanSource, files: ScanFiles, intensity: str) -> UprightScan:
    """Read a scan and the masks of a finished run, for pictures.

    Raises:
        InputError: One of the files cannot be read.
    """
    volumes = (load_scan(scan.path, series=scan.series), load_scan(files.mask), load_scan(files.lungs))
    image, lesions, lungs = (turned(volume, SLICE_AXES) for volume in volumes)
    return UprightScan(image, lesions[0].numpy(), lungs[0].numpy(), intensity)


def write_results(
    result: Segmentation,
    upright: UprightScan,
    files: ScanFiles,
    scan: ScanSource,
    record: dict[str, Any],
    timer: StageTimer,
) -> None:
    """Write all files of a scan, each whole or not at all; after a failure, none of the new ones stays.

    Args:
        result: What to write.
        upright: The same for the picture.
        files: Where to, and which.
        scan: The scan, whose series a DICOM SEG refers to.
        record: The scan's facts; the seconds of each stage are added.
        timer: Takes the seconds of ``write`` and ``picture``.

    Raises:
        InputError: A DICOM SEG cannot be made.
    """
    new = [path for path in files.all() if not path.exists()]
    try:
        with timer.stage("write"):
            _write_masks(result, files, scan, record["made_by"]["bundle"])
        with timer.stage("picture"):
            if files.picture:
                draw_scan_sheet(upright, files.contact_sheet, files.name)
        record["seconds"] = {name: round(seconds, 3) for name, seconds in timer.seconds.items()}
        write_json(record, files.record)
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        raise


def _write_masks(result: Segmentation, files: ScanFiles, scan: ScanSource, bundle: str) -> None:
    write_volume(result.mask, result.affine, files.mask)
    write_volume(result.lungs, result.affine, files.lungs)
    if files.probability:
        write_volume(result.probability, result.affine, files.probability_map)
    if files.dicom_seg:
        algorithm, version = bundle.rsplit(" ", 1)
        target = files.segmentation_object
        write_dicom_seg(result.mask, result.affine, scan.path, target, scan.series, algorithm, version)
