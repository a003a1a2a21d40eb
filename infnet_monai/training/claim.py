"""Stages of a propagation: each keeps the options that it was started with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infnet_monai.comparison.options import changed_options
from infnet_monai.errors import InputError
from infnet_monai.files import write_json

__all__ = ["FACTS", "claim_stage"]

CONFIG_NAME = "config.json"
# Item of a stage's configuration with what is no option of the bundle, but must stay the same.
FACTS = "semi"


def claim_stage(folder: Path, config: Mapping[str, Any]) -> Path:
    """Write a stage's options, or compare them with those that it was started with before.

    Args:
        folder: Of the stage.
        config: Config items that differ from the bundle's, and facts of the stage under ``semi``.

    Returns:
        Path of ``config.json``, a config file to put over the bundle's.

    Raises:
        InputError: The stage was started with other options; the message names them.
    """
    path = folder / CONFIG_NAME
    if not path.is_file():
        write_json(config, path)
        return path
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = changed_options(before, json.loads(json.dumps(config)), FACTS, shown=60)
    if changed:
        raise InputError(
            f"{folder}: was run with other options ({'; '.join(changed)}); give those again, remove this folder to do "
            "its work anew, or name another output folder"
        )
    return path
