import json
from dataclasses import replace

import pytest

from infnet_monai.errors import InputError
from infnet_monai.inference import LesionStatistics, MadeBy, ScanRecord, SegmentationSettings
from infnet_monai.scans import ScanIdentity

STATISTICS = LesionStatistics(1.25, 4000.0, 2100.0, 1900.0, 0.03125, 0.05, 0.0, 40, 3, 2, 1.0, -300.5, False)
EARLIER = {  # as the first version wrote it
    "scan": "ct",
    "made_by": {
        "scan": {"path": "/data/ct.nii.gz", "series": "", "bytes": 10, "modified": 1.5},
        "bundle": "infnet_vgg16 0.1.0",
        "weights": "ab12",
        "settings": {
            "image_size": [352, 352],
            "intensity": "auto",
            "lung_crop": True,
            "threshold": 0.5,
            "flips": False,
        },
    },
    "intensity": "hu",
    "lungs_found": True,
    "warnings": [],
    "statistics": STATISTICS.as_dict(),
    "seconds": {"read": 0.5, "numbers": 0.1},
}


@pytest.fixture
def record():
    settings = SegmentationSettings((352, 352), "auto", True, 0.5, False)
    made_by = MadeBy(
        ScanIdentity("/data/ct.nii.gz", "", 10, 1.5), "infnet_vgg16", "0.1.0", "ab12", settings, ("missing-slices",)
    )
    return ScanRecord("ct", made_by, "hu", True, ("one", "two"), STATISTICS, ("_infection.dcm",), {"read": 0.5})


def test_a_record_survives_its_file(record, tmp_path):
    record.write(tmp_path / "ct.json")
    read = ScanRecord.read(tmp_path / "ct.json")
    assert replace(read, statistics=STATISTICS) == record
    assert read.statistics.as_dict() == STATISTICS.as_dict()
    assert read.made_by.acceptance == ("missing-slices",)


def test_records_of_the_first_version_are_recognised(record, tmp_path):
    (tmp_path / "ct.json").write_text(json.dumps(EARLIER))
    read = ScanRecord.read(tmp_path / "ct.json")
    assert read.made_by == replace(record.made_by, acceptance=())
    assert read.not_made == ()


@pytest.mark.parametrize(
    "content", ["mine", "[]", "{}", json.dumps(EARLIER | {"statistics": {}}), json.dumps(EARLIER | {"made_by": 1})]
)
def test_another_file_is_no_record(tmp_path, content):
    (tmp_path / "ct.json").write_text(content)
    with pytest.raises(InputError, match=r"ct\.json: is no record of a segmentation; move it or give --overwrite"):
        ScanRecord.read(tmp_path / "ct.json")


def test_differences_are_named(record):
    made_by = record.made_by
    assert made_by.differences(made_by) == []
    assert made_by.differences(replace(made_by, version="0.2.0", weights="cd")) == ["bundle", "weights"]
    other = replace(made_by, settings=replace(made_by.settings, threshold=0.4))
    assert made_by.differences(other) == ["settings"]


def test_an_accepted_problem_is_a_difference(record):
    assert record.made_by.differences(replace(record.made_by, acceptance=())) == ["acceptance"]


def test_status_tells_of_warnings_and_of_lungs_that_were_sought_in_vain(record):
    assert record.status == "warning"
    record = replace(record, warnings=())
    assert record.status == "ok"
    without = replace(record, lungs_found=False)
    assert without.status == "no lungs"
    settings = replace(record.made_by.settings, lung_crop=False)
    assert replace(without, made_by=replace(record.made_by, settings=settings)).status == "ok"
