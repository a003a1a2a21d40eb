import nibabel as nib
import numpy as np
import pytest
from test_findings import make_lobes

from infnet_monai.errors import InputError
from infnet_monai.findings import LobeFiles
from infnet_monai.scans import load_upright

UPRIGHT_AFFINE = np.array([[0, -4.0, 0, 20], [-4.0, 0, 0, 30], [0, 0, 10.0, -5], [0, 0, 0, 1]])  # rows P, columns L, S
LUNGMASK = np.array([0, 3, 4, 5, 1, 2], dtype=np.uint8)
TOTAL = np.array([0, 12, 13, 14, 10, 11], dtype=np.uint8)
NAMES = ["", "upper_lobe_right", "middle_lobe_right", "lower_lobe_right", "upper_lobe_left", "lower_lobe_left"]


def save(path, values, axes="LPS", affine=UPRIGHT_AFFINE):
    """Write upright voxels with other axes, on the same grid."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values, affine)
    to = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(axes))
    nib.save(image.as_reoriented(to), path)
    return path


@pytest.fixture
def image(tmp_path):
    return load_upright(save(tmp_path / "scans" / "ct.nii.gz", np.zeros(make_lobes().shape, dtype=np.int16)))


@pytest.mark.parametrize("axes", ["LPS", "RAS", "SAR"])
@pytest.mark.parametrize("values", [LUNGMASK, TOTAL])
def test_both_numberings_are_recognised_whatever_the_order_of_the_axes(tmp_path, image, values, axes):
    path = save(tmp_path / "lobes.nii.gz", values[make_lobes()], axes)
    np.testing.assert_array_equal(LobeFiles(path).read("ct", image), make_lobes())


def write_total_segmentator(folder):
    for lobe in range(1, 6):
        save(folder / f"lung_{NAMES[lobe]}.nii.gz", (make_lobes() == lobe).astype(np.uint8))
    return folder


def test_a_folder_of_total_segmentator_is_read(tmp_path, image):
    folder = write_total_segmentator(tmp_path / "ct")
    np.testing.assert_array_equal(LobeFiles(folder).read("any name", image), make_lobes())
    np.testing.assert_array_equal(LobeFiles(tmp_path).read("ct", image), make_lobes())


def test_a_folder_with_a_volume_for_each_scan_is_read_by_name(tmp_path, image):
    save(tmp_path / "lobes" / "ward_1" / "ct.nii.gz", LUNGMASK[make_lobes()])
    lobes = LobeFiles(tmp_path / "lobes")
    lobes.check(["ward_1/ct", "ward_1/other"])
    np.testing.assert_array_equal(lobes.read("ward_1/ct", image), make_lobes())
    with pytest.raises(
        InputError, match=r"has no lobes of ward_1/other \(ward_1/other.nii.gz is missing\); give a folder"
    ):
        lobes.files("ward_1/other")


def test_a_lobe_that_is_missing_in_the_folder_is_named(tmp_path):
    folder = write_total_segmentator(tmp_path / "ct")
    (folder / "lung_middle_lobe_right.nii.gz").unlink()
    with pytest.raises(InputError, match=r"lung_middle_lobe_right.nii.gz is missing"):
        LobeFiles(folder).files("ct")


def test_lobes_of_one_scan_are_refused_for_several(tmp_path):
    path = save(tmp_path / "lobes.nii.gz", LUNGMASK[make_lobes()])
    LobeFiles(path).check(["ct"])
    with pytest.raises(InputError, match=r"lobes.nii.gz: holds the lobes of one scan, and there are 2; give a folder"):
        LobeFiles(path).check(["ct", "other"])


@pytest.mark.parametrize("values", [[0, 1, 1, 1, 2, 2], [0, 1, 1, 1, 1, 1], [0, 3, 4, 5, 1, 9], [0] * 6])
def test_other_values_are_not_guessed(tmp_path, image, values):
    path = save(tmp_path / "lobes.nii.gz", np.array(values, dtype=np.uint8)[make_lobes()])
    with pytest.raises(InputError, match=r"are no lobes that are known .*; give --lobe-numbering lungmask or total"):
        LobeFiles(path).read("ct", image)


def test_with_a_numbering_a_lobe_may_be_missing_and_other_organs_be_there(tmp_path, image):
    values = TOTAL[make_lobes()]
    values[values == 13] = 0
    values[0, 0, 0] = 5  # the liver
    expected = make_lobes() * (make_lobes() != 2)
    path = save(tmp_path / "lobes.nii.gz", values)

    np.testing.assert_array_equal(LobeFiles(path, "totalsegmentator").read("ct", image), expected)
    with pytest.raises(InputError, match=r"values 5, 10, 11, 12, 14 are no lobes numbered by lungmask \(1 to 5\)"):
        LobeFiles(path, "lungmask").read("ct", image)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [0, 5, 4, 3, 1, 2], [0, 3, 4, 5, 2, 1]])
def test_lobes_in_wrong_places_are_refused(tmp_path, image, order):
    path = save(tmp_path / "lobes.nii.gz", np.array(order, dtype=np.uint8)[make_lobes()])
    with pytest.raises(InputError, match=r"numbered otherwise, or the orientation in the header is wrong"):
        LobeFiles(path).read("ct", image)


def test_another_grid_is_refused(tmp_path, image):
    other = save(tmp_path / "small.nii.gz", LUNGMASK[make_lobes()][..., :-1])
    with pytest.raises(InputError, match=r"small.nii.gz: lobes have 8 x 12 x 7 voxels, the scan 8 x 12 x 8"):
        LobeFiles(other).read("ct", image)
    shifted = UPRIGHT_AFFINE + np.eye(4, k=3) * 2  # 2 mm along x
    moved = save(tmp_path / "moved.nii.gz", LUNGMASK[make_lobes()], affine=shifted)
    with pytest.raises(InputError, match=r"moved.nii.gz: lobes are up to 2 mm away from the scan \(another affine\)"):
        LobeFiles(moved).read("ct", image)


def test_the_identity_follows_content_and_numbering(tmp_path):
    path = save(tmp_path / "lobes.nii.gz", LUNGMASK[make_lobes()])
    first = LobeFiles(path).identity("ct")
    assert first == LobeFiles(path).identity("other") != LobeFiles(path, "lungmask").identity("ct")
    save(path, TOTAL[make_lobes()])
    assert LobeFiles(path).identity("ct") != first


def test_what_is_not_there_or_unknown_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no such file; give the lobes of a scan, or a folder"):
        LobeFiles(tmp_path / "none.nii.gz")
    with pytest.raises(InputError, match=r"lobe numbering 'mine' is unknown; give one of auto, lungmask, totalseg"):
        LobeFiles(tmp_path, "mine")
