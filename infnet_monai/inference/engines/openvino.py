"""OpenVINO: Intel's runtime for CPUs."""

from __future__ import annotations

import copy
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from infnet_monai.inference.engines.engine import Arrays, Engine, Run

__all__ = ["OpenVinoEngine"]


class OpenVinoEngine(Engine):
    """OpenVINO on the CPU, in float32: its bf16 rounds more than torch's here, which changes 2 % of the mask.

    Source: https://docs.openvino.ai.
    """

    name = "openvino"
    package = "openvino"
    extra = "openvino"

    def export(self, network: nn.Module, shape: tuple[int, ...]) -> Arrays:
        """Translate a network to ``graph``, the XML, and ``weights``, both as bytes; see :meth:`Engine.export`."""
        import openvino

        network = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # OpenVINO traces with torch.jit, which torch calls deprecated
            model = openvino.convert_model(network, example_input=torch.zeros(shape), input=list(shape))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.xml"
            openvino.save_model(model, path, compress_to_fp16=False)
            parts = {"graph": path, "weights": path.with_suffix(".bin")}
            return {name: np.fromfile(part, dtype=np.uint8) for name, part in parts.items()}

    def load(self, arrays: Arrays, threads: int) -> Run:
        """Make an exported network ready to run; see :meth:`Engine.load`."""
        import openvino

        core = openvino.Core()
        model = core.read_model(arrays["graph"].tobytes(), openvino.Tensor(np.ascontiguousarray(arrays["weights"])))
        options = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # several processes of one machine would be pinned to the same cores
        }
        compiled = core.compile_model(model, "CPU", options)
        return lambda images: compiled(images)[0]
