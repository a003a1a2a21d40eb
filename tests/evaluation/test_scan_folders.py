import json

import numpy as np
import pytest
from written_masks import AFFINE, SHAPE, hand_worked_masks, write_mask, write_segmented

from infnet_monai.errors import InputError
from infnet_monai.evaluation.scan_folders import ScanFolders, evaluate_scans


@pytest.fixture
def folders(tmp_path):
    """The scan worked by hand, one found exactly and one without lesions."""
    prediction, reference, lungs = hand_worked_masks()
    write_segmented(tmp_path / "out", "ct_1", prediction, lungs)
    write_segmented(tmp_path / "out", "ct_2", reference, lungs)
    write_segmented(tmp_path / "out", "healthy", prediction, lungs)
    for name in ("ct_1", "ct_2"):
        write_mask(tmp_path / "labels", name, reference)
    return tmp_path / "out", tmp_path / "labels"


def test_table_has_a_row_a_scan_and_where_it_is_from(folders):
    found = evaluate_scans(ScanFolders([folders[0]], folders[1], lesion_free=["healthy"]))
    rows = found.table.set_index("case")
    assert rows["dice"].tolist() == pytest.approx([8 / 14, 1, 0])
    assert rows["reference"].tolist() == ["file", "file", "named lesion-free"]
    assert rows.loc["healthy", "predicted_percent_of_lung"] == pytest.approx(50)
    assert rows.loc["ct_1", "prediction"] == str(folders[0] / "ct_1_infection.nii.gz")
    assert found.groups["with_lesions"].metrics["dice"].mean == pytest.approx(11 / 14)
    assert found.groups["without_lesions"].metrics["false_positive_ml"].mean == pytest.approx(8)
    assert found.with_predicted_lungs == ["ct_1", "ct_2", "healthy"]


def test_empty_reference_is_a_scan_without_lesions(folders):
    write_mask(folders[1], "healthy", np.zeros(SHAPE))
    found = evaluate_scans(ScanFolders([folders[0]], folders[1]))
    assert found.groups["without_lesions"].scans == 1
    assert found.table.set_index("case").loc["healthy", "reference"] == "file"


def test_scan_on_another_grid_is_a_failure_and_the_others_are_measured(folders):
    moved = AFFINE.copy()
    moved[2, 3] = 20
    write_mask(folders[1], "ct_1", hand_worked_masks()[1], moved)
    found = evaluate_scans(ScanFolders([folders[0]], folders[1]))
    assert found.table["case"].tolist() == ["ct_2"]
    assert list(found.failures) == ["ct_1"]
    assert "its affine differs" in found.failures["ct_1"]
    assert found.without_reference == ["healthy"]


def test_no_measurable_scan_is_an_error_with_the_reasons(folders):
    for name in ("ct_1", "ct_2"):
        (folders[1] / f"{name}.nii.gz").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"(?s)ct_1.nii.gz: cannot be read.*ct_2.nii.gz: cannot.*No scan could be"):
        evaluate_scans(ScanFolders([folders[0]], folders[1]))


def test_summary_is_json_with_null_for_what_is_undefined(folders):
    content = evaluate_scans(ScanFolders([folders[0]], folders[1], lesion_free=["healthy"])).as_dict()
    read = json.loads(json.dumps(content, default=str, allow_nan=False))
    assert read["groups"]["with_lesions"]["metrics"]["dice"] == {
        "mean": pytest.approx(11 / 14),
        "low": None,
        "high": None,
        "minimum": pytest.approx(8 / 14),
        "maximum": 1,
        "defined": 2,
        "undefined": 0,
    }
    assert read["groups"]["with_lesions"]["agreement"]["ml"]["bias"] == pytest.approx(1)
    assert read["models"] == ["tiny 1.0 (c0ffeec0ffee)"]
    assert read["predictions"] == [str(folders[0])]
