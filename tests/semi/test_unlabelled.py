import numpy as np
import pytest
from PIL import Image
from tiny_semi import write_labelled, write_pictures

from infnet_monai.errors import InputError
from infnet_monai.semi.unlabelled import check_unlabelled, deal_groups, find_unlabelled, labelled_items


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "unlabelled", count=3)


def check(folder, labelled=(), intensity="auto"):
    items = [{"image": str(path), "axes": "LP"} for path in find_unlabelled(folder)]
    check_unlabelled(items, labelled, intensity)
    return [item["image"] for item in items]


def test_pictures_come_in_natural_order(pictures):
    (pictures / "slice_10.png").write_bytes((pictures / "slice_0.png").read_bytes())
    (pictures / "notes.txt").write_text("no picture")
    (pictures / ".slice_3.png").write_bytes(b"hidden")
    names = [path.name for path in find_unlabelled(pictures)]
    assert names == ["slice_0.png", "slice_1.png", "slice_2.png", "slice_10.png"]


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(InputError, match="none: no such folder"):
        find_unlabelled(tmp_path / "none")
    with pytest.raises(InputError, match=r"is empty; expected unlabelled slices as \.png"):
        find_unlabelled(tmp_path)
    (tmp_path / "ct.nii.gz").write_bytes(b"volume")
    with pytest.raises(InputError, match="holds no picture"):
        find_unlabelled(tmp_path)


def test_two_pictures_of_one_name_are_refused(pictures):
    Image.open(pictures / "slice_1.png").save(pictures / "Slice_1.jpg")
    with pytest.raises(InputError, match=r"(?i)slice_1\.\w+: has the name of slice_1\.\w+, so their labels would"):
        find_unlabelled(pictures)


def test_every_picture_that_cannot_be_used_is_named(pictures):
    (pictures / "slice_0.png").write_bytes(b"")
    truncated = (pictures / "slice_1.png").read_bytes()[:200]
    (pictures / "slice_1.png").write_bytes(truncated)
    Image.fromarray(np.full((8, 8), 3000, np.uint16)).save(pictures / "slice_2.png")
    write_pictures(pictures / "more", count=1)
    (pictures / "more" / "slice_0.png").rename(pictures / "sound.png")
    with pytest.raises(InputError) as caught:
        check(pictures)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert "slice_0.png: cannot be read" in lines[0]
    assert "slice_1.png: cannot be read" in lines[1]
    assert "slice_2.png: intensities from 3000 to 3000" in lines[2]
    assert lines[3].startswith("3 of 4 unlabelled slices cannot be used")


def test_named_intensities_are_taken_as_such(pictures):
    Image.fromarray(np.full((8, 8), 3000, np.uint16)).save(pictures / "slice_2.png")
    assert len(check(pictures, intensity="hu")) == 3


def test_labelled_pictures_among_the_unlabelled_are_refused(pictures, tmp_path):
    labelled = labelled_items(write_labelled(tmp_path / "labelled"))
    assert len(check(pictures, labelled)) == 3
    (pictures / "copy.png").write_bytes((tmp_path / "labelled" / "images" / "3.png").read_bytes())
    with pytest.raises(InputError, match=r"copy\.png: the same picture as the labelled .*3\.png"):
        check(pictures, labelled)


def test_labelled_data_needs_a_validation_section(tmp_path):
    folder = write_labelled(tmp_path / "labelled")
    assert len(labelled_items(folder)) == 4
    text = (folder / "dataset.json").read_text()
    (folder / "dataset.json").write_text(text.replace('"validation"', '"test"'))
    with pytest.raises(InputError, match="section 'validation' is missing"):
        labelled_items(folder)


def test_groups_hold_every_slice_once():
    items = list(range(13))
    groups = deal_groups(items, 5, seed=3)
    assert [len(group) for group in groups] == [5, 5, 3]
    assert sorted(item for group in groups for item in group) == items
    assert groups == deal_groups(items, 5, seed=3)
    assert groups != deal_groups(items, 5, seed=4)
    assert groups[0] != items[:5]
