"""Evaluation of a folder of probability maps against a folder of references."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from infnet_monai.data.slice_dataset import case_name
from infnet_monai.errors import InputError
from infnet_monai.evaluation.map_files import MAP_SUFFIXES, MapPair, load_map_pair
from infnet_monai.files import natural_key
from infnet_monai.metrics import Protocol, SegmentationMetrics

__all__ = ["FolderEvaluation", "evaluate_map_folders"]


@dataclass
class FolderEvaluation:
    """Metrics of a folder, and what has to be known to trust them.

    Attributes:
        protocol: ``"paper"`` or ``"clinical"``.
        table: One row an image: ``case``, ``slice`` (from 1, for volumes by the paper's protocol) and the metrics.
        summary: Value of each metric over all rows.
        undefined: In how many rows each metric is undefined.
        resized: Cases whose probability map was resized to its reference.
        maps_without_mask: Names of probability maps without a reference.
        masks_without_map: Names of references without a probability map.
        failures: One line for each pair that could not be measured.
    """

    protocol: Protocol
    table: pd.DataFrame
    summary: dict[str, float]
    undefined: dict[str, int]
    maps_without_mask: list[str]
    masks_without_map: list[str]
    resized: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def evaluate_map_folders(pred_dir: Path, reference_dir: Path, protocol: Protocol = "paper") -> FolderEvaluation:
    """Measure every probability map against the reference of the same name.

    A pair that cannot be used is listed as a failure and left out.

    By the paper's protocol a volume counts as its axial slices, by the clinical one as a whole, with HD95 in mm.
    The spacing of pictures and arrays is not known: their HD95 is undefined.

    Args:
        pred_dir: Folder of probability maps: PNG, JPEG, NumPy or NIfTI.
        reference_dir: Folder of references, of the same kinds; the kinds may differ.
        protocol: Protocol of the metrics; see :func:`infnet_monai.metrics.paper_metrics` and
            :func:`infnet_monai.metrics.clinical_metrics`.

    Returns:
        The metrics.

    Raises:
        InputError: A folder is missing, no name is in both, or no pair could be measured.
    """
    maps, masks = _files_by_case(pred_dir), _files_by_case(reference_dir)
    cases = [case for case in maps if case in masks]
    if not cases:
        raise InputError(
            f"{pred_dir}: none of its {len(maps)} probability maps has the name of a mask in {reference_dir}"
        )
    metrics = SegmentationMetrics(protocol, spacing_mm="header")
    rows: list[tuple[str, int | None]] = []
    resized, failures = [], []
    for case in cases:
        try:
            pair = load_map_pair(_only(maps[case]), _only(masks[case]))
            rows += _measure(metrics, pair, case)
        except InputError as error:
            failures.append(str(error))
            continue
        if pair.resized:
            resized.append(case)
    if not rows:
        raise InputError("\n".join([*failures, f"{pred_dir}: no probability map could be measured"]))
    values = pd.DataFrame(metrics.get_buffer().numpy(), columns=list(metrics.names))
    labels = pd.DataFrame(rows, columns=["case", "slice"]).astype({"slice": "Int64"})
    return FolderEvaluation(
        protocol,
        pd.concat([labels, values], axis=1),
        metrics.summary(),
        metrics.undefined(),
        maps_without_mask=[case for case in maps if case not in masks],
        masks_without_map=[case for case in masks if case not in maps],
        resized=resized,
        failures=failures,
    )


def _measure(metrics: SegmentationMetrics, pair: MapPair, case: str) -> list[tuple[str, int | None]]:
    n_slices = pair.pred.shape[-1]
    if metrics.protocol == "clinical" and n_slices > 1:
        metrics([pair.pred], [pair.reference], names=[case])
        return [(case, None)]
    labels = [(case, number + 1 if n_slices > 1 else None) for number in range(n_slices)]
    metrics(*pair.slices(), names=[case if number is None else f"{case}, slice {number}" for _, number in labels])
    return labels


def _files_by_case(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir(), key=lambda path: natural_key(path.name)):
        if path.name.lower().endswith(MAP_SUFFIXES) and not path.name.startswith("."):
            files.setdefault(case_name(path), []).append(path)
    return files


def _only(paths: list[Path]) -> Path:
    if len(paths) > 1:
        raise InputError(f"{paths[0]}: {paths[1].name} has the same name: leave one of them in the folder")
    return paths[0]
