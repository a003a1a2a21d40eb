import pytest

from infnet_monai.errors import InputError
from infnet_monai.preparation.case_files import CaseFiles
from infnet_monai.preparation.groups import group_cases
from infnet_monai.scans import ScanHeader, ScanSource


@pytest.fixture
def cases(tmp_path):
    return [CaseFiles(name, tmp_path / f"{name}.nii", None) for name in ("p1_a", "p1_b", "p10_a")]


def test_a_regular_expression_takes_the_group_from_the_name(cases):
    assert group_cases(cases, "^(p[0-9]+)_") == {"p1_a": "p1", "p1_b": "p1", "p10_a": "p10"}


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("TSV", "\t")])
def test_a_column_of_a_table_names_the_groups(cases, tmp_path, suffix, separator):
    lines = [["sex", "case", "patient"], ["f", "p10_a", "007"], ["m", "p1_b", "008"], ["m", "p1_a ", "008"]]
    file = tmp_path / f"table.{suffix}"
    file.write_text("\n".join(separator.join(line) for line in lines))
    assert group_cases(cases, f"{file}:patient") == {"p1_a": "008", "p1_b": "008", "p10_a": "007"}


def test_patients_of_dicom_images_become_numbers(cases, monkeypatch):
    identifiers = {"p1_a": "MRN 9", "p1_b": "MRN 4", "p10_a": "MRN 9"}

    def find(inputs):
        (path,) = inputs
        return [ScanSource(path, path.stem, header=ScanHeader(patient_id=identifiers[path.stem]))]

    monkeypatch.setattr("infnet_monai.preparation.groups.find_scans", find)
    assert group_cases(cases, "PatientID") == {"p1_a": "patient 1", "p1_b": "patient 2", "p10_a": "patient 1"}
    identifiers["p1_b"] = ""
    with pytest.raises(InputError, match="group by PatientID: gives no group for p1_b"):
        group_cases(cases, "PatientID")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("(p[0-9]+", "is no regular expression"),
        ("p[0-9]+", "has 0 groups in parentheses, expected one"),
        ("(p)([0-9]+)", "has 2 groups in parentheses, expected one"),
        ("(p[0-9])_", "gives no group for p10_a; every case needs one"),
        ("table.csv:ward", "has no column 'ward'; it has 'case', 'patient'"),
        ("table.csv:patient", "gives no group for p1_b, p10_a"),
        ("twice.csv:patient", "case 'p1_a' is in two groups, '1' and '2'; keep one"),
        ("none.csv:patient", "none.csv: cannot be read as a table"),
    ],
)
def test_rules_that_cannot_be_used_are_one_line(cases, tmp_path, monkeypatch, rule, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text("case,patient\np1_a,1\np1_b,\n")
    (tmp_path / "twice.csv").write_text("case,patient\np1_a,1\np1_a,2\n")
    with pytest.raises(InputError) as caught:
        group_cases(cases, rule)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
