import json

import pytest

from infnet_monai.errors import InputError
from infnet_monai.preparation import layouts
from infnet_monai.preparation.case_files import CaseFiles, FoundCases
from infnet_monai.preparation.layouts import find_cases


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder):
    """Layout title and, for each case, its name and the paths of its files."""
    found = find_cases(folder, folder / "output")
    files = [{key: path.relative_to(folder).as_posix() for key, path in case.paths.items()} for case in found.cases]
    return found.title, {case.name: paths for case, paths in zip(found.cases, files, strict=True)}


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
    layout = find_cases(tmp_path)
    assert [case.name for case in layout.cases] == ["1", "2", "10"]
    assert layout.title == "MedSeg volumes"
    assert layout.label_names[3] == "pleural effusion"
    assert layout.lesion_labels == (1, 2)
    assert layout.cases[2].lung == tmp_path / "rp_lung_msk" / "10.nii.gz"


def test_covid_semiseg_pictures_have_axes_and_edges(tmp_path):
    touch(tmp_path, "Imgs/0.jpg", "GT/0.png", "Edge/0.png")
    layout = find_cases(tmp_path)
    (case,) = layout.cases
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
    assert [(case.name, case.label is None) for case in find_cases(tmp_path).cases] == [("a", True), ("b", False)]


@pytest.mark.parametrize(("names", "message"), [((), "is empty"), (("notes.txt",), "holds no images with masks")])
def test_folder_without_images_is_refused(tmp_path, names, message):
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=rf"{message}; expected .*images/ \+ labels/"):
        find_cases(tmp_path)


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find_cases(tmp_path / "nowhere")


def test_volumes_of_covid_19_ct_seg(tmp_path):
    touch(tmp_path, *(f"{part}/r_1.nii.gz" for part in ("COVID-19-CT-Seg_20cases", "Infection_Mask", "Lung_Mask")))
    assert found(tmp_path)[0] == "COVID-19-CT-Seg"


@pytest.mark.parametrize(
    ("image", "label"),
    [("ct", "lesion"), ("image", "mask"), ("p2_ct", "p2_seg"), ("p2", "p2_lesion"), ("CT", "Infection")],
)
def test_one_folder_a_patient(tmp_path, image, label):
    touch(tmp_path, "p10/ct.nii.gz", "p10/lesion.nii.gz", "p10/lung.nii.gz", "p10/notes.txt", "empty/notes.txt")
    touch(tmp_path, f"p2/{image}.nii.gz", f"p2/{label}.nii.gz", ".cache/ct.nii.gz", "overview.png")
    ten = {"image": "p10/ct.nii.gz", "label": "p10/lesion.nii.gz", "lung": "p10/lung.nii.gz"}
    title, cases = found(tmp_path)
    assert title == "one folder a patient"
    assert list(cases.items()) == [
        ("p2", {"image": f"p2/{image}.nii.gz", "label": f"p2/{label}.nii.gz"}),
        ("p10", ten),
    ]


def test_patient_without_lesion_file_is_a_case_without_label(tmp_path):
    touch(tmp_path, "a/ct.nii.gz", "b/ct.nii.gz", "b/lesion.nii.gz")
    assert [(case.name, case.label is None) for case in find_cases(tmp_path).cases] == [("a", True), ("b", False)]


def test_two_masks_of_a_patient_are_refused(tmp_path):
    touch(tmp_path, "a/ct.nii.gz", "a/lesion.nii.gz", "a/mask.nii.gz")
    with pytest.raises(InputError, match=r"a/lesion\.nii\.gz: mask\.nii\.gz beside it may be meant as well"):
        find_cases(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("images/a.nii.gz", "images/a.nrrd", "labels/a.nii.gz"),
        ("images/a.nii.gz", "labels/a.nii.gz", "labels/a.nii"),
        ("a.mha", "a.png", "a_seg.mha"),
        ("p1/ct.nii.gz", "p1/ct.nrrd", "p1/lesion.nii.gz"),
    ],
)
def test_two_files_of_one_name_are_refused_instead_of_one_being_dropped(tmp_path, names):
    touch(tmp_path, *names)
    with pytest.raises(InputError, match=r"beside it has the same name; keep one of the two") as caught:
        find_cases(tmp_path)
    assert "\n" not in str(caught.value)


def decathlon(folder, **changes):
    """A ``dataset.json`` as the Decathlon publishes it, with two labelled scans and one for testing."""
    touch(folder, "imagesTr/a_1.nii.gz", "labelsTr/a_1.nii.gz", "imagesTr/a_2.nii.gz", "labelsTr/a_2.nii.gz")
    pairs = [{"image": f"./imagesTr/a_{k}.nii.gz", "label": f"./labelsTr/a_{k}.nii.gz"} for k in (1, 2)]
    labels = {"0": "background", "1": "Left Lung", "2": "infection"}
    content = {"name": "A", "labels": labels, "numTest": 1, "training": pairs, "test": ["./imagesTs/a_3.nii.gz"]}
    (folder / "dataset.json").write_text(json.dumps(content | changes))


def test_decathlon_items_with_labels_are_cases_and_lungs_are_no_lesion(tmp_path):
    decathlon(tmp_path)
    layout = find_cases(tmp_path, tmp_path / "output")
    assert layout.title == "Medical Segmentation Decathlon"
    assert layout.label_names == {0: "background", 1: "Left Lung", 2: "infection"}
    assert layout.lesion_labels == (2,)
    assert [(case.name, case.image, case.label) for case in layout.cases] == [
        (f"a_{k}", tmp_path / f"imagesTr/a_{k}.nii.gz", tmp_path / f"labelsTr/a_{k}.nii.gz") for k in (1, 2)
    ]


def test_decathlon_list_is_not_to_be_replaced(tmp_path):
    decathlon(tmp_path)
    with pytest.raises(InputError, match=r"dataset\.json: is the data set's own; give --output FOLDER"):
        find_cases(tmp_path)


def test_decathlon_labels_by_name_are_refused(tmp_path):
    decathlon(tmp_path, labels={"background": 0, "lesion": 1})
    with pytest.raises(InputError, match="expected names by value"):
        find_cases(tmp_path, tmp_path / "output")


@pytest.mark.parametrize("change", [{"lesion_labels": [1]}, {"training": ["a"]}, {"training": 3}])
def test_other_lists_do_not_hide_the_folders(tmp_path, change):
    decathlon(tmp_path, **change)
    assert find_cases(tmp_path).title == "image and mask folders"


def test_contact_sheet_of_an_earlier_call_is_no_image(tmp_path):
    touch(tmp_path, "a.nii.gz", "a_seg.nii.gz", "contact_sheet.png")
    assert list(found(tmp_path)[1]) == ["a"]


class Slides:
    """A throw-away layout: ``slide_1.png`` with its mask ``mask_of_slide_1.png``."""

    expected = "slide_1.png + mask_of_slide_1.png"

    def find(self, folder, output):
        images = sorted(folder.glob("slide_*.png"))
        cases = [CaseFiles(path.stem, path, folder / f"mask_of_{path.name}") for path in images]
        return FoundCases("slides", cases, axes="LP", lesion_labels=(7,))


def test_layout_is_one_class_and_one_entry_in_the_list(tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "LAYOUTS", [*layouts.LAYOUTS, Slides()])
    touch(tmp_path, "slide_1.png", "mask_of_slide_1.png")
    assert found(tmp_path) == ("slides", {"slide_1": {"image": "slide_1.png", "label": "mask_of_slide_1.png"}})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"slide_1\.png \+ mask_of_slide_1\.png"):
        find_cases(tmp_path / "empty")
