"""Evaluation of predictions against references: per slice, per case, per folder of probability maps."""
