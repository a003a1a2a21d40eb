import sys

import nibabel as nib
import numpy as np
import pytest
from dicom_series import AXIAL, write_series
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from infnet_monai.errors import InputError
from infnet_monai.inference.dicom_seg import write_dicom_seg
from infnet_monai.scans.load import load_scan

highdicom = pytest.importorskip("highdicom")
dcmread = pytest.importorskip("pydicom").dcmread

CORONAL = (1, 0, 0, 0, 0, -1)
OBLIQUE = (0.8, 0.6, 0, -0.48, 0.64, 0.6)


def read_back(path, shape, affine):
    """The mask of a SEG on the grid of a scan, by the position of each pixel in the patient."""
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    voxels = np.argwhere(volume.array > 0)
    ras = np.diag([-1, -1, 1, 1]) @ volume.affine @ np.c_[voxels, np.ones(len(voxels))].T
    index = (np.linalg.inv(affine) @ ras)[:3]
    np.testing.assert_allclose(index, np.rint(index), atol=1e-3)
    mask = np.zeros(shape, dtype=np.uint8)
    mask[tuple(np.rint(index).astype(int))] = 1
    return mask


def averaged(scan):
    """The affine of a scan whose slices are read 5 % further apart than they are."""
    return np.asarray(scan.affine) @ np.diag([1, 1, 1.05, 1])


def some_lesion(shape):
    mask = np.zeros(shape, dtype=np.uint8)
    mask[1:3, 2:4, 1:3] = 1
    mask[-1, 0, 1] = 1
    return mask


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, OBLIQUE], ids=["axial", "coronal", "oblique"])
def test_a_mask_reads_back_with_the_same_geometry(tmp_path, orientation):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4, orientation=orientation)
    scan = load_scan(tmp_path / "ct")
    mask, affine = some_lesion(scan.shape[1:]), np.asarray(scan.affine)

    path = write_dicom_seg(mask, affine, tmp_path / "ct", tmp_path / "seg" / "lesion.dcm")

    np.testing.assert_array_equal(read_back(path, mask.shape, affine), mask)


def test_pixels_go_to_the_images_they_were_found_in(tmp_path):
    values = write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")

    path = write_dicom_seg(np.asarray(scan[0]) > 60, scan.affine, tmp_path / "ct", tmp_path / "lesion.dcm")

    segmentation = highdicom.seg.segread(path)
    assert segmentation.NumberOfFrames == 2  # of the four images, the third and the fourth have values above 60
    by_position = sorted(
        zip(
            (f.PlanePositionSequence[0].ImagePositionPatient[2] for f in segmentation.PerFrameFunctionalGroupsSequence),
            segmentation.pixel_array,
            strict=True,
        ),
        key=lambda pair: pair[0],
    )
    np.testing.assert_array_equal([pixels for _, pixels in by_position], values[2:] > 60)


@pytest.mark.parametrize("axes", ["RAS", "PLS", "SLA"])
def test_the_axis_order_of_the_mask_does_not_matter(tmp_path, axes):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")
    mask, affine = some_lesion(scan.shape[1:]), np.asarray(scan.affine)
    turn = ornt_transform(io_orientation(affine), axcodes2ornt(axes))

    path = write_dicom_seg(
        apply_orientation(mask, turn), affine @ inv_ornt_aff(turn, mask.shape), tmp_path / "ct", tmp_path / "lesion.dcm"
    )

    np.testing.assert_array_equal(read_back(path, mask.shape, affine), mask)


