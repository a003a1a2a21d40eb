"""Damages by hand that random ones have shown: each was read as another scan, ended the run or took for ever."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from dicom_series import new_series, write_enhanced, write_heights
from pydicom import dcmread

from infnet_monai.errors import InputError
from infnet_monai.scans.dicom_geometry import measure_stack
from infnet_monai.scans.dicom_series import find_series
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.load import load_scan

VOXELS = np.random.default_rng(0).integers(-1000, 400, (20, 16, 10)).astype(np.int16)
AFFINE = np.diag([-2.0, -2.0, 5.0, 1.0])
HEIGHTS = [4.0 * k for k in range(6)]


def save(path):
    nib.save(nib.Nifti1Image(VOXELS, AFFINE), path)
    return path


def codes(source):
    return [problem.code for problem in source.problems]


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_damaged_voxels_of_a_compressed_file_are_refused_not_read_as_others(tmp_path, place):
    path = save(tmp_path / "ct.nii.gz")
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"ct\.nii\.gz: cannot be read"):
        load_scan(path)


def test_a_compressed_file_without_its_checksum_is_refused(tmp_path):
    path = save(tmp_path / "ct.nii.gz")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="cannot be read"):
        load_scan(path)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_header_that_tells_of_fewer_voxels_than_there_are_is_a_warning(tmp_path, ending):
    content = bytearray(save(tmp_path / "whole.nii").read_bytes())
    struct.pack_into("<h", content, 46, 8)  # slices
    (tmp_path / f"ct{ending}").write_bytes(gzip.compress(content) if ending == ".nii.gz" else content)
    (tmp_path / "whole.nii").unlink()
    (scan,) = find_scans([tmp_path])
    # 20 x 16 x 10 and 20 x 16 x 8 voxels of 2 bytes behind 352 bytes
    assert "holds 6752 bytes and its header tells of 5472" in scan.warnings[0]
    assert load_scan(scan).meta["warnings"] == list(scan.warnings)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_header_that_claims_ten_billion_voxels_is_refused_before_there_is_memory_for_them(tmp_path, ending):
    content = bytearray(save(tmp_path / "whole.nii").read_bytes())
    struct.pack_into("<3h", content, 42, 30000, 30000, 12)
    path = tmp_path / f"ct{ending}"
    path.write_bytes(gzip.compress(content) if ending == ".nii.gz" else content)
    (scan,) = find_scans([path])
    assert "truncated" in scan.refusal
    assert "more voxels than any CT" in scan.refusal


@pytest.mark.parametrize("frames", ["1000000000", "60000"])
def test_a_number_of_frames_beyond_the_file_is_refused_at_once(tmp_path, frames):
    file = write_enhanced(tmp_path / "ct.dcm", HEIGHTS)
    image = dcmread(file)
    image.NumberOfFrames = frames
    image.save_as(file)
    (scan,) = find_scans([tmp_path])
    assert scan.problems[0].code == "unreadable"
    assert "frames" in scan.refusal or "truncated" in scan.refusal


def test_a_dicom_file_whose_beginning_is_damaged_is_not_passed_over(tmp_path):
    write_heights(tmp_path / "ct", HEIGHTS)
    damaged = sorted((tmp_path / "ct").iterdir())[0]
    damaged.write_bytes(b"\xff" * 200 + damaged.read_bytes()[200:])
    series, lost = find_scans([tmp_path / "ct"])
    assert "1 DICOM file of the folder cannot be read and may belong to this series" in series.warnings
    assert "does not start as DICOM files do" in lost.refusal
    assert damaged.name in lost.refusal
    with pytest.raises(InputError, match="does not start as DICOM files do"):
        load_scan(damaged)


def test_one_position_far_away_is_refused_rather_than_interpolated_to_millions_of_planes(tmp_path):
    positions = [[-20, 30, z] for z in (*HEIGHTS, 1e6)]
    write_heights(tmp_path / "ct", [*HEIGHTS, 24.0], tags={"ImagePositionPatient": lambda k: positions[k]})
    source = find_series(tmp_path / "ct")
    assert "unreadable" in codes(source)
    assert "from 0 to 1e+06 mm, most of them 4 mm apart" in source.refusal


def test_numbers_beyond_all_sense_count_as_missing(tmp_path):
    write_heights(tmp_path / "ct", HEIGHTS, tags={"SliceThickness": "1e300"}, series=new_series(5))
    source = find_series(tmp_path / "ct")
    assert source.header.thickness_mm is None
    assert source.refusal == ""


def test_a_series_that_cannot_be_understood_leaves_the_others_alone(tmp_path, monkeypatch):
    write_heights(tmp_path / "ct", HEIGHTS, prefix="a", series=new_series(3))
    write_heights(tmp_path / "ct", HEIGHTS[:4], prefix="b", series=new_series(4))

    def fail_for_six(stack):
        if len(stack) == 6:
            raise np.linalg.LinAlgError("SVD did not converge")
        return measure_stack(stack)

    monkeypatch.setattr("infnet_monai.scans.dicom_series.measure_stack", fail_for_six)
    found = {source.refusal for source in find_scans([tmp_path / "ct"])}
    assert found == {"", "cannot be understood (SVD did not converge); its headers are damaged"}


def test_values_that_no_scanner_gives_are_refused(tmp_path):
    nib.save(nib.Nifti1Image(VOXELS.astype(np.float32) - 1e30, AFFINE), tmp_path / "ct.nii")
    with pytest.raises(InputError, match=r"values from -1e\+30 to -1e\+30 are no intensities"):
        load_scan(tmp_path / "ct.nii")


def test_an_affine_beyond_all_sizes_is_refused(tmp_path):
    affine = AFFINE.copy()
    affine[0, 2] = -1e30
    image = nib.Nifti1Image(VOXELS, None)
    image.set_sform(affine, code=1)
    nib.save(image, tmp_path / "ct.nii")
    (scan,) = find_scans([tmp_path])
    assert "beyond all sizes" in scan.refusal


def test_a_text_of_thousands_of_characters_does_not_fill_messages(tmp_path):
    write_heights(tmp_path / "ct", HEIGHTS, tags={"Modality": "1" * 2000})
    source = find_series(tmp_path / "ct")
    assert source.skip_reason == f"the modality is {'1' * 256}, not CT"
