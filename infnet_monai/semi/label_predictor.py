"""Pseudo labels of pictures by the network as it stands, on the picture's own pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.transforms import Activationsd, Compose, Invertd
from numpy.typing import NDArray
from torch import nn

from infnet_monai.errors import unwrapped_input_errors

__all__ = ["LabelPredictor"]


class LabelPredictor:
    """Predicts by a bundle's own training configuration: its transforms, slice size and inferer.

    Args:
        parser: The bundle's ``train.json`` with what goes over it.
        threshold: Probability from which a pixel is lesion.
    """

    def __init__(self, parser: ConfigParser, threshold: float = 0.5):
        self.threshold = threshold
        self.device = torch.device(parser.get_parsed_content("device"))
        self._inferer = parser.get_parsed_content("validate#inferer")
        # Those of training, since validation's insist on a reference mask.
        deterministic = parser.get_parsed_content("train#preprocessing").transforms
        self._preprocessing = Compose([*deterministic, *parser.get_parsed_content("normalization")])
        self._restoring = Compose(
            [
                Activationsd("pred", sigmoid=True),
                Invertd("pred", self._preprocessing, orig_keys="image", nearest_interp=False, to_tensor=True),
            ]
        )

    def predict(self, network: nn.Module, picture: str, axes: str) -> NDArray[np.bool_]:
        """Segment one picture.

        Args:
            network: Network to predict with; left in eval mode.
            picture: Path of the picture.
            axes: Directions that its rows and columns run to, e.g. ``PL``.

        Returns:
            Lesion mask ``(rows, columns)`` of the picture.

        Raises:
            InputError: The picture cannot be read or used.
        """
        network.eval()
        with unwrapped_input_errors(), torch.inference_mode():
            item: Any = self._preprocessing({"image": picture, "axes": axes})
            logits = self._inferer(item["image"].as_tensor()[None].to(self.device), network)
            restored: Any = self._restoring({"image": item["image"], "pred": logits[0].cpu()})
        return restored["pred"][0, ..., 0].numpy() >= self.threshold