def test_the_segment_is_named_by_snomed_codes_and_refers_to_the_images(tmp_path):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")

    write_dicom_seg(
        some_lesion(scan.shape[1:]), scan.affine, tmp_path / "ct", tmp_path / "lesion.dcm", algorithm="infnet_vgg16"
    )

    segmentation = highdicom.seg.segread(tmp_path / "lesion.dcm")
    (segment,) = segmentation.SegmentSequence
    codes = {
        (sequence[0].CodeValue, sequence[0].CodingSchemeDesignator)
        for sequence in (
            segment.SegmentedPropertyCategoryCodeSequence,
            segment.SegmentedPropertyTypeCodeSequence,
            segment.AnatomicRegionSequence,
        )
    }
    assert codes == {("49755003", "SCT"), ("52988006", "SCT"), ("39607008", "SCT")}
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert segment.SegmentAlgorithmName == "infnet_vgg16"
    assert segmentation.PatientID == "phantom"
    assert len(segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 4


def test_an_empty_mask_gives_a_valid_object(tmp_path):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")

    path = write_dicom_seg(np.zeros(scan.shape[1:]), scan.affine, tmp_path / "ct", tmp_path / "lesion.dcm")

    assert not highdicom.seg.segread(path).pixel_array.any()


def move_images(folder, move):
    """Give each image of a series, counted from the feet, the position that a function makes of its own."""
    for file in folder.iterdir():
        image = dcmread(file)
        number = int(file.stem.rsplit("_", 1)[1])
        image.ImagePositionPatient = list(move(number, np.array(image.ImagePositionPatient, dtype=float)))
        image.save_as(file)


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (lambda k, mm: np.add(mm, [0, 0, 4 if k > 5 else 0]), "4.00 to 8.00 mm apart, not evenly spaced"),
        (lambda k, mm: np.add(mm, [0, 1.5 * k, 0]), "sheared by gantry tilt"),
        (lambda k, mm: np.subtract(mm, [0, 0, 4 if k == 7 else 0]), "two images of the series are at one position"),
    ],
    ids=["gap", "tilt", "duplicate"],
)
def test_an_irregular_series_is_named_as_the_reason(tmp_path, move, words):
    write_series(tmp_path / "ct", rows=24, columns=20, slices=8)
    regular = load_scan(tmp_path / "ct")
    move_images(tmp_path / "ct", move)

    with pytest.raises(InputError, match=words) as caught:
        write_dicom_seg(np.zeros(regular.shape[1:]), averaged(regular), tmp_path / "ct", tmp_path / "lesion.dcm")
    assert "give the mask" not in str(caught.value)


def test_headers_that_lack_what_a_seg_must_have_are_one_line(tmp_path):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")
    for file in (tmp_path / "ct").iterdir():
        image = dcmread(file)
        del image.PatientID
        image.save_as(file)

    with pytest.raises(InputError, match=r"ct: no DICOM SEG can be built for these images \(.*PatientID"):
        write_dicom_seg(np.zeros(scan.shape[1:]), scan.affine, tmp_path / "ct", tmp_path / "lesion.dcm")


@pytest.mark.parametrize("shift_mm", [(0.7, 0, 0), (0, 0, 16)])
def test_a_mask_off_the_grid_of_the_series_is_refused(tmp_path, shift_mm):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")
    affine = nib.affines.from_matvec(np.eye(3), shift_mm) @ np.asarray(scan.affine)

    with pytest.raises(InputError, match="not on the voxels of the series"):
        write_dicom_seg(some_lesion(scan.shape[1:]), affine, tmp_path / "ct", tmp_path / "lesion.dcm")
    assert not (tmp_path / "lesion.dcm").exists()


def test_lesions_outside_the_images_are_refused(tmp_path):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")
    taller = np.zeros((*scan.shape[1:3], 7))
    taller[2, 2, 6] = 1

    with pytest.raises(InputError, match="outside the images"):
        write_dicom_seg(taller, scan.affine, tmp_path / "ct", tmp_path / "lesion.dcm")


def test_without_highdicom_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)

    with pytest.raises(InputError, match=r"infnet-monai\[dicom\]"):
        write_dicom_seg(np.zeros((2, 2, 2)), np.eye(4), tmp_path, tmp_path / "lesion.dcm")


def test_a_real_anonymised_series(test_data, tmp_path, caplog):
    scan = load_scan(test_data / "dicom_ct_series")
    mask = np.zeros(scan.shape[1:], dtype=np.uint8)
    mask[100:150, 200:300, 3:9] = 1
    mask[400, 50, 19] = 1

    path = write_dicom_seg(mask, scan.affine, test_data / "dicom_ct_series", tmp_path / "lesion.dcm")

    np.testing.assert_array_equal(read_back(path, mask.shape, np.asarray(scan.affine)), mask)
    assert "no SeriesInstanceUID, StudyInstanceUID" in caplog.text
