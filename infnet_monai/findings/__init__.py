"""Findings of one scan: opacity by density, by thirds of the lungs, by lobes, and near the pleura."""

from typing import TYPE_CHECKING

from infnet_monai.lazy_exports import import_at_first_use

if TYPE_CHECKING:
    from infnet_monai.findings.lobe_files import NUMBERINGS, LobeFiles
    from infnet_monai.findings.lobes import LOBES
    from infnet_monai.findings.measure import Findings, measure_findings


__all__ = ["LOBES", "NUMBERINGS", "Findings", "LobeFiles", "measure_findings"]

__getattr__ = import_at_first_use(__name__)
