import sys

import nibabel as nib
import numpy as np
import pytest
from dicom_series import AXIAL, CORONAL, write_enhanced, write_heights, write_series
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from infnet_monai.errors import InputError
from infnet_monai.inference.dicom_seg import write_dicom_seg
from infnet_monai.label_scheme import LabelScheme
from infnet_monai.scans.dicom_series import find_series
from infnet_monai.scans.load import load_scan
from infnet_monai.scans.source import ScanSource

highdicom = pytest.importorskip("highdicom")
dcmread = pytest.importorskip("pydicom").dcmread

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

    path = write_dicom_seg(mask, affine, find_series(tmp_path / "ct"), tmp_path / "seg" / "lesion.dcm")

    np.testing.assert_array_equal(read_back(path, mask.shape, affine), mask)


def test_pixels_go_to_the_images_they_were_found_in(tmp_path):
    values = write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")

    path = write_dicom_seg(np.asarray(scan[0]) > 60, scan.affine, find_series(tmp_path / "ct"), tmp_path / "lesion.dcm")

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
        apply_orientation(mask, turn),
        affine @ inv_ornt_aff(turn, mask.shape),
        find_series(tmp_path / "ct"),
        tmp_path / "lesion.dcm",
    )

    np.testing.assert_array_equal(read_back(path, mask.shape, affine), mask)


def test_the_segment_is_named_by_snomed_codes_and_refers_to_the_images(tmp_path):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")

    write_dicom_seg(
        some_lesion(scan.shape[1:]),
        scan.affine,
        find_series(tmp_path / "ct"),
        tmp_path / "lesion.dcm",
        algorithm="infnet_vgg16",
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

    path = write_dicom_seg(np.zeros(scan.shape[1:]), scan.affine, find_series(tmp_path / "ct"), tmp_path / "lesion.dcm")

    assert not highdicom.seg.segread(path).pixel_array.any()


def test_a_series_with_missing_slices_gets_frames_for_its_real_slices(tmp_path):
    write_heights(tmp_path / "ct", [4.0 * k for k in range(20) if k != 7])
    scan = load_scan(tmp_path / "ct")
    assert scan.shape == (1, 5, 4, 20)
    mask = np.zeros(scan.shape[1:], dtype=np.uint8)
    mask[2, 1, 5:10] = 1

    path = write_dicom_seg(mask, scan.affine, find_series(tmp_path / "ct"), tmp_path / "lesion.dcm")

    segmentation = highdicom.seg.segread(path)
    heights = [
        frame.PlanePositionSequence[0].ImagePositionPatient[2]
        for frame in segmentation.PerFrameFunctionalGroupsSequence
    ]
    assert sorted(heights) == [20, 24, 32, 36]  # slices 5, 6, 8 and 9; slice 7 has no image
    assert segmentation.pixel_array.sum() == 4


def test_an_unevenly_spaced_series_is_named_as_the_reason(tmp_path):
    write_heights(tmp_path / "ct", [0, 2, 4, 7, 9, 12])
    scan = load_scan(tmp_path / "ct")

    with pytest.raises(InputError, match=r"the slices are 2\.00 to 3\.00 mm apart, not evenly spaced") as caught:
        write_dicom_seg(np.zeros(scan.shape[1:]), scan.affine, find_series(tmp_path / "ct"), tmp_path / "lesion.dcm")
    assert "give the mask" not in str(caught.value)


def test_a_tilted_series_gets_its_frames(tmp_path):
    write_heights(tmp_path / "ct", [4.0 * k for k in range(6)], shift=lambda k: (0, 1.5 * k))
    scan = load_scan(tmp_path / "ct")
    mask = some_lesion(scan.shape[1:])

    path = write_dicom_seg(mask, scan.affine, find_series(tmp_path / "ct"), tmp_path / "lesion.dcm")

    segmentation = highdicom.seg.segread(path)
    assert segmentation.pixel_array.sum() == mask.sum()
    origins = {
        tuple(frame.PlanePositionSequence[0].ImagePositionPatient)
        for frame in segmentation.PerFrameFunctionalGroupsSequence
    }
    assert origins == {(-20, 30 + 1.5 * k, 4 * k) for k in (1, 2)}


def test_frames_of_one_file_are_named_as_the_reason(tmp_path):
    write_enhanced(tmp_path / "ct" / "e.dcm", [0, 4, 8])
    scan = load_scan(tmp_path / "ct")

    with pytest.raises(InputError, match="single-frame CT"):
        write_dicom_seg(np.zeros(scan.shape[1:]), scan.affine, find_series(tmp_path / "ct"), tmp_path / "lesion.dcm")


def test_a_patient_whose_identifiers_were_removed_gets_empty_ones(tmp_path):
    removed = dict.fromkeys(("PatientID", "PatientName", "PatientBirthDate", "StudyID", "StudyDate"))
    write_heights(tmp_path / "ct", [0, 4, 8], tags=removed)
    scan = load_scan(tmp_path / "ct")

    path = write_dicom_seg(
        some_lesion(scan.shape[1:]), scan.affine, find_series(tmp_path / "ct"), tmp_path / "lesion.dcm"
    )

    segmentation = highdicom.seg.segread(path)
    assert segmentation.PatientID == ""
    assert segmentation.pixel_array.sum() == some_lesion(scan.shape[1:]).sum()


@pytest.mark.parametrize("shift_mm", [(0.7, 0, 0), (0, 0, 16)])
def test_a_mask_off_the_grid_of_the_series_is_refused(tmp_path, shift_mm):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")
    affine = nib.affines.from_matvec(np.eye(3), shift_mm) @ np.asarray(scan.affine)

    with pytest.raises(InputError, match="not on the voxels of the series"):
        write_dicom_seg(some_lesion(scan.shape[1:]), affine, find_series(tmp_path / "ct"), tmp_path / "lesion.dcm")
    assert not (tmp_path / "lesion.dcm").exists()


def test_lesions_outside_the_images_are_refused(tmp_path):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")
    taller = np.zeros((*scan.shape[1:3], 7))
    taller[2, 2, 6] = 1

    with pytest.raises(InputError, match="outside the images"):
        write_dicom_seg(taller, scan.affine, find_series(tmp_path / "ct"), tmp_path / "lesion.dcm")


def test_without_highdicom_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)

    with pytest.raises(InputError, match=r"infnet-monai\[dicom\]"):
        write_dicom_seg(np.zeros((2, 2, 2)), np.eye(4), ScanSource(tmp_path, "ct", "1.2"), tmp_path / "lesion.dcm")


