"""The engines that there are, as data."""

from __future__ import annotations

from infnet_monai.errors import InputError
from infnet_monai.inference.engines.engine import Engine
from infnet_monai.inference.engines.openvino import OpenVinoEngine
from infnet_monai.inference.settings import DEFAULT_ENGINE

__all__ = ["DEFAULT_ENGINE", "ENGINES", "check_engine"]

# Only engines that docs/speed.md shows to be faster than torch on some machine.
ENGINES: tuple[Engine, ...] = (OpenVinoEngine(),)


def check_engine(name: object) -> Engine | None:
    """Return the engine of a name; importing it is left to its use.

    Args:
        name: Name of an engine.

    Returns:
        The engine; ``None`` for torch.

    Raises:
        InputError: There is no such engine.

    Example:
        >>> check_engine("openvino").extra
        'openvino'
    """
    engines = {engine.name: engine for engine in ENGINES}
    if name == DEFAULT_ENGINE:
        return None
    if not isinstance(name, str) or name not in engines:
        raise InputError(f"engine {name!r} is unknown; give one of {', '.join([DEFAULT_ENGINE, *engines])}")
    return engines[name]
