import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from infnet_monai.errors import InputError
from infnet_monai.evaluation.map_files import load_map_pair

MAP = np.array([[0, 51, 255], [102, 204, 255]], np.uint8)
MASK = np.array([[0, 0, 255], [0, 255, 255]], np.uint8)


@pytest.fixture
def write(tmp_path):
    """Write an array by the name's suffix; NIfTI with an affine."""

    def write(name, array, affine=None):
        path = tmp_path / name
        if path.suffix == ".npy":
            np.save(path, array)
        elif name.endswith((".nii", ".nii.gz")):
            nib.save(nib.Nifti1Image(array, np.diag([-1, -1, 1, 1]) if affine is None else affine), path)
        else:
            Image.fromarray(array).save(path)
        return path

    return write


def test_pictures_keep_rows_and_columns_and_are_divided_by_255(write):
    pair = load_map_pair(write("map.png", MAP), write("mask.png", MASK))
    assert pair.pred.shape == pair.reference.shape == (1, 2, 3, 1)
    assert (pair.pred[0, :, :, 0].numpy() == MAP / 255).all()
    assert (pair.reference[0, :, :, 0].numpy() == MASK / 255).all()
    assert not pair.resized
    maps, masks = pair.slices()
    assert len(maps) == len(masks) == 1
    assert masks[0].shape == (1, 2, 3)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (MAP, MAP / 255),
        (MAP / 255, MAP / 255),
        (MAP.astype(np.uint16) * 257, MAP / 255),
        (MASK > 0, MASK / 255),
        ((MASK > 0).astype(np.uint8), MASK / 255),
        (MAP[None, None] / 255, MAP / 255),
    ],
)
def test_arrays_of_any_depth(write, array, expected):
    pair = load_map_pair(write("map.npy", array), write("mask.png", MASK))
    np.testing.assert_allclose(pair.pred[0, :, :, 0], expected)


