"""Headers of volume files: the affine in mm, and what is refused, warned of, or fine."""

import nibabel as nib
import numpy as np
import pytest

from infnet_monai.errors import InputError
from infnet_monai.scans.load import load_scan
from infnet_monai.scans.nifti_header import corrected_affine, file_source
from infnet_monai.scans.source import Severity

SHAPE = (10, 8, 6)
AFFINE = np.array([[-2.0, 0, 0, 90], [0, -2, 0, 80], [0, 0, 5, -300], [0, 0, 0, 1]])
VOXELS = np.random.default_rng(0).integers(-1000, 400, SHAPE).astype(np.int16)


def save(path, affine=AFFINE, voxels=VOXELS, sform=1, qform=0, other=None, units="mm", zooms=None):
    """Write a NIfTI with the given codes of its forms; `other` is the affine of the qform."""
    image = nib.Nifti1Image(voxels, affine)
    image.set_qform(affine if other is None else other, code=qform)
    image.set_sform(affine, code=sform)
    if zooms is not None:
        image.header["pixdim"][1:4] = zooms
    image.header.set_xyzt_units(units)
    nib.save(image, path)
    return path


def found(path):
    return [(problem.code, problem.severity) for problem in file_source(path, "ct").problems]


def shifted(mm, of=AFFINE):
    moved = of.copy()
    moved[0, 3] += mm
    return moved


@pytest.mark.parametrize(("sform", "qform"), [(1, 0), (0, 1), (1, 1), (4, 2)])
def test_a_header_that_says_where_the_voxels_are_is_fine(tmp_path, sform, qform):
    source = file_source(save(tmp_path / "ct.nii.gz", sform=sform, qform=qform), "ct")
    assert source.problems == ()
    assert source.header.shape == SHAPE
    assert source.header.spacing_mm == pytest.approx((2, 2, 5))
    assert source.header.units == "mm"
    assert np.allclose(source.header.affine, AFFINE)


def test_a_header_without_orientation_is_refused_and_the_guess_is_named(tmp_path):
    path = save(tmp_path / "ct.nii.gz", sform=0, qform=0)
    assert found(path) == [("no-orientation", Severity.REFUSED)]
    with pytest.raises(InputError, match=r"ct\.nii\.gz: .*codes are 0.*L, A, S are a guess.*--accept no-orientation"):
        load_scan(path)
    accepted = file_source(path, "ct").accepting(["no-orientation"])
    volume = load_scan(accepted)
    assert volume.shape == (1, *SHAPE)
    assert "right may be left" in volume.meta["warnings"][0]


@pytest.mark.parametrize(
    ("other", "severity"),
    [
        (shifted(0.1), None),  # 0.05 voxels of 2 mm
        (shifted(1.0), Severity.WARNING),  # 0.5 voxels
        (shifted(3.0), Severity.REFUSED),  # 1.5 voxels
        (AFFINE @ np.diag([-1, 1, 1, 1]), Severity.REFUSED),  # mirrored
        (AFFINE @ np.diag([1, 1, 1.005, 1]), Severity.WARNING),  # 0.5 % larger voxels
        (AFFINE @ np.diag([1, 1, 1.02, 1]), Severity.REFUSED),  # 2 % larger voxels
    ],
)
def test_forms_that_disagree_are_silent_warned_of_or_refused_by_how_far(tmp_path, other, severity):
    path = save(tmp_path / "ct.nii", qform=1, other=other)
    assert [each for code, each in found(path) if code == "forms-disagree"] == ([severity] if severity else [])
    assert np.allclose(file_source(path, "ct").header.affine, AFFINE)


def test_a_sheared_sform_is_fine_with_and_without_the_qform_that_cannot_hold_it(tmp_path):
    sheared = AFFINE.copy()
    sheared[1, 2] = 5 * np.tan(np.radians(20))
    straight = nib.Nifti1Header()
    straight.set_qform(sheared, code=1, strip_shears=True)
    for qform, other in ((0, None), (1, straight.get_qform())):
        path = save(tmp_path / "ct.nii", affine=sheared, qform=qform, other=other)
        source = file_source(path, "ct")
        assert source.problems == ()
        assert source.header.spacing_mm == pytest.approx((2, 2, 5))  # between slice planes, not along the shear
        assert np.prod(source.header.spacing_mm) == pytest.approx(abs(np.linalg.det(sheared)))


