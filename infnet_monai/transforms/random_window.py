"""Random lung windows for training: a network that sees many windows depends on none."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform

from infnet_monai.errors import InputError
from infnet_monai.transforms.window import WINDOW_HU

__all__ = ["RandLungWindowd"]


class RandLungWindowd(RandomizableTransform, MapTransform):
    r"""Show each slice in a lung window of random level and width.

    Slices come as :class:`infnet_monai.transforms.LungWindowd` leaves them, the fixed window from 0 to 1. With its
    ``kept_hu`` those of scans in HU still have what lies outside it, and get what a viewer with another window shows:
    with the fixed window's level :math:`l_0` and width :math:`w_0`, the drawn :math:`l` and :math:`w`,

    .. math:: y = \text{clip}\left(\frac{(x - 0.5) \, w_0 + l_0 - l}{w} + 0.5, \; 0, \; 1\right)

    Grey slices, which somebody has windowed by values that nobody knows, hold nothing outside [0, 1]. They get the same
    gain and offset, so that both kinds of source vary alike; what was saturated stays of one grey.

    Args:
        keys: Keys of the slices, images of any shape.
        level_hu: Range of the window's level in HU.
        width_hu: Range of the window's width in HU.
        prob: Probability of a random window; otherwise it is the fixed one.
        window_hu: The fixed window in HU, lower and upper border.
        allow_missing_keys: Whether items may lack a key.

    Raises:
        InputError: A range runs downwards, or a width is not above 0.

    Example:
        >>> import torch
        >>> lung = torch.tensor([[[-0.2, 0.3, 1.2]]])  # -1650, -900 and 450 HU
        >>> RandLungWindowd("image", prob=0)({"image": lung})["image"]
        tensor([[[0.0000, 0.3000, 1.0000]]])
        >>> wide = RandLungWindowd("image", level_hu=(-600, -600), width_hu=(3000, 3000), prob=1)
        >>> wide({"image": lung})["image"]
        tensor([[[0.1500, 0.4000, 0.8500]]])
    """

    def __init__(
        self,
        keys: KeysCollection,
        level_hu: tuple[float, float] = (-750.0, -450.0),
        width_hu: tuple[float, float] = (1100.0, 1900.0),
        prob: float = 0.8,
        window_hu: tuple[float, float] = WINDOW_HU,
        allow_missing_keys: bool = False,
    ):
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.level_hu, self.width_hu = (level_hu[0], level_hu[1]), (width_hu[0], width_hu[1])
        if not (self.level_hu[0] <= self.level_hu[1] and 0 < self.width_hu[0] <= self.width_hu[1]):
            raise InputError(
                f"level_hu {list(level_hu)}, width_hu {list(width_hu)}: expected ranges [low, high] with a width above "
                "0, e.g. [-750, -450] and [1100, 1900]"
            )
        self.fixed_level, self.fixed_width = sum(window_hu) / 2, window_hu[1] - window_hu[0]

    def randomize(self, data: Any = None) -> None:
        """Draw whether the window is random, its level and its width."""
        super().randomize(None)
        self._level, self._width = self.fixed_level, self.fixed_width
        if self._do_transform:
            self._level, self._width = self.R.uniform(*self.level_hu), self.R.uniform(*self.width_hu)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace each slice by the slice in its window, in [0, 1]."""
        self.randomize()
        item = dict(data)
        for key in self.key_iterator(item):
            image = item[key]
            if self._do_transform:
                image = ((image - 0.5) * self.fixed_width + self.fixed_level - self._level) / self._width + 0.5
            item[key] = image.clamp(0, 1)
        return item
