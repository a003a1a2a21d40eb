"""A few labelled and unlabelled pictures of 40 x 32 pixels, and a network that learns them in no time."""

import json

import numpy as np
import torch
from PIL import Image
from torch import nn

BLOB = 150  # grey level of a lesion, over 40
# Of a bundle's items, so that a tiny network can take the place of Inf-Net.
TINY = {
    "network_def": {"_target_": "tiny_semi.BrightnessNetwork"},
    "backbone": "$infnet_networks.get_backbone('efficientnet_lite0')",  # whose mean and deviation are used
    "loss": {"_target_": "infnet_monai.losses.StructureLoss"},
    "train#slice_transforms": [{"_target_": "SelectItemsd", "keys": ["image", "label", "case", "slice"]}],
    "image_size": [32, 32],
    "learning_rate": 0.3,
    "amp": False,
    "device": "cpu",
}


class BrightnessNetwork(nn.Module):
    """Marks pixels brighter than a level, which it learns."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0))
        self.bias = nn.Parameter(torch.tensor(0.0))
        self.dropout = nn.Dropout(0.1)  # so that a result depends on the random state

    def forward(self, image):
        return self.dropout(image[:, :1]) * self.weight + self.bias


def slice_with_lesion(seed, shape=(40, 32)):
    """A noisy picture with one bright box, and the box as a mask."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    row, column = rng.integers(4, 12, 2)
    mask[row : row + 14, column : column + 9] = True
    image = rng.normal(40, 25, shape) + (BLOB - 40) * mask
    return image.clip(0, 255).astype(np.uint8), mask


def write_pictures(folder, count=6, first_seed=100):
    """Write unlabelled pictures; return the folder."""
    folder.mkdir(parents=True)
    for k in range(count):
        Image.fromarray(slice_with_lesion(first_seed + k)[0]).save(folder / f"slice_{k}.png")
    return folder


def write_labelled(folder, axes="LP"):
    """Write four labelled pictures with a ``dataset.json``: three for training, one for validation."""
    items = []
    for k in range(4):
        image, mask = slice_with_lesion(k)
        paths = {"image": f"images/{k}.png", "label": f"labels/{k}.png"}
        for name, pixels in (("image", image), ("label", mask.astype(np.uint8))):
            (folder / paths[name]).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / paths[name])
        items.append(paths | {"axes": axes})
    (folder / "dataset.json").write_text(json.dumps({"training": items[:3], "validation": items[3:]}))
    return folder


def write_weights(path):
    """Write the weights of an untrained :class:`BrightnessNetwork`."""
    torch.save(BrightnessNetwork().state_dict(), path)
    return path
