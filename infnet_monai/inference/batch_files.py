"""The files of a whole run: a table of statistics, an HTML report, and the record of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from infnet_monai.errors import one_line
from infnet_monai.files import back_up
from infnet_monai.inference.record import ScanRecord
from infnet_monai.reporting.html_report import ScanReport, write_html_report
from infnet_monai.run_record import RunRecord
from infnet_monai.stage import Stage

__all__ = ["RunFiles"]

TABLE, PAGE, RUN = "statistics.csv", "report.html", "run.json"


class RunFiles:
    """Table, report and record of a run in a folder, which appear together.

    Args:
        output_dir: Folder of the run.
    """

    def __init__(self, output_dir: Path):
        self.output_dir = output_dir
        self._stage = Stage(output_dir, "run", RUN)

    def write(
        self,
        run: RunRecord,
        names: Sequence[str],
        records: Sequence[ScanRecord],
        failures: Mapping[str, str],
        skipped: Mapping[str, str],
        reports: Sequence[ScanReport] | None,
    ) -> list[Path]:
        """Write the files; those of an earlier run on other scans are backed up.

        Args:
            run: Facts of the run; the state of each scan, failures, reasons and warnings are added.
            names: Names of all scans of the run.
            records: Records of the scans that have results.
            failures: One line for each scan that could not be segmented, by name.
            skipped: Why a scan is not taken for a chest CT, by name.
            reports: What the report says of each scan; ``None`` for no report.

        Returns:
            The files.
        """
        run.facts |= {
            "scans": _states(names, records, failures, skipped),
            "failures": dict(failures),
            "skipped": dict(skipped),
            "warnings": {record.scan: list(record.warnings) for record in records if record.warnings},
        }
        with self._stage.lock(wait=True):
            if not self._earlier_scans() <= set(run.facts["scans"]):
                back_up(self.output_dir, (TABLE, PAGE, RUN))
            with self._stage.draft() as draft:
                _table(records, failures, skipped).to_csv(draft / TABLE, index=False)
                if reports is not None:
                    with run.timer.stage("report"):
                        model = f"{run.facts['bundle']} {run.facts['bundle_version']}"
                        write_html_report(draft / PAGE, reports, model, run.as_dict(), skipped)
                run.write(draft / RUN)
                names = [name for name in (TABLE, PAGE, RUN) if (draft / name).exists()]
        return [self.output_dir / name for name in names]

    def _earlier_scans(self) -> set[str]:
        """Return the names of the scans of an earlier run; a record that cannot be read counts as other scans."""
        try:
            return set(json.loads((self.output_dir / RUN).read_text(encoding="utf-8"))["scans"])
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, KeyError, TypeError):
            return {"?"}


def _states(
    names: Sequence[str], records: Sequence[ScanRecord], failures: Mapping[str, str], skipped: Mapping[str, str]
) -> dict[str, str]:
    states = dict.fromkeys(failures, "failed") | dict.fromkeys(skipped, "skipped")
    states |= {record.scan: "done" for record in records}
    return {name: states.get(name, "not reached") for name in names}


def _table(records: Sequence[ScanRecord], failures: Mapping[str, str], skipped: Mapping[str, str]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for record in records:
        facts = {"scan": record.scan, "status": "done", "message": "", "warnings": "; ".join(record.warnings)}
        facts |= {
            "source": one_line(record.made_by.scan.path),
            "bundle": record.made_by.model,
            "intensity": record.intensity,
        }
        rows.append(facts | record.statistics.as_dict())
    for status, lines in (("failed", failures), ("skipped", skipped)):
        rows += [{"scan": name, "status": status, "message": line} for name, line in lines.items()]
    return pd.DataFrame(rows).convert_dtypes()
