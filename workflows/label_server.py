"""Start MONAI Label with bundles of this project: the same as ``infnet label-server``, see docs/monai_label.md."""

from infnet_monai.cli.command import single_command
from infnet_monai.cli.label_server import label_server

app = single_command(label_server)

if __name__ == "__main__":
    app()
