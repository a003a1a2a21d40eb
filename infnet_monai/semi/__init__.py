"""Semi-supervised training: pseudo labels for unlabelled slices by random propagation, as in Semi-Inf-Net.

Example:
    >>> from infnet_monai.semi.options import PropagationOptions
    >>> from infnet_monai.semi.propagate import propagate_labels
    >>> from infnet_monai.training import Recipe
    >>> recipe = Recipe.find("res2net50", overlays=["train_best.json"])
    >>> options = PropagationOptions(Path("data"), Path("slices"), Path("out"), recipe)  # doctest: +SKIP
    >>> propagate_labels(options).files  # doctest: +SKIP
"""
