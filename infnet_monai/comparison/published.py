"""Figures printed in the publications that a comparison is set beside."""

from __future__ import annotations

from infnet_monai.handlers.paper_figures import TABLE_FIGURES
from infnet_monai.reporting.comparison_table import ComparisonRow, Estimate

__all__ = ["PAPER", "PUBLISHED_ROWS", "REPORT"]

REPORT = "A. Yildizhan: Image Segmentation for COVID-19. CMP 717 final report, Hacettepe University, 2020, Table 2"
PAPER = "D.-P. Fan et al.: Inf-Net. IEEE TMI 39(8), 2626-2637, 2020, arXiv 2004.14133 (48 test slices)"


def _row(network: str, source: str, *means: float) -> ComparisonRow:
    figures = {name: Estimate(mean) for name, mean in zip(TABLE_FIGURES, means, strict=True)}
    weights = "ImageNet" if source == "paper" else "not stated"
    return ComparisonRow(network, source, figures, weights, ranked=False)


# Dice, sensitivity, specificity, structure measure, enhanced-alignment measure, MAE
PUBLISHED_ROWS = (
    _row("Res2Net", "report", 0.713, 0.716, 0.952, 0.781, 0.867, 0.073),
    _row("iRes2Net", "report", 0.690, 0.658, 0.963, 0.781, 0.848, 0.073),
    _row("ResNeSt", "report", 0.708, 0.701, 0.958, 0.795, 0.868, 0.072),
    _row("ResNet", "report", 0.702, 0.678, 0.961, 0.785, 0.858, 0.071),
    _row("ResNeXt", "report", 0.711, 0.712, 0.954, 0.798, 0.866, 0.072),
    _row("VGG16", "report", 0.733, 0.699, 0.966, 0.782, 0.893, 0.063),
    _row("Inf-Net", "paper", 0.682, 0.692, 0.943, 0.781, 0.838, 0.082),
    _row("Semi-Inf-Net", "paper", 0.739, 0.725, 0.960, 0.800, 0.894, 0.064),
)