@pytest.mark.parametrize(("units", "factor"), [("meter", 1000), ("micron", 0.001)])
def test_other_units_are_converted_to_mm_and_said_so(tmp_path, units, factor):
    stored = AFFINE.copy()
    stored[:3] /= factor
    path = save(tmp_path / "ct.nii.gz", affine=stored, units=units)
    assert found(path) == [("units", Severity.WARNING)]
    volume = load_scan(path)
    assert np.allclose(volume.affine, AFFINE, rtol=1e-5)
    assert volume.pixdim.tolist() == pytest.approx([2, 2, 5], rel=1e-5)
    assert units in volume.meta["warnings"][0]


def test_an_affine_is_corrected_in_rotation_and_origin_alike():
    assert np.allclose(corrected_affine(AFFINE / 1000, "meter")[:3], AFFINE[:3])
    assert np.allclose(corrected_affine(AFFINE, "mm"), AFFINE)


@pytest.mark.parametrize(
    ("sizes", "refused"),
    [((0.1, 0.1, 0.1), False), ((0.09, 1, 1), True), ((1, 1, 20), False), ((1, 1, 21), True), ((-1, 1, 1), False)],
)
def test_voxels_that_no_chest_ct_has_are_refused(tmp_path, sizes, refused):
    path = save(tmp_path / "ct.nii", affine=np.diag([*sizes, 1]))
    assert found(path) == ([("odd-voxel-size", Severity.REFUSED)] if refused else [])


def test_voxel_sizes_beside_an_sform_of_others_are_warned_of(tmp_path):
    path = save(tmp_path / "ct.nii", zooms=(2, 2, 5.04))
    assert found(path) == []
    path = save(tmp_path / "ct.nii", zooms=(2, 2, 5.2))
    source = file_source(path, "ct")
    assert source.warnings == (
        "voxel sizes of the header (pixdim 2 x 2 x 5.2) are not those of its sform (2 x 2 x 5 mm); the sform was used",
    )
    assert source.header.spacing_mm == pytest.approx((2, 2, 5))


@pytest.mark.parametrize(
    ("voxels", "words"),
    [
        (VOXELS[..., 0], "is 2D, shape (10, 8); expected a 3D volume"),
        (np.stack([VOXELS, VOXELS], -1), "is 4D, shape (10, 8, 6, 2); expected a 3D volume"),
        (VOXELS.astype(np.complex64), "holds complex numbers"),
    ],
)
def test_what_is_no_volume_cannot_be_accepted(tmp_path, voxels, words):
    source = file_source(save(tmp_path / "ct.nii", voxels=voxels), "ct")
    assert source.problems[0].code == "unreadable"
    assert source.refusal.startswith(words)
    with pytest.raises(InputError) as caught:
        source.check()
    assert "--accept" not in str(caught.value)


def test_a_time_series_of_one_is_a_volume_and_a_single_slice_a_warning(tmp_path):
    source = file_source(save(tmp_path / "ct.nii", voxels=VOXELS[..., None]), "ct")
    assert (source.header.shape, source.problems) == (SHAPE, ())
    source = file_source(save(tmp_path / "ct.nii", voxels=VOXELS[..., :1]), "ct")
    assert source.warnings == ("a single slice: volumes rest on a thickness of 5 mm in the header",)
    assert not source.refusal


def test_an_affine_without_spacing_is_refused(tmp_path):
    image = nib.load(save(tmp_path / "ct.nii"))
    image.header["srow_y"] = [0, 0, 0, 5]
    (tmp_path / "ct.nii").write_bytes(image.header.binaryblock + bytes(4) + VOXELS.tobytes())
    source = file_source(tmp_path / "ct.nii", "ct")
    assert "affine is singular" in source.refusal


def test_colours_are_no_ct(tmp_path):
    colours = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(colours, AFFINE), tmp_path / "ct.nii")
    assert found(tmp_path / "ct.nii") == [("not-grey", Severity.SKIPPED)]
