"""MONAI Label: its server with this project's bundles, for fine-tuning while labelling."""

from infnet_monai.monai_label.app_folder import AppModel, write_app
from infnet_monai.monai_label.server import Server

__all__ = ["AppModel", "Server", "write_app"]
