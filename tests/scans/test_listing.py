"""The list of what is there: usable, skipped or refused, as table and text that no foreign name can spoil."""

from pathlib import Path

from infnet_monai.scans.listing import scan_table, scan_text
from infnet_monai.scans.source import Problem, ScanHeader, ScanSource, Severity

GOOD = ScanSource(Path("a.nii.gz"), "a", header=ScanHeader(shape=(512, 512, 300), spacing_mm=(0.7031, 0.7031, 1.25)))
SCOUT = ScanSource(
    Path("dicom"),
    "dicom-1-scout",
    "1.2.3",
    header=ScanHeader(series_number=1, series_description="Scout \x1b[31mAP\nsecond\u202e line", modality="CT"),
    problems=(Problem("localizer", "a localizer", Severity.SKIPPED),),
)
GAPS = ScanSource(Path("b.mha"), "b", problems=(Problem("missing-slices", "8 slices missing", Severity.REFUSED),))
BROKEN = ScanSource(Path("c.nii"), "c", problems=(Problem("unreadable", "cannot be read", Severity.REFUSED),))
BENT = ScanSource(Path("d.nrrd"), "d", problems=(Problem("units", "lengths in meter", Severity.WARNING),))
ALL = [GOOD, SCOUT, GAPS, BROKEN, BENT]


def test_the_table_has_a_row_for_each_scan():
    table = scan_table(ALL).set_index("name")
    assert table["state"].tolist() == ["segmented", "skipped", "refused", "refused", "segmented"]
    assert table["kind"].tolist() == ["NIfTI", "DICOM", "MetaImage", "NIfTI", "NRRD"]
    assert table.loc["a", "size"] == "512 x 512 x 300"
    assert table.loc["a", "spacing"] == "0.7031 x 0.7031 x 1.25"
    assert table.loc["b", "reason"] == "8 slices missing"
    assert table.loc["b", "codes"] == "missing-slices"
    assert table.loc["d", "warnings"] == "lengths in meter"
    assert table.loc["dicom-1-scout", "series_number"] == "1"
    assert scan_table([]).empty


def test_control_characters_of_foreign_files_reach_neither_terminal_nor_table():
    odd = ScanSource(Path("x\udc80.nii"), "x\udc80\x07")
    text = scan_text([SCOUT, odd])
    assert "Scout  [31mAP second  line" in text
    assert not any(sign in text for sign in "\x1b\x07\u202e\udc80")
    text.encode("utf-8")
    scan_table([odd]).to_csv().encode("utf-8")


def test_the_text_fits_a_terminal_and_ends_with_the_totals():
    long = ScanSource(
        Path("e.nii"),
        "a_very_long_name/" * 5 + "scan",
        header=GOOD.header,
        problems=(Problem("no-orientation", "word " * 60 + "x" * 150, Severity.REFUSED),),
    )
    lines = scan_text([*ALL, long]).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "6 found: 2 would be segmented (1 with warnings), 1 skipped, 3 refused"
    assert any(line.startswith("...") and "name/scan" in line for line in lines)
    assert "    skipped: a localizer" in lines
    assert "    warning: lengths in meter" in lines
