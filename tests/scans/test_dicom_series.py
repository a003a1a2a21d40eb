import os
import shutil

import numpy as np
import pytest
from dicom_series import AXIAL, CORONAL, make_image, new_series, save, write_heights, write_slices

from infnet_monai.errors import InputError
from infnet_monai.scans.dicom_series import dicom_files, dicom_sources, find_series
from infnet_monai.scans.load import load_scan
from infnet_monai.scans.source import Severity

HEIGHTS = [4.0 * k for k in range(6)]
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
STRUCTURED_REPORT = "1.2.840.10008.5.1.4.1.1.88.22"


def sources(folder, name="ct"):
    return dicom_sources(dicom_files(folder), folder, name)


def codes(source):
    return {problem.code: problem.severity for problem in source.problems}


def heights(source):
    return load_scan(source)[0, 0, 0].tolist()


def test_series_are_sorted_by_number_and_named_after_it_and_their_description(tmp_path):
    write_heights(tmp_path, HEIGHTS, prefix="b", series=new_series(12, "Lung/1.5 Br59 é"))
    write_heights(tmp_path, HEIGHTS[:4], prefix="a", series=new_series(3, "Thorax"))
    first, second = sources(tmp_path)
    assert [first.name, second.name] == ["ct-3-thorax", "ct-12-lung-1-5-br59"]
    assert (len(first.files), len(second.files)) == (4, 6)
    assert second.title == f'{tmp_path} (series 12 "Lung/1.5 Br59 é")'
    assert first.is_dicom
    assert load_scan(second).shape == (1, 5, 4, 6)


def test_the_header_says_what_the_files_say(tmp_path):
    write_heights(tmp_path, HEIGHTS, series=new_series(3, "Thorax"), tags={"RescaleType": "HU"})
    header = find_series(tmp_path).header
    assert (header.modality, header.units, header.thickness_mm) == ("CT", "HU", 4)
    assert header.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert (header.series_number, header.series_description, header.patient_id) == (3, "Thorax", "phantom")
    assert header.positions_mm == tuple(HEIGHTS)
    assert header.series_uid
    assert header.study_uid


def test_thickness_is_compared_as_a_number(tmp_path):
    write_heights(tmp_path, HEIGHTS, tags={"SliceThickness": lambda k: ["5.6", "5.60"][k % 2]})
    (source,) = sources(tmp_path)
    assert (len(source.files), source.problems) == (6, ())


