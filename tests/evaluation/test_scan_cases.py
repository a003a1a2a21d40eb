import numpy as np
import pytest
from written_masks import SHAPE, write_mask, write_segmented

from infnet_monai.errors import InputError
from infnet_monai.evaluation.scan_cases import find_scan_cases

EMPTY = np.zeros(SHAPE)


@pytest.fixture
def folders(tmp_path):
    """Folder of ``infnet segment`` with three scans, and references of two of them."""
    for name in ("scan_10", "scan_2", "healthy_1"):
        write_segmented(tmp_path / "out", name, EMPTY, lungs=EMPTY + 1)
    for name in ("scan_10", "scan_2", "scan_3"):
        write_mask(tmp_path / "labels", name, EMPTY)
    return tmp_path / "out", tmp_path / "labels"


def test_masks_of_infnet_segment_are_paired_by_the_scan_s_name(folders):
    out, labels = folders
    found = find_scan_cases([out], labels)
    assert [case.name for case in found.cases] == ["scan_2", "scan_10"]
    first = found.cases[0]
    assert (first.prediction, first.reference) == (out / "scan_2_infection.nii.gz", labels / "scan_2.nii.gz")
    assert (first.lungs, first.lungs_from) == (out / "scan_2_lungs.nii.gz", "prediction")
    assert first.model == "tiny 1.0 (c0ffeec0ffee)"
    assert (found.without_reference, found.without_prediction, found.failures) == (["healthy_1"], ["scan_3"], {})


def test_any_other_folder_is_paired_by_file_names_at_any_depth(tmp_path):
    for folder in ("masks", "labels"):
        write_mask(tmp_path / folder, "patient/ct", EMPTY)
        write_mask(tmp_path / folder, ".draft/ct", EMPTY)
    found = find_scan_cases([tmp_path / "masks"], tmp_path / "labels")
    assert [case.name for case in found.cases] == ["patient/ct"]
    assert (found.cases[0].lungs, found.cases[0].model) == (None, "")


def test_scans_without_lesions_are_named_by_pattern_or_file_and_need_no_reference(folders, tmp_path):
    out, labels = folders
    for given in ("healthy_1", "healthy_*", "list.txt"):
        (tmp_path / "list.txt").write_text("healthy_1\n\n")
        text = str(tmp_path / given) if given.endswith("txt") else given
        found = find_scan_cases([out], labels, lesion_free=[text])
        healthy = next(case for case in found.cases if case.name == "healthy_1")
        assert (healthy.reference, healthy.lesion_free) == (None, True)
        assert found.without_reference == []
    assert [case.name for case in find_scan_cases([out], lesion_free=["healthy_1"]).cases] == ["healthy_1"]


def test_misspelt_name_of_a_scan_without_lesions_is_refused(folders):
    with pytest.raises(InputError, match="--lesion-free helthy_1: no prediction has this name; there are healthy_1, s"):
        find_scan_cases([folders[0]], folders[1], lesion_free=["helthy_1"])
    with pytest.raises(InputError, match=r"nowhere.txt: no such file"):
        find_scan_cases([folders[0]], folders[1], lesion_free=["nowhere.txt"])


def test_given_lungs_come_before_those_of_the_prediction(folders, tmp_path):
    write_mask(tmp_path / "lungs", "scan_2_lungs", EMPTY)
    found = find_scan_cases([folders[0]], folders[1], tmp_path / "lungs")
    assert [(case.name, case.lungs_from) for case in found.cases] == [("scan_2", "given"), ("scan_10", "prediction")]
    assert found.cases[0].lungs == tmp_path / "lungs" / "scan_2_lungs.nii.gz"


def test_lungs_do_not_count_where_the_record_has_no_fraction_of_them(folders):
    write_segmented(folders[0], "scan_2", EMPTY, lungs=EMPTY + 1, percent=None)
    found = find_scan_cases([folders[0]], folders[1])
    assert [(case.lungs is None, case.lungs_from) for case in found.cases] == [(True, ""), (False, "prediction")]


def test_folds_are_evaluated_together_and_a_scan_in_two_of_them_is_a_failure(folders, tmp_path):
    write_segmented(tmp_path / "fold_2", "scan_3", EMPTY, weights="deadbeef" * 8)
    write_segmented(tmp_path / "fold_2", "scan_2", EMPTY)
    found = find_scan_cases([folders[0], tmp_path / "fold_2"], folders[1])
    assert [case.name for case in found.cases] == ["scan_3", "scan_10"]
    assert found.cases[0].model == "tiny 1.0 (deadbeefdead)"
    assert list(found.failures) == ["scan_2"]
    assert "fold_2/scan_2_infection.nii.gz is of the same scan" in found.failures["scan_2"]


def test_mask_without_its_record_is_an_unfinished_segmentation(folders):
    (folders[0] / "scan_2.json").unlink()
    found = find_scan_cases([folders[0]], folders[1])
    assert "scan_2_infection.nii.gz: its record scan_2.json is missing" in found.failures["scan_2"]


def test_damaged_record_is_a_failure_of_that_scan(folders):
    (folders[0] / "scan_2.json").write_text("{")
    found = find_scan_cases([folders[0]], folders[1])
    assert "scan_2.json: is no record of a segmentation" in found.failures["scan_2"]
    assert len(found.cases) == 1


def test_nothing_to_evaluate_is_one_line(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"none of the 3 predictions has the name of a mask in .*empty"):
        find_scan_cases([folders[0]], tmp_path / "empty")
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find_scan_cases([tmp_path / "nowhere"], folders[1])
