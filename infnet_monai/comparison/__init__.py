"""Comparison of bundles and baseline networks: trainings, evaluations, tables and pictures.

Example:
    >>> from infnet_monai.comparison.compare import compare
    >>> from infnet_monai.comparison.options import ComparisonOptions, find_methods
    >>> methods = find_methods(["vgg16", "resnet50"], baselines=["unet"])
    >>> options = ComparisonOptions(Path("data"), Path("out"), methods, seeds=[0, 1])  # doctest: +SKIP
    >>> compare(options).files  # doctest: +SKIP
"""