@pytest.mark.parametrize(
    "tags",
    [
        {"AcquisitionNumber": lambda k: k % 2},
        {"TemporalPositionIdentifier": lambda k: k % 2 + 1},
        {"ConvolutionKernel": lambda k: ["Br36f", "Bl57d"][k % 2]},
        {"ImageType": lambda k: ["ORIGINAL", "PRIMARY", "AXIAL", ["A", "B"][k % 2]]},
        {"SliceThickness": lambda k: [4, 5][k % 2]},
        {"AcquisitionTime": lambda k: ["120000", "120130"][k % 2]},
        {"InstanceNumber": lambda k: 1 + k // 2 + 6 * (k % 2)},
    ],
    ids=["acquisition", "time point", "kernel", "type", "thickness", "time", "number"],
)
def test_stacks_at_the_same_positions_are_separated_by_a_header_value(tmp_path, tags):
    write_heights(tmp_path, np.repeat(HEIGHTS, 2), tags=tags)
    first, second = sources(tmp_path)
    assert heights(first) == heights(second) == pytest.approx(HEIGHTS)
    assert first.problems == second.problems == ()
    assert not set(first.files) & set(second.files)
    assert first.series != second.series
    assert first.name != second.name
    assert load_scan(tmp_path, series=second.series).shape == (1, 5, 4, 6)


def test_interleaved_stacks_of_two_kernels_are_separated(tmp_path):
    """Slices of 4 mm and, with another kernel, of 6 mm, at positions of their own but for one in three."""
    stacks = [*((z, "Br36f") for z in HEIGHTS), *((6.0 * k + 1, "Bl57d") for k in range(4))]
    write_heights(tmp_path, [z for z, _ in stacks], tags={"ConvolutionKernel": lambda k: stacks[k][1]})
    first, second = sources(tmp_path)
    assert heights(first) == pytest.approx(HEIGHTS)
    assert heights(second) == pytest.approx([1, 7, 13, 19])


def test_two_acquisitions_one_above_the_other_stay_one_scan(tmp_path):
    write_heights(tmp_path, HEIGHTS, tags={"AcquisitionNumber": lambda k: k // 3})
    assert len(sources(tmp_path)) == 1


def test_positions_that_nothing_separates_are_refused(tmp_path):
    write_heights(tmp_path, np.repeat(HEIGHTS, 2))
    (source,) = sources(tmp_path)
    assert codes(source) == {"duplicate-positions": Severity.REFUSED}
    with pytest.raises(InputError, match=r"6 images are at the position of another one \(at 0\.0, 4\.0"):
        load_scan(source)
    assert heights(source.accepting(["duplicate-positions"])) == pytest.approx(HEIGHTS)


def test_copies_of_images_are_left_out_with_a_warning(tmp_path):
    for file in write_heights(tmp_path, HEIGHTS):
        shutil.copy(file, file.with_suffix(".copy"))
    (source,) = sources(tmp_path)
    assert codes(source) == {"duplicate-files": Severity.WARNING}
    assert heights(source) == pytest.approx(HEIGHTS)
    assert "6 DICOM files" in source.warnings[0]


def test_images_that_all_have_one_uid_are_no_copies(tmp_path):
    write_heights(tmp_path, HEIGHTS, tags={"SOPInstanceUID": "1.2.3"})
    assert find_series(tmp_path).problems == ()


def test_a_localizer_in_the_series_is_a_scan_of_its_own_that_is_skipped(tmp_path):
    series = new_series(2, "Thorax")
    write_heights(tmp_path, HEIGHTS, series=series)
    scout = np.zeros((1, 9, 8), np.int16)
    write_slices(tmp_path, [(0, 0, 0)], scout, CORONAL, prefix="scout", series=series)
    ct, localizer = sources(tmp_path)
    assert ct.problems == ()
    assert codes(localizer)["localizer"] is Severity.SKIPPED
    assert find_series(tmp_path).files == ct.files


def test_a_series_of_localizers_is_skipped_by_its_type(tmp_path):
    write_heights(tmp_path, HEIGHTS[:2], tags={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})
    assert codes(find_series(tmp_path)) == {"localizer": Severity.SKIPPED}


@pytest.mark.parametrize(
    ("tags", "code", "severity"),
    [
        ({"Modality": "MR"}, "not-ct", Severity.SKIPPED),
        ({"Modality": "PT"}, "not-ct", Severity.SKIPPED),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, "not-ct", Severity.SKIPPED),
        ({"SOPClassUID": SECONDARY_CAPTURE}, "derived", Severity.SKIPPED),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "MIP"]}, "derived", Severity.SKIPPED),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "derived", Severity.SKIPPED),
        ({"RescaleSlope": None}, "no-rescale", Severity.WARNING),
        ({"RescaleIntercept": None}, "no-rescale", Severity.WARNING),
        ({"RescaleType": "US"}, "no-rescale", Severity.WARNING),
    ],
)
def test_what_a_series_is(tmp_path, tags, code, severity):
    write_heights(tmp_path, HEIGHTS, tags=tags)
    assert codes(find_series(tmp_path)) == {code: severity}


@pytest.mark.parametrize("kind", [["DERIVED", "PRIMARY", "AXIAL"], ["ORIGINAL", "SECONDARY", "AXIAL"], None])
def test_axial_slices_are_ct_whatever_made_them(tmp_path, kind):
    write_heights(tmp_path, HEIGHTS, tags={"ImageType": kind})
    assert find_series(tmp_path).problems == ()


def test_colour_images_are_skipped(tmp_path):
    colours = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PixelData": bytes(4 * 5 * 3 * 2)}
    write_heights(tmp_path, HEIGHTS, tags=colours)
    assert codes(find_series(tmp_path)) == {"not-grey": Severity.SKIPPED}


