"""``infnet segment``: masks, statistics and pictures of scans."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infnet_monai.bundle_folder import DEFAULT_BUNDLE, find_bundle
from infnet_monai.cli.command import print_json
from infnet_monai.errors import InputError
from infnet_monai.inference.parts import parse_part
from infnet_monai.inference.result_writers import optional_outputs
from infnet_monai.inference.settings import DEFAULT_ENGINE

if TYPE_CHECKING:
    from infnet_monai.inference.batch_options import BatchResult
    from infnet_monai.inference.record import ScanRecord
    from infnet_monai.inference.scan_worker import ScanJob
    from infnet_monai.scans.source import ScanSource

__all__ = ["segment"]

SHOWN = 5


def with_output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each optional file of a scan, in place of its ``**outputs``.

    Args:
        command: Function whose last parameter is ``**outputs``.
    """
    *parameters, _ = inspect.signature(command, eval_str=True).parameters.values()
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[bool, typer.Option(f"--{name.replace('_', '-')}", help=line)],
        )
        for name, line in optional_outputs().items()
    ]
    command.__signature__ = inspect.Signature([*parameters, *options])  # type: ignore[attr-defined]
    return command


@with_output_options
def segment(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder of the results.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="INPUT...", help="Scans (NIfTI, NRRD, MetaImage), DICOM or other folders."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV file with a column path, and name if wanted: more scans.")
    ] = None,
    part: Annotated[
        str, typer.Option(metavar="I/N", help="Do part I of N; auto or auto/N: by the SLURM task or Kubernetes pod.")
    ] = "",
    bundle: Annotated[str, typer.Option(help="Folder or name of a bundle.")] = DEFAULT_BUNDLE,
    weights: Annotated[Path | None, typer.Option(help="Weights (default: the bundle's models/model.pt).")] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1 ... (default: a GPU where there is one).")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="What runs the network on a CPU: torch, or openvino (extra openvino).")
    ] = DEFAULT_ENGINE,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Probability from which a voxel is lesion.")] = 0.5,
    intensity: Annotated[
        str, typer.Option(help="What the intensities are: auto, hu, grey (0-255) or unit (0-1).")
    ] = "auto",
    accept: Annotated[
        str, typer.Option(metavar="CODE,CODE", help="Problems of scans to accept, e.g. missing-slices,no-lungs.")
    ] = "",
    all_scans: Annotated[bool, typer.Option("--all", help="Segment, too, what does not look like a chest CT.")] = False,
    lung_crop: Annotated[bool, typer.Option(help="Find the lungs and look only there.")] = True,
    flips: Annotated[
        bool, typer.Option("--flips", help="Test-time augmentation: average with the mirrored slices; twice the time.")
    ] = False,
    lobes: Annotated[
        Path | None,
        typer.Option(metavar="FILE|FOLDER", help="Lobes of lungmask or TotalSegmentator, for the CT severity score."),
    ] = None,
    lobe_numbering: Annotated[
        str, typer.Option(help="What their values mean: auto, lungmask (1-5) or totalsegmentator (10-14).")
    ] = "auto",
    report: Annotated[bool, typer.Option(help="Write contact sheets and an HTML report.")] = True,
    review: Annotated[
        bool, typer.Option("--review", help="Write review.html, too: the report, most doubtful masks first.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Segment finished scans again.")] = False,
    scan_timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="A scan that takes longer fails alone.")
    ] = None,
    scan_memory: Annotated[
        float | None, typer.Option(metavar="GB", help="A scan whose process takes more memory fails alone.")
    ] = None,
    dask: Annotated[
        str, typer.Option(metavar="N|ADDRESS", help="Dask: N processes here, or the scheduler of a cluster.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of the scans as one JSON object.")] = False,
    **outputs: bool,
) -> None:
    """Segment lung infection in scans: masks, statistics, pictures."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    numbered, _ = parse_part(part, os.environ), find_bundle(bundle)
    given = _found_scans(inputs or [], manifest, output)
    # What loads PyTorch and MONAI comes after the scans have been found, so that a wrong path is answered at once.
    from tqdm.contrib.logging import logging_redirect_tqdm

    from infnet_monai.findings import LobeFiles
    from infnet_monai.inference.batch_options import BatchOptions
    from infnet_monai.inference.scan_worker import ScanJob, ScanLimits

    asked = [name for name, wanted in outputs.items() if wanted]
    given_lobes = LobeFiles(lobes, lobe_numbering) if lobes else None
    options = BatchOptions(asked, report, overwrite, part=numbered, review=review, lobes=given_lobes)
    choices: dict[str, Any] = {"accept": accept, "all_scans": all_scans, "lung_crop": lung_crop, "flips": flips}
    choices |= {"threshold": threshold, "intensity": intensity}
    if engine != DEFAULT_ENGINE:  # bundles from before there were engines have no value to set
        choices["engine"] = engine
    limits = ScanLimits(scan_timeout, scan_memory)
    with logging_redirect_tqdm():
        result = _segment(given, ScanJob(output, options, bundle, device, weights, choices, limits), dask)
    if result.skipped and not result.records and not result.failures and options.part is None:
        name, reason = next(iter(result.skipped.items()))
        raise InputError(
            f"none of {len(result.skipped)} scans is taken for a chest CT ({name}: {reason}); "
            "--all segments them all the same"
        )
    if as_json:
        _print_result_as_json(result)
    else:
        _print_result(result, output)
    if result.failures:
        raise typer.Exit(1)


def _found_scans(inputs: Sequence[Path], manifest: Path | None, output: Path) -> list[ScanSource]:
    """Return the scans that are given, those of the manifest first."""
    from infnet_monai.inference.manifest import read_manifest
    from infnet_monai.scans.find import find_scans

    if not inputs and not manifest:
        raise InputError("no scans are given; name files or folders, or a --manifest")
    return [*(read_manifest(manifest) if manifest else ()), *(find_scans(inputs, exclude=output) if inputs else ())]


def _print_result_as_json(result: BatchResult) -> None:
    scans = {
        name: {"status": record.status, "warnings": record.warnings, "statistics": record.statistics.as_dict()}
        for name, record in result.records.items()
    }
    others = {name: getattr(result, name) for name in ("kept", "skipped", "failures", "files")}
    print_json({"scans": scans, **others})


def _segment(given: Sequence[ScanSource], job: ScanJob, dask: str) -> BatchResult:
    """Segment scans in this process, in one that is watched, or on a cluster."""
    from infnet_monai.inference.batch import segment_scans
    from infnet_monai.inference.scan_worker import segment_scans_by
    from infnet_monai.inference.segmenter import Segmenter

    if dask:
        from infnet_monai.inference.cluster import DaskWorkers, dask_client

        with dask_client(dask) as client:
            typer.echo(f"Dask dashboard: {client.dashboard_link}", err=True)
            return segment_scans_by(partial(DaskWorkers, client), given, job)
    if job.limits:
        from infnet_monai.inference.supervised import SupervisedProcess

        return segment_scans_by(SupervisedProcess, given, job)
    segmenter = Segmenter(job.bundle, job.device, job.weights, **job.overrides)
    return segment_scans(given, job.output_dir, segmenter, job.options)


def _print_result(result: BatchResult, output: Path) -> None:
    for name, record in result.records.items():
        percent = record.statistics.lesion_percent_of_lung
        of_lung = f", {percent:.1f} % of the lungs" if percent is not None else ""
        print(f"{name}: lesion {record.statistics.lesion_volume_ml:.1f} ml{_range_of(record)}{of_lung}")
    if result.kept:
        print(f"{len(result.kept)} finished before and kept; --overwrite segments them again")
    if result.skipped:
        names = _first(result.skipped)
        print(
            f"{len(result.skipped)} skipped, not taken for a chest CT ({names}), see statistics.csv; --all segments all"
        )
    print(f"Masks, statistics and pictures of {len(result.records)} scans: {output}")
    for path in result.files:
        print(f"wrote {path}")
    if not result.files:
        print(
            f"other parts are not done yet; the last one writes the table, infnet summarise {output} does at any time"
        )
    _print_warnings({name: record.warnings for name, record in result.records.items() if record.warnings})
    if result.failures:
        typer.echo(f"{len(result.failures)} scans failed:", err=True)
        for line in result.failures.values():
            typer.echo(f"  {line}", err=True)


def _range_of(record: ScanRecord) -> str:
    quality = record.quality
    if quality is None or quality.quality is None or quality.lesion_volume_low_ml is None:
        return ""
    return f" ({quality.lesion_volume_low_ml:.0f} to {quality.lesion_volume_high_ml:.0f} ml; {quality.quality})"


def _print_warnings(warnings: Mapping[str, Sequence[str]]) -> None:
    if warnings:
        typer.echo(f"{len(warnings)} scans with warnings:", err=True)
        for name in list(warnings)[:SHOWN]:
            typer.echo(f"  {name}: {'; '.join(warnings[name])}", err=True)
        if len(warnings) > SHOWN:
            typer.echo(f"  and {len(warnings) - SHOWN} more, see statistics.csv", err=True)


def _first(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:SHOWN]) + (", ..." if len(listed) > SHOWN else "")
