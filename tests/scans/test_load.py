import itk
import nibabel as nib
import numpy as np
import pytest
from monai.transforms import Orientation
from PIL import Image

from infnet_monai.errors import InputError
from infnet_monai.scans import load_scan
from infnet_monai.transforms import LoadScand

ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
AFFINE = np.array([[-2.0, 0, 0, 10], [0, 0.5, 0, -5], [0, 0, 3, 7], [0, 0, 0, 1]])


def save(path, array, affine=AFFINE):
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def test_nifti_keeps_values_and_affine(tmp_path):
    volume = load_scan(save(tmp_path / "a.nii.gz", ARRAY))
    assert volume.shape == (1, 2, 3, 4)
    assert np.array_equal(volume[0].numpy(), ARRAY)
    assert np.allclose(volume.affine, AFFINE)


@pytest.mark.parametrize("suffix", [".mha", ".nrrd"])
def test_itk_formats_lie_where_their_nifti_lies(tmp_path, suffix):
    image = itk.imread(str(save(tmp_path / "a.nii.gz", ARRAY)))
    itk.imwrite(image, str(tmp_path / f"a{suffix}"))
    volume = load_scan(tmp_path / f"a{suffix}")
    upright = Orientation(axcodes="RAS", labels=None)
    expected = upright(load_scan(tmp_path / "a.nii.gz"))
    assert np.allclose(upright(volume).numpy(), expected.numpy())
    assert np.allclose(upright(volume).affine, expected.affine)


def test_picture_becomes_an_upright_slice(tmp_path):
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    Image.fromarray(picture).save(tmp_path / "a.png")
    volume = Orientation(axcodes="PLS", labels=None)(load_scan(tmp_path / "a.png"))
    assert np.array_equal(volume[0, :, :, 0].numpy(), picture)


def test_turned_picture_is_set_upright_by_its_axes(tmp_path):
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    Image.fromarray(picture).save(tmp_path / "a.png")
    item = LoadScand("image")({"image": tmp_path / "a.png", "axes": "LP"})
    upright = Orientation(axcodes="PLS", labels=None)(item["image"])
    assert np.array_equal(upright[0, :, :, 0].numpy(), picture.T)


def test_colour_picture_is_averaged(tmp_path):
    Image.fromarray(np.full((4, 5, 3), 90, np.uint8)).save(tmp_path / "a.png")
    assert (load_scan(tmp_path / "a.png") == 90).all()


def test_palette_image_is_read_by_its_colours(tmp_path):
    """A grey slice that a drawing program has saved with a palette of 32 colours."""
    picture = np.random.default_rng(0).integers(0, 256, (40, 30)).astype(np.uint8)
    palette = Image.fromarray(picture).quantize(32)
    palette.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as saved:
        assert saved.mode == "P"
    upright = Orientation(axcodes="PLS", labels=None)(load_scan(tmp_path / "a.png"))[0, ..., 0].numpy()
    assert np.corrcoef(upright.ravel(), picture.ravel())[0, 1] > 0.99
    assert np.corrcoef(np.asarray(palette).ravel(), picture.ravel())[0, 1] < -0.9
    assert np.abs(upright - picture).max() < 16


def test_palette_mask_is_read_by_its_indices(tmp_path):
    """The way that a data set keeps labels 0, 1 and 2 in black, red and green."""
    labels = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    picture = Image.fromarray(labels).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "a.png")
    item = LoadScand(["image", "label"])({"image": tmp_path / "a.png", "label": tmp_path / "a.png"})
    upright = Orientation(axcodes="PLS", labels=None)
    assert np.array_equal(upright(item["label"])[0, ..., 0].numpy(), labels)
    assert item["image"].unique().tolist() == [0, 76, 150]  # 0.299 and 0.587 of 255
    as_label = LoadScand("image", mask_keys=["image"])({"image": tmp_path / "a.png"})["image"]
    assert as_label.unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize("mask", [False, True])
def test_deep_and_binary_pictures_keep_their_values(tmp_path, mask):
    deep = np.array([[0, 300, 40000], [1, 2, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(load_scan(tmp_path / "deep.png", mask=mask).unique().numpy(), np.unique(deep))
    Image.fromarray(deep > 100).save(tmp_path / "binary.png")
    assert load_scan(tmp_path / "binary.png", mask=mask).unique().tolist() == [0, 1]


def test_single_time_point_is_a_volume(tmp_path):
    assert load_scan(save(tmp_path / "a.nii", ARRAY[..., None])).shape == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3, 4, 5), np.float32), "is 4D"),
        (np.zeros((4, 5), np.float32), "is 2D"),
        (np.zeros((4, 0, 5), np.float32), "holds no voxel"),
        (np.full((2, 3, 4), np.nan, np.float32), "24 voxels are NaN"),
    ],
)
def test_what_is_no_proper_volume_is_refused_by_name(tmp_path, array, message):
    path = save(tmp_path / "bad.nii.gz", array)
    with pytest.raises(InputError, match=message) as caught:
        load_scan(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_file_is_refused_by_name(tmp_path):
    path = save(tmp_path / "bad.nii.gz", np.random.default_rng(0).normal(size=(20, 20, 20)))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"bad\.nii\.gz: cannot be read"):
        load_scan(path)


def test_missing_unknown_and_unplaced_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_scan(tmp_path / "a.nii.gz")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="unknown type"):
        load_scan(tmp_path / "a.txt")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="axes='XY'"):
        load_scan(tmp_path / "a.png", axes="XY")


def test_real_dicom_series_is_read(test_data):
    volume = load_scan(test_data / "dicom_ct_series")
    assert volume.shape[0] == 1
    assert volume.shape[-1] == 20
    assert volume.min() < -900
