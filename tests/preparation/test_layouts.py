import pytest

from infnet_monai.errors import InputError
from infnet_monai.preparation.layouts import find_cases


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder):
    """Layout title and, for each case, its name and the paths of its files."""
    layout, cases = find_cases(folder)
    files = [{key: path.relative_to(folder).as_posix() for key, path in case.paths.items()} for case in cases]
    return layout.title, {case.name: paths for case, paths in zip(cases, files, strict=True)}


@pytest.mark.parametrize("masks", ["labels", "masks", "infection", "labelsTr"])
@pytest.mark.parametrize("ending", ["", "_seg", "_mask", "_infection", "_label"])
def test_folders_are_paired_by_name(tmp_path, masks, ending):
    touch(tmp_path, "images/a.nii.gz", f"{masks}/a{ending}.nii.gz", "lung/a.nii.gz", "images/readme.txt")
    label = f"{masks}/a{ending}.nii.gz"
    expected = {"image": "images/a.nii.gz", "label": label, "lung": "lung/a.nii.gz"}
    assert found(tmp_path) == ("image and mask folders", {"a": expected})


def test_medseg_volumes_come_in_natural_order_with_named_labels(tmp_path):
    for number in (10, 2, 1):
        touch(tmp_path, *(f"{part}/{number}.nii.gz" for part in ("rp_im", "rp_msk", "rp_lung_msk")))
    layout, cases = find_cases(tmp_path)
    assert [case.name for case in cases] == ["1", "2", "10"]
    assert layout.title == "MedSeg volumes"
    assert layout.label_names[3] == "pleural effusion"
    assert layout.lesion_labels == (1, 2)
    assert cases[2].lung == tmp_path / "rp_lung_msk" / "10.nii.gz"


def test_covid_semiseg_pictures_have_axes_and_edges(tmp_path):
    touch(tmp_path, "Imgs/0.jpg", "GT/0.png", "Edge/0.png")
    layout, (case,) = find_cases(tmp_path)
    assert layout.axes == "LP"
    assert case.is_picture
    assert (case.image.name, case.label.name, case.edge) == ("0.jpg", "0.png", tmp_path / "Edge" / "0.png")


def test_masks_beside_their_images(tmp_path):
    touch(tmp_path, "a.nii.gz", "a_seg.nii.gz", "a_lung.nii.gz", "b.mha")
    title, cases = found(tmp_path)
    assert title == "images and masks side by side"
    assert cases == {
        "a": {"image": "a.nii.gz", "label": "a_seg.nii.gz", "lung": "a_lung.nii.gz"},
        "b": {"image": "b.mha"},
    }


def test_image_without_mask_is_a_case_without_label(tmp_path):
    touch(tmp_path, "images/a.nii.gz", "images/b.nii.gz", "labels/b.nii.gz", "labels/c.nii.gz")
    _, cases = find_cases(tmp_path)
    assert [(case.name, case.label is None) for case in cases] == [("a", True), ("b", False)]


@pytest.mark.parametrize(("names", "message"), [((), "is empty"), (("notes.txt",), "holds no images with masks")])
def test_folder_without_images_is_refused(tmp_path, names, message):
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=rf"{message}; expected .*images/ \+ labels/"):
        find_cases(tmp_path)


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find_cases(tmp_path / "nowhere")
