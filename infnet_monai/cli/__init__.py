"""The ``infnet`` command: one module a subcommand, which imports what it needs only when it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from typer.core import TyperCommand

from infnet_monai import __version__
from infnet_monai.cli.benchmark import HELP as BENCHMARK_HELP
from infnet_monai.cli.benchmark import benchmark
from infnet_monai.cli.bundles import bundles
from infnet_monai.cli.command import OPTION_STYLE, Command, Commands, ManyValuesCommand, print_json
from infnet_monai.cli.compare import compare
from infnet_monai.cli.convert_weights import convert_weights
from infnet_monai.cli.evaluate import evaluate
from infnet_monai.cli.evaluate_maps import evaluate_maps
from infnet_monai.cli.federated import federated
from infnet_monai.cli.follow_up import follow_up
from infnet_monai.cli.label_server import label_server
from infnet_monai.cli.prepare import prepare
from infnet_monai.cli.propagate import propagate
from infnet_monai.cli.scans import scans
from infnet_monai.cli.segment import segment
from infnet_monai.cli.summarise import summarise
from infnet_monai.cli.train import train

__all__ = ["app"]

SEGMENT, TRAIN, EVALUATE, OTHER = "Segment scans", "Train", "Evaluate", "Bundles and this installation"

app = typer.Typer(cls=Commands, no_args_is_help=True, context_settings=OPTION_STYLE)


@app.callback()
def main() -> None:
    """Lung-infection segmentation on chest CT. Not a medical device."""


def _add(
    function: Callable[..., None], panel: str, example: str, cls: type[TyperCommand] = Command, passes_on: bool = False
) -> None:
    settings = {**OPTION_STYLE, "allow_extra_args": True, "ignore_unknown_options": True} if passes_on else OPTION_STYLE
    epilog = f"Example: infnet {example}"
    app.command(cls=cls, rich_help_panel=panel, epilog=epilog, context_settings=settings)(function)


def version(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print it with the versions of Python and packages as one JSON object.")
    ] = False,
) -> None:
    """Print the version."""
    if as_json:
        from infnet_monai.run_record import package_versions

        print_json(package_versions())
    else:
        print(__version__)


_add(segment, SEGMENT, "segment SCANS -o OUT")
_add(scans, SEGMENT, "scans ARCHIVE --csv scans.csv")
_add(summarise, SEGMENT, "summarise OUT --warnings-first")
_add(follow_up, SEGMENT, "follow-up OUT --patients patients.csv -o COURSE")
_add(prepare, TRAIN, "prepare DATA --validation 0.2 --group-by '(p[0-9]+)_'")
_add(train, TRAIN, "train vgg16 --dataset-dir DATA --epochs 50", passes_on=True)
_add(propagate, TRAIN, "propagate --dataset-dir DATA --unlabelled SLICES --output-dir OUT", ManyValuesCommand)
_add(label_server, TRAIN, "label-server SCANS --models infnet_vgg16 --port 8010")
_add(evaluate, EVALUATE, "evaluate --pred OUT --gt LABELS -o RESULTS", ManyValuesCommand)
_add(evaluate_maps, EVALUATE, "evaluate-maps --pred MAPS --gt MASKS --protocol clinical")
_add(compare, EVALUATE, "compare --output-dir OUT --dataset-dir DATA --bundles vgg16 resnet50", ManyValuesCommand)
_add(convert_weights, OTHER, "convert-weights Inf-Net-100.pth model.pt")
app.add_typer(federated, name="federated", rich_help_panel=TRAIN)
app.add_typer(bundles, name="bundles", rich_help_panel=OTHER)
app.add_typer(benchmark, name="benchmark", help=BENCHMARK_HELP, rich_help_panel=OTHER)
_add(version, OTHER, "version --json")
