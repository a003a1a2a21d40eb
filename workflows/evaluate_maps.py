"""Evaluate a folder of probability maps: the same as ``infnet evaluate-maps``."""

from infnet_monai.cli.command import single_command
from infnet_monai.cli.evaluate_maps import evaluate_maps

app = single_command(evaluate_maps)

if __name__ == "__main__":
    app()
