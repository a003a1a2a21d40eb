"""Every kind of scan ends right, with a warning, refused or skipped, through ``infnet segment``."""

import csv
import json
from dataclasses import dataclass

import kinds_of_series  # noqa: F401 - registers kinds
import kinds_of_volumes  # noqa: F401 - registers kinds
import pytest
from killed_segmenting import write_band_bundle
from kinds_of_scans import KINDS, Kind
from kinds_of_volumes import save
from typer.testing import CliRunner

from infnet_monai.cli import app

VOLUMES = ("lesion_volume_ml", "lung_volume_ml", "right_lung_volume_ml")
TOLERANCE = 0.01
OF_THE_NETWORK = "outside the chest were removed"  # the stand-in marks the skin, too


@dataclass
class Outcome:
    """Exit code and output of a run, and for each scan, sorted by name, its row of statistics and its warnings."""

    exit_code: int
    output: str
    rows: list[dict[str, str]]
    warnings: list[list[str]]

    def of_scans(self):
        """Row and warnings of each scan."""
        return zip(self.rows, self.warnings, strict=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A function that writes a kind's files and segments them, once."""
    folder, finished = tmp_path_factory.mktemp("kinds"), {}
    bundle = write_band_bundle(folder / "bundle")

    def segment(kind: Kind) -> Outcome:
        if kind.name not in finished:
            finished[kind.name] = run_kind(kind, folder, bundle)
        return finished[kind.name]

    return segment


def run_kind(kind, folder, bundle):
    scans, output = folder / kind.name, folder / "out" / kind.name
    scans.mkdir()
    kind.make(scans)
    options = ["--bundle", str(bundle), "--device", "cpu", "--no-report", *kind.options]
    done = CliRunner().invoke(app, ["segment", str(scans), "-o", str(output), *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    with open(output / "statistics.csv", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["scan"])
    return Outcome(done.exit_code, done.output, rows, [warnings_of(row, output) for row in rows])


def warnings_of(row, output):
    """The warnings in a scan's record, which the table has as one text, without that about the stand-in's skin."""
    if row["status"] != "done":
        return []
    warnings = json.loads((output / f"{row['scan']}.json").read_text())["warnings"]
    assert row["warnings"] == "; ".join(warnings)
    return [warning for warning in warnings if not warning.endswith(OF_THE_NETWORK)]


@pytest.fixture(scope="module")
def plain(run) -> dict[str, float]:
    """Volumes of the plain scan, a regular NIfTI file in HU."""
    outcome = run(Kind("plain", save, ()))
    return {name: float(outcome.rows[0][name]) for name in VOLUMES}


def largest_difference(row, plain):
    """Largest relative difference of a row's volumes from those of the plain scan; infinite where one is missing."""
    return max(abs(float(row[name]) / plain[name] - 1) if row[name] else float("inf") for name in VOLUMES)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_kind(kind, run, plain):
    outcome = run(kind)
    seen = [(row["scan"], row["status"], row["message"], warnings) for row, warnings in outcome.of_scans()]
    assert [row["status"] for row in outcome.rows] == [end.state for end in kind.ends], seen
    for end, (row, warnings) in zip(kind.ends, outcome.of_scans(), strict=True):
        texts = warnings if end.state == "done" else [row["message"]] * len(end.words)
        assert len(texts) == len(end.words), seen
        for words in end.words:
            assert any(words in text for text in texts), (words, seen)
        assert "\n" not in row["message"]
        assert end.state != "done" or bool(row["lung_volume_ml"]) == end.has_lungs, seen
        assert end.within is None or largest_difference(row, plain) <= end.within, (row, plain)
    states = {row["status"] for row in outcome.rows}
    assert outcome.exit_code == int("failed" in states or "done" not in states), outcome.output
    assert "Traceback" not in outcome.output


def test_there_are_many_kinds():
    assert len(KINDS) >= 40
    assert {end.state for kind in KINDS.values() for end in kind.ends} == {"done", "failed", "skipped"}


def test_the_plain_scan_has_lesions_lungs_and_no_warning(run, plain):
    (warnings,) = run(Kind("plain", save, ())).warnings
    assert plain["lesion_volume_ml"] > 100
    assert plain["lung_volume_ml"] > 1000
    assert warnings == []


def test_nobody_is_silently_wrong(run, plain):
    wrong = [
        (name, row["scan"], largest_difference(row, plain))
        for name, kind in KINDS.items()
        for row, warnings in run(kind).of_scans()
        if row["status"] == "done" and not warnings and largest_difference(row, plain) > TOLERANCE
    ]
    assert wrong == []
