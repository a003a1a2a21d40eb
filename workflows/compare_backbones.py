"""Compare bundles and baseline networks: the same as ``infnet compare``, see docs/comparison.md."""

from infnet_monai.cli.command import ManyValuesCommand, single_command
from infnet_monai.cli.compare import compare

app = single_command(compare, ManyValuesCommand)

if __name__ == "__main__":
    app()
