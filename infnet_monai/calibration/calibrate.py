"""Calibration of the estimate of quality: held-out samples of fold models, then the file of the bundle."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from infnet_monai.bundle_folder import find_bundle
from infnet_monai.calibration.held_out import HeldOutModel
from infnet_monai.calibration.runs import Case, CaseRunner
from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write, file_sha256, write_json
from infnet_monai.quality.damages import DAMAGES, LEVELS
from infnet_monai.quality.fit import QualitySample, fit_rule
from infnet_monai.quality.model import QualityModel

__all__ = ["CalibrationOptions", "calibrate", "read_samples", "write_table"]

logger = logging.getLogger(__name__)
TABLE = "samples.csv"


@dataclass(frozen=True)
class CalibrationOptions:
    """How held-out cases are segmented and damaged.

    Attributes:
        most_slices: Largest number of slices of a case, evenly spaced; all by default.
        levels: Levels of each damage.
        device: Device of the network; a GPU where there is one by default.
    """

    most_slices: int | None = None
    levels: Sequence[int] = LEVELS
    device: str | None = None

    @property
    def damages(self) -> list[tuple[str, int]]:
        """Name and level of each damage."""
        return list(product(DAMAGES, self.levels))


def calibrate(
    bundle: str | Path,
    models: Sequence[HeldOutModel],
    training: Sequence[Mapping[str, Any]],
    output_dir: str | Path,
    options: CalibrationOptions | None = None,
    weights: str | Path | None = None,
) -> QualityModel:
    """Fit the estimate of quality for the weights of a bundle.

    The samples of each model are stored as soon as they are complete; run again with the same arguments to resume.

    Args:
        bundle: Folder or name of the bundle.
        models: Models of the same bundle with cases that they have not seen.
        training: Items that the bundle's own weights were trained on.
        output_dir: Folder for the samples and their table ``samples.csv``.
        options: How cases are segmented.
        weights: Weights that the estimate is for; the bundle's ``models/model.pt`` by default.

    Returns:
        The fitted model; :meth:`infnet_monai.quality.QualityModel.write` makes it the bundle's.

    Raises:
        InputError: A file cannot be read, or there are fewer than four held-out cases.
    """
    folder, output_dir, options = find_bundle(bundle), Path(output_dir), options or CalibrationOptions()
    weights = Path(weights or folder / "models" / "model.pt")
    samples = [sample for model in models for sample in _samples_of(folder, model, output_dir, options)]
    write_table(samples, output_dir / TABLE)
    rule = fit_rule(samples)
    runner = CaseRunner(folder, weights, options.device)
    references = runner.references(_read(training, options))
    cases = list(dict.fromkeys(sample.case for sample in samples))
    facts = {"held_out_cases": len(cases), "samples": len(samples), "training_cases": len(training)}
    return QualityModel(file_sha256(weights), references, rule, facts)


def write_table(samples: Sequence[QualitySample], path: str | Path) -> None:
    """Write samples as CSV, a row each.

    Args:
        samples: The samples.
        path: CSV file to write.
    """
    rows = [{**asdict(sample), **sample.predictors} for sample in samples]
    table = pd.DataFrame(rows).drop(columns="predictors")
    with atomic_write(path) as draft:
        table.to_csv(draft, index=False, float_format="%.5f")


def read_samples(path: str | Path) -> list[QualitySample]:
    """Read the table of a calibration.

    Args:
        path: The ``samples.csv``.

    Raises:
        InputError: It cannot be read, or lacks a column.
    """
    names = [name for name in QualitySample.__dataclass_fields__ if name != "predictors"]
    try:
        table = pd.read_csv(path, keep_default_na=False, dtype={"case": str, "damage": str})
        rows = table.to_dict("records")
        return [
            QualitySample(
                **{name: row[name] for name in names},
                predictors={str(name): float(row[name]) for name in table.columns if name not in names},
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: is no table of samples ({error}); give the {TABLE} that workflows/fit_quality.py has written"
        ) from error


def _samples_of(
    bundle: Path, model: HeldOutModel, output_dir: Path, options: CalibrationOptions
) -> list[QualitySample]:
    """Return the samples of a model, those that are stored where they were made in the same way."""
    path = output_dir / "samples" / f"{model.name}.json"
    made_by = {
        "weights": file_sha256(model.weights),
        "cases": [item["image"] for item in model.held_out],
        "most_slices": options.most_slices,
        "damages": [f"{name} {level}" for name, level in options.damages],
    }
    stored = _read_stored(path)
    if stored.get("made_by") == made_by:
        return [QualitySample(**sample) for sample in stored["samples"]]
    logger.info("%s: %d held-out cases", model.name, len(model.held_out))
    runner = CaseRunner(bundle, model.weights, options.device)
    references = runner.references(_read(model.training, options))
    samples = []
    for case in _read(model.held_out, options):
        samples += list(runner.samples(case, references, options.damages))
        logger.info("  %s: Dice %.3f", case.name, next((one.dice for one in samples if one.case == case.name), 0))
    write_json({"made_by": made_by, "samples": [asdict(sample) for sample in samples]}, path)
    return samples


def _read(items: Sequence[Mapping[str, Any]], options: CalibrationOptions) -> Iterator[Case]:
    return (Case.read(item, options.most_slices) for item in items)


def _read_stored(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