def test_a_real_anonymised_series(test_data, tmp_path, caplog):
    scan = load_scan(test_data / "dicom_ct_series")
    mask = np.zeros(scan.shape[1:], dtype=np.uint8)
    mask[100:150, 200:300, 3:9] = 1
    mask[400, 50, 19] = 1

    path = write_dicom_seg(mask, scan.affine, find_series(test_data / "dicom_ct_series"), tmp_path / "lesion.dcm")

    np.testing.assert_array_equal(read_back(path, mask.shape, np.asarray(scan.affine)), mask)
    assert "no SeriesInstanceUID, StudyInstanceUID" in caplog.text


def test_each_class_is_a_segment_with_its_name_and_code(tmp_path):
    write_series(tmp_path / "ct", rows=5, columns=6, slices=4)
    scan = load_scan(tmp_path / "ct")
    labels = np.zeros(scan.shape[1:], dtype=np.uint8)
    labels[1, 1:3, 1], labels[3, 2, 2] = 1, 2
    scheme = LabelScheme.from_names({"ground glass": 1, "consolidation": 2})

    path = write_dicom_seg(labels, scan.affine, find_series(tmp_path / "ct"), tmp_path / "seg.dcm", scheme=scheme)

    segmentation = highdicom.seg.segread(path)
    described = [segmentation.get_segment_description(number) for number in (1, 2)]
    assert [one.segment_label for one in described] == ["Ground glass", "Consolidation"]
    assert [one.segmented_property_type.value for one in described] == ["RID28531", "RID43255"]
    volume = segmentation.get_volume(combine_segments=True)
    assert [(volume.array == value).sum() for value in (1, 2)] == [2, 1]
