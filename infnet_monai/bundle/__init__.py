"""The bundles: their one template, its generator, and what the runs of a bundle need besides MONAI."""

from infnet_monai.bundle.configuration import handlers, leaves_one_over, required_dataset_dir, switch
from infnet_monai.bundle.evaluation_run import finish_evaluation, start_evaluation
from infnet_monai.bundle.inference_run import finish_inference, start_inference
from infnet_monai.bundle.ranks import is_first_rank, join_ranks, leave_ranks, rank_device, validation_sampler
from infnet_monai.bundle.training_run import TrainingRun
from infnet_monai.errors import report_errors_in_one_line

__all__ = [
    "TrainingRun",
    "finish_evaluation",
    "finish_inference",
    "handlers",
    "is_first_rank",
    "join_ranks",
    "leave_ranks",
    "leaves_one_over",
    "rank_device",
    "report_errors_in_one_line",
    "required_dataset_dir",
    "start_evaluation",
    "start_inference",
    "switch",
    "validation_sampler",
]
