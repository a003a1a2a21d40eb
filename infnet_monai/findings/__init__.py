"""Findings of one scan: opacity by density, by thirds of the lungs, by lobes, and near the pleura."""

from infnet_monai.findings.lobe_files import NUMBERINGS, LobeFiles
from infnet_monai.findings.lobes import LOBES
from infnet_monai.findings.measure import Findings, measure_findings

__all__ = ["LOBES", "NUMBERINGS", "Findings", "LobeFiles", "measure_findings"]
