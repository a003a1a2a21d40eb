import pytest

from infnet_monai.atomic_write import atomic_write


def test_the_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "mask.nii.gz"

    with atomic_write(path) as draft:
        draft.write_text("whole")
        assert draft.name.endswith("mask.nii.gz")
        assert not path.exists()

    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")

    with pytest.raises(TypeError, match="must be str"), atomic_write(path) as draft:
        draft.write_text(b"half")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
