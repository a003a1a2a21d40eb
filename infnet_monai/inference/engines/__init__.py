"""Engines: other programs than torch that run a bundle's network, where they are faster."""

from infnet_monai.inference.engines.engine import Engine, EngineNetwork
from infnet_monai.inference.engines.load import describe_engine, load_in_engine
from infnet_monai.inference.engines.registry import DEFAULT_ENGINE, ENGINES, check_engine

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "Engine",
    "EngineNetwork",
    "check_engine",
    "describe_engine",
    "load_in_engine",
]
