"""Headers of NRRD and MetaImage files say the same as the volumes that are read."""

import itk
import numpy as np
import pytest

from infnet_monai.scans.load import load_scan
from infnet_monai.scans.nifti_header import file_source
from infnet_monai.scans.source import Severity


def write(path, shape=(6, 5, 4), spacing=(0.8, 0.8, 2.5)):
    voxels = np.random.default_rng(0).integers(-1000, 400, shape[::-1]).astype(np.int16)
    image = itk.image_from_array(voxels)
    image.SetSpacing(spacing)
    image.SetOrigin([10.0, -20.0, 30.0][: len(shape)])
    if len(shape) == 3:
        image.SetDirection(itk.matrix_from_array(np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])))
    itk.imwrite(image, str(path), compression=path.suffix == ".nrrd")
    return path


@pytest.mark.parametrize("name", ["ct.nrrd", "ct.nhdr", "ct.mha", "ct.mhd"])
def test_shape_and_affine_are_those_of_the_volume_that_is_read(tmp_path, name):
    source = file_source(write(tmp_path / name), "ct")
    assert source.problems == ()
    assert source.header.shape == (6, 5, 4)
    assert source.header.spacing_mm == pytest.approx((0.8, 0.8, 2.5))
    expected = [[0, -0.8, 0, -10], [-0.8, 0, 0, 20], [0, 0, -2.5, 30], [0, 0, 0, 1]]  # LPS to RAS by hand
    assert np.allclose(source.header.affine, expected)
    volume = load_scan(tmp_path / name)
    assert volume.shape == (1, 6, 5, 4)
    assert np.allclose(volume.affine, expected)


def test_a_picture_and_odd_voxels_are_refused(tmp_path):
    assert file_source(write(tmp_path / "a.mha", (6, 5), (1, 1)), "a").refusal.startswith("is 2D, shape (6, 5)")
    odd = file_source(write(tmp_path / "b.mha", spacing=(0.8, 0.8, 25)), "b")
    assert [problem.code for problem in odd.problems] == ["odd-voxel-size"]


def test_a_nrrd_without_space_has_no_orientation(tmp_path):
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 5 4 3\nspacings: 1 1 2\nencoding: raw\nendian: little\n\n"
    (tmp_path / "ct.nrrd").write_bytes(header.encode() + np.arange(60, dtype="<i2").tobytes())
    (problem,) = file_source(tmp_path / "ct.nrrd", "ct").problems
    assert (problem.code, problem.severity) == ("no-orientation", Severity.REFUSED)


def write_meta(path, *fields):
    header = ("NDims = 3", "DimSize = 5 4 3", "ElementType = MET_SHORT", *fields, "ElementDataFile = LOCAL\n")
    path.write_bytes("\n".join(header).encode() + np.arange(60, dtype="<i2").tobytes())
    return file_source(path, "ct")


def test_a_metaimage_without_spacing_or_orientation_is_refused(tmp_path):
    spacing, matrix = "ElementSpacing = 1 1 2", "TransformMatrix = 1 0 0 0 1 0 0 0 1"
    assert write_meta(tmp_path / "ct.mha", spacing, matrix).problems == ()
    for given, code in ((matrix, "no-spacing"), (spacing, "no-orientation")):
        (problem,) = write_meta(tmp_path / "ct.mha", given).problems
        assert (problem.code, problem.severity) == (code, Severity.REFUSED)


def test_a_nrrd_with_a_space_but_no_directions_is_refused(tmp_path):
    header = "NRRD0004\ntype: short\ndimension: 3\nspace: LPS\nsizes: 5 4 3\nencoding: raw\nendian: little\n\n"
    (tmp_path / "ct.nrrd").write_bytes(header.encode() + np.arange(60, dtype="<i2").tobytes())
    codes = [problem.code for problem in file_source(tmp_path / "ct.nrrd", "ct").problems]
    assert codes == ["no-spacing", "no-orientation"]


def test_a_vector_image_is_no_ct(tmp_path):
    vectors = itk.image_from_array(np.zeros((4, 5, 6, 3), np.float32), is_vector=True)
    itk.imwrite(vectors, str(tmp_path / "a.mha"))
    assert [problem.code for problem in file_source(tmp_path / "a.mha", "a").problems] == ["not-grey"]
