"""Evaluate masks of whole scans: the same as ``infnet evaluate``, see docs/evaluation.md."""

from infnet_monai.cli.command import ManyValuesCommand, single_command
from infnet_monai.cli.evaluate import evaluate

app = single_command(evaluate, ManyValuesCommand)

if __name__ == "__main__":
    app()
