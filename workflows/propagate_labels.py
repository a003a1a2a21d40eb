"""Label unlabelled slices as Semi-Inf-Net does: the same as ``infnet propagate``, see docs/semi_supervised.md."""

from infnet_monai.cli.command import ManyValuesCommand, single_command
from infnet_monai.cli.propagate import propagate

app = single_command(propagate, ManyValuesCommand)

if __name__ == "__main__":
    app()
