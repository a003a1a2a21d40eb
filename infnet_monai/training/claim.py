"""Claims on folders: what works there, with which options, and which process works there now."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from infnet_monai.errors import InputError
from infnet_monai.files import drafted_file, write_json
from infnet_monai.stage import StageBusy, hold_lock

__all__ = [
    "CONFIG_NAME",
    "FACTS",
    "changed_options",
    "claim_options",
    "claim_output_dir",
    "discard_drafts",
    "read_record",
    "wait_for_lock",
]

logger = logging.getLogger(__name__)

CONFIG_NAME = "config.json"
# Item of a recorded configuration with what is no option of the bundle, but must stay the same.
FACTS = "facts"
SHOWN_LETTERS = 60


def claim_output_dir(folder: Path, kind: str, description: str) -> None:
    """Mark a new or empty folder as that of a work; one that is marked so already is taken again.

    Args:
        folder: Folder of all results; created if needed.
        kind: What the work is, e.g. ``"comparison"``; the marker is ``KIND.json``.
        description: Text of the marker.

    Raises:
        InputError: The folder holds something else.
    """
    marker = folder / f"{kind}.json"
    if folder.exists() and not marker.is_file() and (not folder.is_dir() or _holds_something(folder, marker)):
        raise InputError(f"{folder}: exists and is not the folder of a {kind}; name another output folder")
    write_json({"description": description}, marker)


def _holds_something(folder: Path, marker: Path) -> bool:
    """Whether there is more than the draft of a marker, which a killed process leaves behind."""
    return any(drafted_file(path) != marker.name for path in folder.iterdir())


def claim_options(folder: Path, config: Mapping[str, Any], started: bool) -> None:
    """Record the options of a work; once it has started, they stay the same.

    Args:
        folder: Folder of the work; gets ``config.json``, which is a config file to put over a bundle's, too.
        config: Config items that differ from the bundle's, and under ``facts`` what else must stay the same.
        started: Whether there is anything that was done with the recorded options.

    Raises:
        InputError: The work was started with other options; the message names them.
    """
    if started and (changed := changed_options(folder, config)):
        raise InputError(
            f"{folder}: was run with other options ({'; '.join(changed)}); give those again, remove this folder to do "
            "its work again, or name another output folder"
        )
    write_json(config, folder / CONFIG_NAME)


def changed_options(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Compare options with the recorded ones.

    Args:
        folder: Folder of the work; where it has no ``config.json``, nothing is known to have changed.
        config: The options at hand, see :func:`claim_options`.

    Returns:
        The items that differ, in words.
    """
    path = folder / CONFIG_NAME
    if not path.is_file():
        return []
    before = read_record(path)
    if before is None:
        return [f"unknown, since {CONFIG_NAME} is damaged"]
    then, now = _flat(before), _flat(json.loads(json.dumps(config)))
    return [
        f"{name}: {_shown(then.get(name))} then, {_shown(now.get(name))} now"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    facts = config.get(FACTS)
    return {name: value for name, value in config.items() if name != FACTS} | (facts if isinstance(facts, dict) else {})


def _shown(value: Any) -> str:
    return json.dumps(value)[:SHOWN_LETTERS]


def discard_drafts(folder: Path) -> None:
    """Remove the drafts of :func:`infnet_monai.files.atomic_write` that killed processes have left.

    Args:
        folder: Folder of a work whose lock is held; its subfolders are searched, too.
    """
    for path in folder.rglob(".*-*"):
        if drafted_file(path):
            path.unlink(missing_ok=True)


def read_record(path: Path) -> dict[str, Any] | None:
    """Read a JSON record; None where there is none, or none that is whole: its work is done again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


@contextmanager
def wait_for_lock(path: Path, name: str) -> Iterator[int]:
    """Hold a lock, see :func:`infnet_monai.stage.hold_lock`; say so where another process has to end first.

    Args:
        path: Lock file.
        name: Name of the work, for the log.

    Yields:
        File descriptor of the lock.
    """
    with ExitStack() as stack:
        try:
            descriptor = stack.enter_context(hold_lock(path))
        except StageBusy:
            logger.info("%s: waiting for the process that works on it.", name)
            descriptor = stack.enter_context(hold_lock(path, wait=True))
        yield descriptor
