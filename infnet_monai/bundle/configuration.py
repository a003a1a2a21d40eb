"""What the bundles' configurations need of Python: texts of the command line, and lists composed by name."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, NoReturn

from infnet_monai.errors import InputError

__all__ = ["handlers", "leaves_one_over", "required_dataset_dir", "switch"]


def switch(value: Any) -> Any:
    """Turn the texts ``true`` and ``false``, as ``monai.bundle`` hands them over, into booleans.

    Args:
        value: Value of a configuration item; everything else stays as it is.

    Example:
        >>> switch("false"), switch(True), switch("auto")
        (False, True, 'auto')
    """
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def handlers(*entries: Any) -> list[Any]:
    """Compose the handlers of an engine, in the order in which they are attached.

    Args:
        *entries: Handlers and lists of handlers; ``None`` stands for one that is disabled or that no overlay has
            named, and is dropped.

    Example:
        >>> handlers("schedule", None, ["validation", None], "checkpoint")
        ['schedule', 'validation', 'checkpoint']
    """
    composed: list[Any] = []
    for entry in entries:
        composed += handlers(*entry) if isinstance(entry, list | tuple) else [entry] if entry is not None else []
    return composed


def leaves_one_over(samples: Sized, batch_size: int) -> bool:
    """Tell whether the last batch would hold a single sample, on which batch normalisation may be undefined.

    Args:
        samples: The data set, or the sampler of this rank.
        batch_size: Samples in a batch.

    Example:
        >>> leaves_one_over(range(5), 2), leaves_one_over(range(1), 2)
        (True, False)
    """
    return len(samples) > batch_size and len(samples) % batch_size == 1


def required_dataset_dir() -> NoReturn:
    """Refuse a training that names no data set, where the built-in phantom would go unnoticed.

    Raises:
        InputError: Always.
    """
    raise InputError(
        "dataset_dir: not given; name the site's folder that python workflows/prepare_data.py has prepared"
    )
