import json

import pytest

from infnet_monai.data.datalist import load_datalist
from infnet_monai.errors import InputError


def write(folder, content):
    folder.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "dataset.json").write_text(text)
    return folder


@pytest.fixture
def dataset(tmp_path):
    for name in ("image.png", "label.png", "edge.png"):
        (tmp_path / name).touch()
    item = {"image": "image.png", "label": "label.png", "edge": "edge.png", "axes": "LP"}
    return write(tmp_path, {"training": [item], "validation": [], "lesion_labels": [1], "background_labels": [3]})


def test_paths_become_absolute_and_the_rest_is_kept(dataset):
    (item,) = load_datalist(dataset, "training")
    assert item == {
        "image": str(dataset / "image.png"),
        "label": str(dataset / "label.png"),
        "edge": str(dataset / "edge.png"),
        "axes": "LP",
        "lesion_labels": [1],
        "background_labels": [3],
    }


def test_absolute_paths_are_kept_and_labels_are_optional(dataset, tmp_path):
    item = {"image": str(dataset / "image.png"), "label": str(dataset / "label.png")}
    other = write(tmp_path / "elsewhere", {"test": [item]})
    assert load_datalist(str(other), "test") == [item]


def test_a_folder_whose_name_is_a_number_is_a_folder(tiny_dataset, monkeypatch):
    tiny_dataset.rename(tiny_dataset.with_name("2020"))
    monkeypatch.chdir(tiny_dataset.parent)
    assert len(load_datalist(2020, "training")) == 2


@pytest.mark.parametrize(("section", "message"), [("validation", "empty"), ("test", "missing")])
def test_section_without_cases_is_named(dataset, section, message):
    with pytest.raises(InputError, match=rf"dataset.json: section '{section}' is {message}; filled: training"):
        load_datalist(dataset, section)


def test_missing_file_is_named(dataset):
    (dataset / "label.png").unlink()
    with pytest.raises(InputError, match=r"label\.png: no such label file"):
        load_datalist(dataset, "training")


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: no such folder; .*infnet prepare"):
        load_datalist(tmp_path / "nowhere", "training")


def test_empty_folder(tmp_path):
    with pytest.raises(InputError, match=r"is empty; run infnet prepare"):
        load_datalist(tmp_path, "training")


def test_folder_without_datalist(tmp_path):
    (tmp_path / "scan.nii.gz").touch()
    with pytest.raises(InputError, match=r"has no dataset\.json; run"):
        load_datalist(tmp_path, "training")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"training": [', "not readable as JSON"),
        ("[]", "expected an object"),
        ({"training": [{"image": "image.png"}]}, "lacks 'image' or 'label'"),
    ],
)
def test_malformed_datalist_is_one_line(tmp_path, content, message):
    write(tmp_path, content)
    with pytest.raises(InputError, match=message) as caught:
        load_datalist(tmp_path, "training")
    assert "\n" not in str(caught.value)
