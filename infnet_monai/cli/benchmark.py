"""``infnet benchmark``: what the README and docs claim about speed and size, measured on this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from infnet_monai.cli.command import OPTION_STYLE, Command, Commands

__all__ = ["benchmark"]

HELP = "Measure on this machine what the README and docs claim about speed and size."

benchmark = typer.Typer(cls=Commands, help=HELP, no_args_is_help=True, context_settings=OPTION_STYLE)


@benchmark.command(cls=Command)
def data() -> None:
    """Slices a second from cached volumes, beside reading each volume for each slice."""
    from infnet_monai.benchmarks.data import measure_data

    _print_one(measure_data())


@benchmark.command(cls=Command)
def metrics() -> None:
    """The paper's protocol for one slice, beside PySODMetrics; a batch beside single slices."""
    from infnet_monai.benchmarks.metrics import measure_metrics

    cost = measure_metrics()
    _print_one(cost)
    print(f"speed-up over PySODMetrics: {cost.speed_up:.1f}")
    print(f"speed-up of a batch over single slices: {cost.batch_speed_up:.2f}")


@benchmark.command(cls=Command)
def inference(
    backbones: Annotated[list[str] | None, typer.Argument(help="Default: res2net50 vgg16.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Trained weights (default: trained shortly).")] = None,
    slices: Annotated[int, typer.Option(help="Number of slices.")] = 16,
    repeats: Annotated[int, typer.Option(help="Number of repetitions.")] = 5,
    means: Annotated[bool, typer.Option("--means", help="Measure each means of speed by itself.")] = False,
) -> None:
    """Seconds per slice as a bundle runs its network, beside the plain forward pass; how similar the masks are."""
    import pandas as pd
    import torch

    from infnet_monai.benchmarks.inference import measure_inference
    from infnet_monai.inference.inferers import supports_bf16

    for backbone in backbones or ["res2net50", "vgg16"]:
        costs = measure_inference(backbone, weights, slices, repeats, means=means)
        print(f"{backbone}, {torch.get_num_threads()} threads, bf16 in hardware: {supports_bf16('cpu')}")
        print(pd.DataFrame([asdict(cost) for cost in costs]).round(4).to_string(index=False))


@benchmark.command(cls=Command)
def engines(
    backbones: Annotated[list[str] | None, typer.Argument(help="Default: efficientnet_lite0 vgg16 res2net50.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Trained weights (default: random, for speed only).")] = None,
    scan: Annotated[Path | None, typer.Option(help="CT scan in HU (default: noise, for speed only).")] = None,
    slices: Annotated[int, typer.Option(help="Number of slices.")] = 8,
    turns: Annotated[int, typer.Option(help="Number of turns.")] = 5,
) -> None:
    """Processor time of a slice by each installed engine, beside torch; how similar the masks are."""
    import pandas as pd
    import torch

    from infnet_monai.benchmarks.engines import measure_engines
    from infnet_monai.inference.inferers import supports_bf16

    for backbone in backbones or ["efficientnet_lite0", "vgg16", "res2net50"]:
        costs = measure_engines(backbone, weights, scan, slices, turns)
        print(f"{backbone}, {torch.get_num_threads()} threads, bf16 in hardware: {supports_bf16('cpu')}")
        print(pd.DataFrame([asdict(cost) for cost in costs]).round(4).to_string(index=False))


@benchmark.command(cls=Command)
def training(
    backbone: Annotated[str, typer.Argument(help="Name of a backbone.")] = "efficientnet_lite0",
    batch_sizes: Annotated[list[int] | None, typer.Option(help="Slices in a batch (default: 4 and 2).")] = None,
    repeats: Annotated[int, typer.Option(help="Number of repetitions.")] = 5,
) -> None:
    """CPU seconds of a training step on one thread as a bundle runs it, beside all in bf16 and all in float32."""
    from infnet_monai.benchmarks.training import measure_training

    for cost in measure_training(backbone, batch_sizes or (4, 2), repeats):
        _print_one(cost)
        print(f"speed-up over all convolutions in bf16: {cost.speed_up:.2f}")


