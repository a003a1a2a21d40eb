import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from dicom_series import write_slices
from typer.testing import CliRunner

from infnet_monai.cli import app
from infnet_monai.errors import InputError
from infnet_monai.findings import Findings
from infnet_monai.follow_up import Visit, follow_up, read_visits
from infnet_monai.inference import LesionStatistics, MadeBy, ScanRecord, SegmentationSettings
from infnet_monai.scans import ScanIdentity, find_scans

SETTINGS = SegmentationSettings((352, 352), "auto", True, 0.5, False)
PATIENTS = "scan,patient,date\nct_b,Ada,2020-04-11\nct_a,Ada,20200401\nct_c,Ada,2020-05-01\nct_d,Bob,2020-01-01\n"


def write_record(folder, name, lesion_ml, percent, identity=None, warnings=(), **made_by):
    statistics = LesionStatistics(lesion_ml, 4000.0, 2100.0, 1900.0, percent, 5.0, 5.0, 40, 3, 2, 1.0, -300.5, False)
    identity = identity or ScanIdentity(f"/data/{name}.nii.gz", "", 10, 1.5)
    made = replace(MadeBy(identity, "infnet_vgg16", "0.1.0", "ab12", SETTINGS), **made_by)
    record = ScanRecord(name, made, "hu", True, tuple(warnings), statistics, findings=Findings(zone_score_0_to_24=7))
    record.write(folder / f"{name}.json")


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    write_record(folder, "ct_a", 200.0, 5.0)
    write_record(folder, "ct_b", 320.0, 8.25)
    write_record(folder, "ct_c", 80.0, None, warnings=["the left lung was not found"])
    write_record(folder, "ct_d", 1.0, 0.1)
    return folder