def test_sixteen_bit_picture_and_dark_eight_bit_picture(write):
    deep = load_map_pair(write("deep.png", MAP.astype(np.uint16) * 257), write("mask.png", MASK))
    np.testing.assert_allclose(deep.pred[0, :, :, 0], MAP / 255)
    dark = load_map_pair(write("dark.png", (MAP // 51).astype(np.uint8)), write("mask.png", MASK))
    assert dark.pred.max() == 5 / 255


@pytest.mark.parametrize("name", ["deep.png", "deep.npy"])
def test_dark_sixteen_bit_values_are_divided_by_the_depth_and_not_by_255(write, name):
    pair = load_map_pair(write(name, MAP.astype(np.uint16)), write("mask.png", MASK))
    assert pair.pred.max() == 255 / 65535


@pytest.mark.parametrize("name", ["map.png", "deep.png"])
def test_picture_of_zero_and_one_is_a_binary_prediction(write, name):
    dtype = np.uint16 if name == "deep.png" else np.uint8
    pair = load_map_pair(write(name, (MASK > 0).astype(dtype)), write("mask.png", MASK))
    assert (pair.pred[0, :, :, 0].numpy() == MASK / 255).all()


def test_bilevel_picture_is_a_binary_prediction(write):
    pair = load_map_pair(write("map.png", MASK > 0), write("mask.png", MASK))
    assert (pair.pred[0, :, :, 0].numpy() == MASK / 255).all()


def test_spacing_is_known_of_volumes_and_of_arrays_beside_them(write):
    volume, affine = np.zeros((2, 3, 4), np.uint8), np.diag([1.0, 1.0, 3.0, 1.0])
    beside = load_map_pair(write("a.nii", volume, affine), write("b.npy", volume))
    assert beside.reference.meta.get("spacing_known", True)
    for name in ("mask.png", "mask.npy"):
        alone = load_map_pair(write("map.npy", MAP), write(name, MASK))
        assert alone.reference.meta["spacing_known"] is False


def test_jpeg_mask_is_cut_at_half(write):
    mask = np.zeros((32, 32), np.uint8)
    mask[8:20, 8:20] = 255
    pair = load_map_pair(write("map.png", mask), write("mask.jpg", mask))
    assert (pair.reference[0, :, :, 0].numpy() == mask / 255).all()


def test_masks_of_zero_and_one_in_any_file(write):
    for name in ("mask.png", "mask.npy"):
        pair = load_map_pair(write("map.png", MAP), write(name, (MASK > 0).astype(np.uint8)))
        assert (pair.reference[0, :, :, 0].numpy() == MASK / 255).all()


def test_a_smaller_picture_is_resized_bilinearly(write):
    small = np.array([[0, 255]], np.uint8)
    pair = load_map_pair(write("map.png", small), write("mask.png", np.zeros((1, 4), np.uint8)))
    assert pair.resized
    np.testing.assert_allclose(pair.pred[0, 0, :, 0], [0, 0.25, 0.75, 1])


def test_volumes_are_reoriented_so_that_the_last_axis_runs_upwards(write):
    values, affine = np.random.default_rng(0).random((2, 3, 4)), np.diag([1.0, 1.0, 3.0, 1.0])
    mask = (values > 0.5).astype(np.uint8)
    straight = load_map_pair(write("a.nii.gz", values, affine), write("b.nii.gz", mask, affine))
    swapped = affine[:, [2, 1, 0, 3]]
    reoriented = load_map_pair(write("c.nii", values.transpose(), swapped), write("d.nii", mask.transpose(), swapped))
    assert straight.pred.shape == (1, 3, 2, 4)
    np.testing.assert_allclose(straight.pred, reoriented.pred)
    assert (straight.reference.numpy() == reoriented.reference.numpy()).all()
    assert straight.reference.pixdim.tolist() == [1, 1, 3]


@pytest.mark.parametrize("array_is_mask", [False, True])
def test_array_lies_as_the_volume_beside_it(write, array_is_mask):
    values, affine = np.random.default_rng(0).random((2, 3, 4)), np.diag([1.0, 1.0, 3.0, 1.0])
    mask = (values > 0.5).astype(np.uint8)
    if array_is_mask:
        pair = load_map_pair(write("a.nii", values, affine), write("b.npy", mask))
    else:
        pair = load_map_pair(write("a.npy", values), write("b.nii", mask, affine))
    assert ((pair.pred > 0.5).numpy() == (pair.reference.numpy() == 1)).all()


@pytest.mark.parametrize(
    ("pred", "mask", "message"),
    [
        (("map.png", MAP), ("mask.png", MASK // 2), r"mask\.png: holds the values 0, 127.*binarise"),
        (("map.png", MAP), ("mask.npy", np.array([[0, 2]])), r"mask\.npy: holds the values 0, 2"),
        (("map.npy", np.zeros((2, 2, 2, 2))), ("mask.png", MASK), r"map\.npy: has shape \(2, 2, 2, 2\)"),
        (("map.npy", np.array(["text"])), ("mask.png", MASK), r"map\.npy: is no NumPy array of numbers"),
        (
            ("map.npy", np.zeros((2, 3, 5))),
            ("mask.npy", np.zeros((2, 3, 4))),
            r"map\.npy: has shape \(2, 3, 5\).*resample",
        ),
    ],
)
def test_bad_files_are_named(write, pred, mask, message):
    with pytest.raises(InputError, match=message):
        load_map_pair(write(*pred), write(*mask))


def test_damaged_array_is_named(write, tmp_path):
    (tmp_path / "map.npy").write_bytes(b"\x93NUMPY\x01")
    with pytest.raises(InputError, match=r"map\.npy: is no NumPy array"):
        load_map_pair(tmp_path / "map.npy", write("mask.png", MASK))


def test_volumes_on_other_grids_are_refused(write):
    mask = np.zeros((2, 3, 4), np.uint8)
    pred = write("map.nii", mask / 2, np.diag([2.0, 1.0, 1.0, 1.0]))
    with pytest.raises(InputError, match=r"map\.nii: its affine differs from that of .*mask\.nii"):
        load_map_pair(pred, write("mask.nii", mask))
