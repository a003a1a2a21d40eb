"""The bundles: their one template, and what their runs need besides MONAI."""

from infnet_monai.bundle.ranks import is_first_rank, start_rank, validation_sampler
from infnet_monai.bundle.runs import (
    finish_evaluation,
    finish_inference,
    finish_training,
    load_init_weights,
    start_evaluation,
    start_inference,
    start_training,
)
from infnet_monai.bundle.switches import switch
from infnet_monai.errors import report_errors_in_one_line

__all__ = [
    "finish_evaluation",
    "finish_inference",
    "finish_training",
    "is_first_rank",
    "load_init_weights",
    "report_errors_in_one_line",
    "start_evaluation",
    "start_inference",
    "start_rank",
    "start_training",
    "switch",
    "validation_sampler",
]
