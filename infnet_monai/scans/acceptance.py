"""Which problems of scans a user accepts, and what becomes of a scan with others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from infnet_monai.errors import InputError
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.nifti_header import PICTURE_SUFFIXES
from infnet_monai.scans.source import PROBLEM_CODES, UNACCEPTABLE_CODES, Problem, ScanSource, Severity

__all__ = ["Acceptance", "ScanSkipped", "named_scan"]


class ScanSkipped(InputError):
    """A scan is not taken for a chest CT, and nobody asked for such scans.

    Args:
        title: The scan in messages.
        reason: Why it is skipped, without its path.

    Attributes:
        reason: The same.
    """

    def __init__(self, title: str, reason: str):
        super().__init__(f"{title}: {reason}; to segment it all the same: --all (all_scans)")
        self.reason = reason


@dataclass(frozen=True)
class Acceptance:
    """Which problems of scans are accepted, so that they become warnings.

    Attributes:
        codes: Codes of :data:`infnet_monai.scans.source.PROBLEM_CODES`; also one text with commas
            between them, as command lines give it.
        all_scans: Accept, too, what does not look like a chest CT.

    Raises:
        InputError: A code is unknown, or names a problem that cannot be accepted.

    Example:
        >>> Acceptance("missing-slices, no-lungs").codes
        ('missing-slices', 'no-lungs')
    """

    codes: tuple[str, ...] = ()
    all_scans: bool = False

    def __post_init__(self) -> None:
        given = self.codes.strip("[]()").split(",") if isinstance(self.codes, str) else self.codes
        if not isinstance(given, list | tuple):
            raise InputError(f"accept {given!r} cannot be used; give codes of problems, e.g. missing-slices")
        codes = tuple(str(code).strip() for code in given if str(code).strip())
        known = [code for code in PROBLEM_CODES if code not in UNACCEPTABLE_CODES]
        for code in codes:
            if code not in known:
                reason = PROBLEM_CODES.get(code, "unknown")
                raise InputError(f"accept {code!r}: {reason}; what can be accepted: {', '.join(known)}")
        if not isinstance(self.all_scans, bool):
            raise InputError(f"all_scans {self.all_scans!r} cannot be used; give True or False")
        object.__setattr__(self, "codes", codes)

    def accepts(self, problem: Problem) -> bool:
        """Return whether a problem of this kind is accepted."""
        return problem.code in self.codes or (self.all_scans and problem.severity is Severity.SKIPPED)

    def accepted_codes(self, scan: ScanSource) -> tuple[str, ...]:
        """Return the codes of a scan's problems without whose acceptance it would not be segmented, sorted."""
        barred = {problem for problem in scan.problems if problem.severity is not Severity.WARNING}
        return tuple(sorted({problem.code for problem in barred if self.accepts(problem)}))

    def admit(self, scan: ScanSource) -> ScanSource:
        """Return a scan with its accepted problems turned into warnings.

        Args:
            scan: The scan as it was found.

        Raises:
            ScanSkipped: It is not taken for a chest CT.
            InputError: It is refused.
        """
        admitted = scan.accepting(self.codes, self.all_scans)
        if admitted.skip_reason:
            raise ScanSkipped(admitted.title, admitted.skip_reason)
        admitted.check()
        return admitted

    def as_dict(self) -> dict[str, object]:
        """Return the content for JSON."""
        return {"accept": list(self.codes), "all_scans": self.all_scans}


def named_scan(path: str | Path, codes: Collection[str] = ()) -> ScanSource | Path:
    """Return a scan that a user has named as one, which is therefore never skipped.

    Args:
        path: File of a volume or picture, or folder of a DICOM series.
        codes: Codes of problems that are accepted; all of :data:`infnet_monai.scans.source.PROBLEM_CODES` for a scan
            that is in use already.

    Returns:
        The scan, refused where a problem says so; a picture as its path, since it has no headers.

    Raises:
        InputError: There is no such file, or the folder holds several scans.
    """
    path = Path(path)
    if path.name.lower().endswith(PICTURE_SUFFIXES):
        return path
    scans = [scan.accepting(codes, everything=True) for scan in find_scans([path])]
    if len(scans) > 1:
        raise InputError(f"{path}: holds {len(scans)} scans; give one of them")
    return scans[0]
