"""From volumes to masks, statistics and pictures."""

from typing import TYPE_CHECKING

from infnet_monai.lazy_exports import import_at_first_use

if TYPE_CHECKING:
    from infnet_monai.inference.batch import segment_scans
    from infnet_monai.inference.batch_options import BatchOptions, BatchResult
    from infnet_monai.inference.inferers import (
        AutocastInferer,
        FlipInferer,
        PreparedInferer,
        SlabInferer,
        supports_bf16,
    )
    from infnet_monai.inference.manifest import read_manifest
    from infnet_monai.inference.optimize import load_network
    from infnet_monai.inference.parts import Part
    from infnet_monai.inference.record import MadeBy, ScanRecord
    from infnet_monai.inference.result_writers import RESULT_WRITERS, ResultWriter
    from infnet_monai.inference.scan_checks import LogWarningsd
    from infnet_monai.inference.scan_dataset import SCAN_ROOT, ScanDataset, name_by_scan
    from infnet_monai.inference.segmentation import Segmentation
    from infnet_monai.inference.segmenter import Segmenter, segment
    from infnet_monai.inference.settings import SegmentationSettings
    from infnet_monai.inference.statistics import LesionStatistics, measure_lesions
    from infnet_monai.inference.summary import Summary, summarise
    from infnet_monai.inference.volume_writer import GridWriter

__all__ = [
    "RESULT_WRITERS",
    "SCAN_ROOT",
    "AutocastInferer",
    "BatchOptions",
    "BatchResult",
    "FlipInferer",
    "GridWriter",
    "LesionStatistics",
    "LogWarningsd",
    "MadeBy",
    "Part",
    "PreparedInferer",
    "ResultWriter",
    "ScanDataset",
    "ScanRecord",
    "Segmentation",
    "SegmentationSettings",
    "Segmenter",
    "SlabInferer",
    "Summary",
    "load_network",
    "measure_lesions",
    "name_by_scan",
    "read_manifest",
    "segment",
    "segment_scans",
    "summarise",
    "supports_bf16",
]

__getattr__ = import_at_first_use(__name__)
