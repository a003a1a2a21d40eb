"""A prepared network handed to an engine, and checked against torch before it is trusted."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from infnet_monai import __version__
from infnet_monai.errors import InputError
from infnet_monai.files import file_sha256
from infnet_monai.inference.engines.cache import cache_file, cached_arrays, write_arrays
from infnet_monai.inference.engines.engine import Arrays, Engine, EngineNetwork
from infnet_monai.inference.engines.registry import DEFAULT_ENGINE

__all__ = ["describe_engine", "load_in_engine"]

logger = logging.getLogger(__name__)

# Largest relative error of the logits of noise (2-norm); rounding to bf16 gives about 0.02.
TOLERANCE = {"f32": 1e-3, "bf16": 0.1}


def load_in_engine(engine: Engine, network: nn.Module, weights: str | Path, shape: tuple[int, ...]) -> EngineNetwork:
    """Hand a network to an engine, by way of the user's cache.

    The engine's logits of one batch of noise are compared with torch's each time, so that a model in the cache that
    is not of this network, or an engine that computes it wrongly, is never used.

    Args:
        engine: The engine.
        network: The prepared network, in float32 on the CPU.
        weights: File of its weights.
        shape: Shape of the batches, ``(B, C, H, W)``.

    Returns:
        The network, run by the engine.

    Raises:
        InputError: The engine is not installed, or cannot run this network.
    """
    path = cache_file(engine.name, _facts(engine, network, weights, shape))

    def export() -> Arrays:
        return engine.export(network, shape)

    def load(arrays: Arrays) -> EngineNetwork:
        return EngineNetwork(engine, engine.load(arrays, torch.get_num_threads()), shape)

    try:
        arrays = cached_arrays(path, export)
        loaded = load(arrays)
        if not _agrees(loaded, network):
            logger.warning("%s: is of another network; the network is exported again", path)
            arrays = export()
            loaded = load(arrays)
            if not _agrees(loaded, network):
                raise InputError(f"engine {engine.name!r} computes other logits than torch here; give --engine torch")
            write_arrays(path, arrays)
    except InputError:
        raise
    except Exception as error:  # engines raise what they like
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"engine {engine.name!r} cannot run this network ({reason}); give --engine torch") from error
    return loaded


def describe_engine(network: nn.Module) -> dict[str, str]:
    """Return what runs a network: ``name``, ``precision`` and ``version``.

    Args:
        network: A network of :func:`infnet_monai.inference.load_network`.
    """
    if isinstance(network, EngineNetwork):
        return {"name": network.engine.name, "precision": network.engine.precision, "version": network.engine.version()}
    rounded = any(weight.dtype == torch.bfloat16 for weight in network.parameters())
    return {"name": DEFAULT_ENGINE, "precision": "bf16" if rounded else "f32", "version": torch.__version__}


def _facts(engine: Engine, network: nn.Module, weights: str | Path, shape: tuple[int, ...]) -> dict[str, Any]:
    return {
        "versions": [engine.version(), torch.__version__, __version__],
        "weights": file_sha256(weights),
        "network": hashlib.sha256(repr(network).encode()).hexdigest(),  # pooling has no weights
        "shape": list(shape),
    }


@torch.inference_mode()
def _agrees(loaded: EngineNetwork, network: nn.Module) -> bool:
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=loaded.shape).astype(np.float32))
    expected, logits = network(noise), loaded(noise)
    if logits.shape != expected.shape:
        return False
    error = torch.linalg.vector_norm(logits - expected) / torch.linalg.vector_norm(expected).clamp(min=1e-6)
    return bool(error <= TOLERANCE[loaded.engine.precision])  # NaN is not
