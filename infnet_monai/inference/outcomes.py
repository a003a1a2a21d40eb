"""Why scans have no results: a small file for each, which survives the process and tells others."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from infnet_monai.files import write_json

__all__ = ["FAILED", "SKIPPED", "Outcome", "Outcomes"]

logger = logging.getLogger(__name__)

FAILED, SKIPPED = "failed", "skipped"
FOLDER = ".outcomes"  # scans in hidden folders are passed over, so that no scan's results can be there


@dataclass(frozen=True)
class Outcome:
    """Why the latest attempt at a scan ended without results.

    Attributes:
        scan: Name of the scan.
        status: ``"failed"`` or ``"skipped"``.
        message: One line that says why.
    """

    scan: str
    status: str
    message: str


class Outcomes:
    """The outcomes of the scans in a folder of results, each in a file that is written whole or not at all.

    Files are named by a hash of the scan's name, which may be as long as a file system allows.

    Args:
        output_dir: Folder of the results.
    """

    def __init__(self, output_dir: str | Path):
        self.folder = Path(output_dir) / FOLDER

    def write(self, outcome: Outcome) -> bool:
        """Write an outcome in place of an earlier one; where that is impossible, an error is logged.

        Args:
            outcome: The outcome.

        Returns:
            Whether it has been written.
        """
        try:
            write_json(asdict(outcome), self._path(outcome.scan))
        except OSError as error:  # e.g. a full disk, which must not end the run
            logger.error("%s: cannot note that it was %s (%s)", self._path(outcome.scan), outcome.status, error)
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove the outcome of a scan that is worked on again, if there is one.

        Args:
            name: Name of the scan.
        """
        self._path(name).unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        """Return whether there is an outcome of a scan."""
        return self._path(name).is_file()

    def read(self) -> Iterator[Outcome]:
        """Read all outcomes, in no order; a file that is none is logged and passed over."""
        if not self.folder.is_dir():
            return
        for path in self.folder.glob("[!.]*.json"):
            try:
                outcome = Outcome(**json.loads(path.read_text(encoding="utf-8")))
            except FileNotFoundError:  # removed meanwhile by a process that works on the scan
                continue
            except (OSError, ValueError, TypeError) as error:
                logger.warning("%s: cannot be read (%s); remove it", path, error)
                continue
            yield outcome

    def _path(self, name: str) -> Path:
        return self.folder / f"{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.json"