@pytest.fixture
def patients(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text(PATIENTS)
    return path


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")))


def test_scans_of_a_patient_are_ordered_by_date_with_what_has_changed(results, patients, tmp_path):
    written = follow_up(results, tmp_path / "new", patients)

    table = pd.read_csv(tmp_path / "new" / "follow_up.csv")
    assert table["scan"].tolist() == ["ct_a", "ct_b", "ct_c"]
    assert table["patient"].unique().tolist() == ["Ada"]
    assert table["days_since_first"].tolist() == [0, 10, 30]
    np.testing.assert_equal(table["change_of_lesion_volume_ml"].tolist(), [np.nan, 120, -240])
    np.testing.assert_equal(table["change_of_lesion_percent_of_lung"].tolist(), [np.nan, 3.25, np.nan])
    assert table["zone_score_0_to_24"].tolist() == [7, 7, 7]
    assert "quality" not in table
    assert written.single == 1
    page = text_of(tmp_path / "new" / "follow_up.html")
    assert "1 patient with two or more scans, 1 with warnings; 1 with one scan left out" in page
    assert "ct_c: the left lung was not found" in page
    assert "2020-04-11 10 320.0 +120.0 8.2 +3.2" in page
    assert (tmp_path / "new" / "follow_up" / "patient_1.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("made_by", "what"),
    [
        ({"weights": "cd34"}, "weights"),
        ({"version": "0.2.0", "settings": replace(SETTINGS, threshold=0.4)}, "bundle and settings"),
    ],
)
def test_other_weights_or_settings_are_a_warning_in_table_and_page(results, patients, tmp_path, made_by, what):
    write_record(results, "ct_b", 320.0, 8.0, **made_by)

    table = follow_up(results, tmp_path / "new", patients).table

    assert table["warnings"].tolist()[:2] == ["", f"{what} differ from those of the first scan"]
    assert f"ct_b: {what} differ from those of the first scan" in text_of(tmp_path / "new" / "follow_up.html")


class RatedRecord(ScanRecord):
    """A record with an estimate of the mask's quality."""

    def as_dict(self):
        quality = {
            "quality": "check",
            "predicted_dice": 0.71,
            "lesion_volume_low_ml": 9.0,
            "lesion_volume_high_ml": 12.0,
        }
        return {**super().as_dict(), "quality": quality}


def test_an_estimate_of_quality_is_in_table_page_and_picture(results, patients, tmp_path, monkeypatch):
    follow_up(results, tmp_path / "plain", patients)
    monkeypatch.setattr("infnet_monai.inference.summary_entries.ScanRecord", RatedRecord)

    table = follow_up(results, tmp_path / "new", patients).table

    assert table.columns[-5:-1].tolist() == [
        "quality",
        "predicted_dice",
        "lesion_volume_low_ml",
        "lesion_volume_high_ml",
    ]
    assert set(table["predicted_dice"]) == {0.71}
    assert "check 0.71" in text_of(tmp_path / "new" / "follow_up.html")
    widths = [plt.imread(tmp_path / name / "follow_up" / "patient_1.png").shape[1] for name in ("plain", "new")]
    assert widths[1] == pytest.approx(1.5 * widths[0], abs=2)  # three panels instead of two


def test_two_scans_of_one_day_have_no_order(results, patients, tmp_path):
    patients.write_text(PATIENTS.replace("2020-04-11", "2020-04-01"))

    table = follow_up(results, tmp_path / "new", patients).table

    assert table["days_since_first"].tolist() == [0, 0, 30]
    assert table["change_of_lesion_volume_ml"].isna().all()
    assert table["warnings"][0] == "another scan of this patient has the same date; their order is not known"


def write_dicom(folder, **tags):
    positions = [np.array([0.0, 0.0, 5.0 * k]) for k in range(2)]
    write_slices(folder, positions, np.zeros((2, 8, 8), dtype=np.int16), tags=tags)
    (source,) = find_scans([folder])
    return source.identity()


def test_patient_and_date_come_from_dicom_headers_and_the_identifier_stays_out(tmp_path):
    results = tmp_path / "out"
    results.mkdir()
    for name, date, ml in (("late", "20200520", 10.0), ("early", "20200510", 30.0)):
        identity = write_dicom(tmp_path / name, PatientID="MRN-4711", StudyDate=date)
        write_record(results, name, ml, 1.0, identity)

    table = follow_up(results, tmp_path / "new").table

    assert table["scan"].tolist() == ["early", "late"]
    assert table["date"].tolist() == ["2020-05-10", "2020-05-20"]
    assert table["patient"].tolist() == ["1", "1"]
    assert "4711" not in "".join(path.read_text() for path in (tmp_path / "new").glob("follow_up.*") if path.is_file())
    assert set(follow_up(results, tmp_path / "new", show_patient_id=True).table["patient"]) == {"MRN-4711"}


def test_without_a_date_the_order_is_not_guessed(results, tmp_path):
    with pytest.raises(InputError, match=r"ct_a: no DICOM series, so patient and date are not known; give --patients"):
        follow_up(results, tmp_path / "new")
    undated = tmp_path / "undated"
    undated.mkdir()
    write_record(undated, "ct", 1.0, 1.0, write_dicom(tmp_path / "dicom", PatientID="1", StudyDate=None))
    with pytest.raises(InputError, match=r"has no StudyDate, and the order is not guessed; give --patients"):
        follow_up(undated, tmp_path / "new")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scan,patient\nct_a,Ada\n", "has no column date; expected a CSV file with columns scan, patient and date"),
        ("scan,patient,date\nct_a,Ada,1.4.2020\n", "line 2: '1.4.2020' is no date; expected YYYY-MM-DD or YYYYMMDD"),
        ("scan,patient,date\nct_a,Ada,\n", "line 2: has no date"),
        ("scan,patient,date\nct_a,,2020-01-01\n", "line 2: has no patient"),
        ("scan,patient,date\nct_a,A,2020-01-01\nct_a,A,2020-01-02\n", "scan 'ct_a' is listed twice"),
        ("scan,patient,date\nct_x,A,2020-01-01\n", "has no results of scan 'ct_x'; segment it or remove its row"),
        ("scan,patient,date\nct_a,A,2020-01-01\n", "no patient has two scans with results"),
    ],
)
def test_bad_tables_of_patients_are_refused_in_one_line(results, patients, tmp_path, text, message):
    patients.write_text(text)
    with pytest.raises(InputError) as error:
        follow_up(results, tmp_path / "new", patients)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "new").exists()


def test_names_of_patients_may_be_any_text(results, patients, tmp_path):
    patients.write_text(PATIENTS.replace("Ada", "<b>../Ada").replace("Bob", "<b>../Ada"))

    follow_up(results, tmp_path / "new", patients)

    assert "<b>" not in (tmp_path / "new" / "follow_up.html").read_text()
    assert sorted(path.name for path in (tmp_path / "new" / "follow_up").iterdir()) == ["patient_1.png"]


def test_dates_are_read_in_both_forms(patients):
    dates = [visit.date.isoformat() for visit in read_visits(patients)]
    assert dates == ["2020-04-11", "2020-04-01", "2020-05-01", "2020-01-01"]
    assert isinstance(read_visits(patients)[0], Visit)


def test_the_command_says_what_it_wrote(results, patients, tmp_path):
    target = tmp_path / "new"

    done = CliRunner().invoke(app, ["follow-up", str(results), "--patients", str(patients), "-o", str(target)])

    assert done.exit_code == 0, done.output
    assert (
        f"1 patients with 3 scans\n1 patients with one scan are left out\nwrote {target}/follow_up.csv" in done.output
    )
    assert "1 scans with warnings" in done.output
    failed = CliRunner().invoke(app, ["follow-up", str(tmp_path / "none"), "-o", str(target)])
    assert failed.exit_code == 1
    assert "no such folder; expected the folder that infnet segment was given as OUT" in failed.output
