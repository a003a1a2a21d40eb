import pytest

from infnet_monai.files import atomic_write, back_up, file_sha256, write_json


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


def test_files_that_exist_are_kept_and_stay(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    back_up(tmp_path, ["a.csv", "b.csv"], "20260101-000000")
    assert (tmp_path / "earlier-20260101-000000" / "a.csv").read_text() == "1"
    assert (tmp_path / "a.csv").exists()


def test_nothing_to_keep_makes_no_folder(tmp_path):
    back_up(tmp_path, ["a.csv"])
    assert list(tmp_path.iterdir()) == []


def test_kept_file_stays_when_the_new_run_writes_in_place(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    back_up(tmp_path, ["a.csv"], "20260101-000000")
    (tmp_path / "a.csv").write_text("2")
    assert (tmp_path / "earlier-20260101-000000" / "a.csv").read_text() == "1"


def test_start_done_twice_keeps_once(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    back_up(tmp_path, ["a.csv"], "20260101-000000")
    back_up(tmp_path, ["a.csv"], "20260101-000000")
    back_up(tmp_path, ["a.csv"], "20260101-000009")
    assert [path.name for path in tmp_path.glob("earlier-*")] == ["earlier-20260101-000000"]


def test_numbers_that_json_does_not_know_are_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json({"lesion_percent": float("nan")}, tmp_path / "a.json")

    assert not list(tmp_path.iterdir())


def test_hash_of_an_empty_file(tmp_path):
    (tmp_path / "empty").touch()

    assert file_sha256(tmp_path / "empty").startswith("e3b0c44298fc1c149afbf4c8996fb924")