def test_coronal_reformats_of_a_volume_are_read_with_a_warning(tmp_path):
    positions = [(0, 4.0 * k, 0) for k in range(6)]
    write_slices(tmp_path, positions, np.zeros((6, 4, 5)), CORONAL)
    assert codes(find_series(tmp_path)) == {"reformatted": Severity.WARNING}
    assert "coronal" in find_series(tmp_path).warnings[0]


def test_a_few_reformats_are_skipped(tmp_path):
    write_slices(tmp_path, [(0, 4.0 * k, 0) for k in range(2)], np.zeros((2, 4, 5)), CORONAL)
    assert codes(find_series(tmp_path)) == {"derived": Severity.SKIPPED}


def test_objects_without_images_are_skipped_beside_the_ct(tmp_path):
    write_heights(tmp_path, HEIGHTS)
    report = make_image(np.zeros((2, 2)), AXIAL, (0, 0, 0), (1, 1, 1), new_series(5, "Findings"))
    report.SOPClassUID, report.Modality = STRUCTURED_REPORT, "SR"
    for name in ("Rows", "Columns", "PixelData"):
        delattr(report, name)
    save(report, tmp_path / "report.dcm")
    other, ct = sources(tmp_path)
    assert codes(other) == {"not-ct": Severity.SKIPPED}
    assert ct.problems == ()
    assert load_scan(tmp_path).shape == (1, 5, 4, 6)
    with pytest.raises(InputError, match="the modality is SR, not CT; there are no pixels"):
        load_scan(other)


def test_values_that_are_not_what_the_standard_wants_do_no_harm(tmp_path):
    files = write_heights(tmp_path, HEIGHTS, series=new_series(7, "Thorax \x1b[31m"))
    for file in files:
        content = file.read_bytes()
        series_number = content.index(b"\x20\x00\x11\x00IS") + 8
        file.write_bytes(content[:series_number] + b"a7" + content[series_number + 2 :])
    source = find_series(tmp_path)
    assert source.header.series_number is None
    assert source.header.series_description == "Thorax [31m"
    assert source.problems == ()


@pytest.mark.parametrize("keep", [lambda size: size - 20, lambda size: 400, lambda size: 150])
def test_a_truncated_file_is_listed_and_its_series_warns(tmp_path, keep):
    files = write_heights(tmp_path, [4.0 * k for k in range(20)])
    files[7].write_bytes(files[7].read_bytes()[: keep(files[7].stat().st_size)])
    ct, unreadable = sources(tmp_path)
    assert codes(ct) == {"missing-slices": Severity.WARNING, "unreadable-files": Severity.WARNING}
    assert codes(unreadable) == {"unreadable": Severity.REFUSED}
    assert files[7].name in unreadable.refusal
    assert ct.name == "ct"
    assert load_scan(tmp_path).shape == (1, 5, 4, 20)


def test_a_file_that_vanishes_before_it_is_read_is_listed(tmp_path):
    paths = [*write_heights(tmp_path, HEIGHTS), tmp_path / "gone.dcm"]
    _, unreadable = dicom_sources(paths, tmp_path, "ct")
    assert "gone.dcm" in unreadable.refusal


def test_what_is_no_file_is_not_opened(tmp_path):
    write_heights(tmp_path, HEIGHTS)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "notes.txt").write_text("DICM")
    assert len(dicom_files(tmp_path)) == 6


def test_several_series_in_a_folder_are_listed(tmp_path):
    write_heights(tmp_path, HEIGHTS, prefix="a", series=new_series(3, "Thorax"))
    write_heights(tmp_path, HEIGHTS, prefix="b", series=new_series(4, "Lung"))
    with pytest.raises(InputError, match=r"holds 2 DICOM series; give one.*-3-thorax.*-4-lung"):
        load_scan(tmp_path)
    with pytest.raises(InputError, match="DICOM series 'nonsense' not found"):
        load_scan(tmp_path, series="nonsense")


def test_a_real_anonymised_series_has_no_problem(test_data):
    (source,) = sources(test_data / "dicom_ct_series")
    assert source.problems == ()
    assert source.header.spacing_mm == (0.9765625, 0.9765625, 2.0)
    assert source.header.shape == (512, 512, 20)
    assert source.is_dicom