@benchmark.command(cls=Command)
def intensities(
    scans: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders of scans, beside three phantoms.")
    ] = None,
) -> None:
    """How many scans are accepted, warned about and refused when their intensities are right, or wrong."""
    from infnet_monai.benchmarks.intensities import intensity_table, scans_in_hu

    print(intensity_table(scans_in_hu(scans or [])).to_string(index=False))


@benchmark.command(cls=Command)
def model(image_size: Annotated[int, typer.Option(help="Height and width of the slice.")] = 352) -> None:
    """Parameters and operations of every backbone."""
    import pandas as pd

    from infnet_monai.networks.cost import measure_models

    table = pd.DataFrame([asdict(cost) for cost in measure_models(image_size=image_size)])
    print(table.round(2).to_string(index=False))


@benchmark.command(cls=Command)
def scans(
    series: Annotated[int, typer.Option(help="Number of series in one flat folder.")] = 100,
    images: Annotated[int, typer.Option(help="Number of images of each series.")] = 300,
) -> None:
    """Finding and reading DICOM series, beside GDCM's file names and MONAI's ITKReader."""
    from infnet_monai.benchmarks.scans import measure_scans

    cost = measure_scans(series, images)
    _print_one(cost)
    print(f"speed-up of listing the files of all series: {cost.find_speed_up:.1f}")
    print(f"speed-up of finding and reading one series: {cost.load_speed_up:.2f}")


@benchmark.command(cls=Command)
def archive(
    scans: Annotated[int, typer.Option(help="Number of scans.")] = 20_000,
    folder: Annotated[Path | None, typer.Option(help="Folder to keep the results in.")] = None,
) -> None:
    """Time and memory to summarise a folder of many results, and to resume behind them."""
    from infnet_monai.benchmarks.archive import measure_archive

    _print_one(measure_archive(scans, folder))


@benchmark.command(cls=Command)
def parts(
    folder: Annotated[Path, typer.Argument(help="Folder for scans, results, memory as CSV and picture.")],
    scans: Annotated[int, typer.Option(help="Number of scans.")] = 2000,
    processes: Annotated[int, typer.Option(help="Number of parts, each of one process.")] = 8,
    kill_every_s: Annotated[float, typer.Option(help="Mean seconds between two kills.")] = 10.0,
) -> None:
    """Tiny scans by parts whose processes are killed at random, beside one process that is not."""
    from infnet_monai.benchmarks.killed_workers import measure_killed_parts

    _print_one(measure_killed_parts(folder, scans, processes, kill_every_s))


@benchmark.command(cls=Command)
def dask(
    folder: Annotated[Path, typer.Argument(help="Folder for scans, results, memory as CSV and picture.")],
    scans: Annotated[int, typer.Option(help="Number of scans.")] = 2000,
    workers: Annotated[int, typer.Option(help="Number of worker processes.")] = 4,
    kill_every_s: Annotated[float, typer.Option(help="Mean seconds between two kills.")] = 10.0,
) -> None:
    """Tiny scans by a Dask cluster whose workers are killed at random, beside one process that is not."""
    from infnet_monai.benchmarks.killed_workers import measure_killed_dask

    _print_one(measure_killed_dask(folder, scans, workers, kill_every_s))


@benchmark.command(cls=Command)
def memory(slices: Annotated[int, typer.Option(help="Number of slices of 512 x 512 pixels.")] = 1000) -> None:
    """Largest memory of segmenting one scan, without the network's own."""
    from infnet_monai.benchmarks.memory import measure_memory

    cost = measure_memory(slices)
    _print_one(cost)
    print(f"MB a slice: {cost.mb_per_slice:.2f}")


@benchmark.command(cls=Command)
def start(repeats: Annotated[int, typer.Option(help="Number of starts of each command.")] = 3) -> None:
    """CPU seconds until help, version, and the first scan of a run are there."""
    from infnet_monai.benchmarks.start import measure_start

    _print_one(measure_start(repeats))


def _print_one(cost: object) -> None:
    for name, value in vars(cost).items():
        print(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")
