"""Make a data set for training: the same as ``infnet prepare``."""

from infnet_monai.cli.command import single_command
from infnet_monai.cli.prepare import prepare

app = single_command(prepare)

if __name__ == "__main__":
    app()
