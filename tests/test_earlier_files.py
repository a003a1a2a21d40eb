from infnet_monai.earlier_files import set_aside


def test_files_that_exist_are_kept_and_stay(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    set_aside(tmp_path, ["a.csv", "b.csv"], "20260101-000000")
    assert (tmp_path / "earlier-20260101-000000" / "a.csv").read_text() == "1"
    assert (tmp_path / "a.csv").exists()


def test_nothing_to_keep_makes_no_folder(tmp_path):
    set_aside(tmp_path, ["a.csv"])
    assert list(tmp_path.iterdir()) == []


def test_kept_file_stays_when_the_new_run_writes_in_place(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    set_aside(tmp_path, ["a.csv"], "20260101-000000")
    (tmp_path / "a.csv").write_text("2")
    assert (tmp_path / "earlier-20260101-000000" / "a.csv").read_text() == "1"


def test_start_done_twice_keeps_once(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    set_aside(tmp_path, ["a.csv"], "20260101-000000")
    set_aside(tmp_path, ["a.csv"], "20260101-000000")
    set_aside(tmp_path, ["a.csv"], "20260101-000009")
    assert [path.name for path in tmp_path.glob("earlier-*")] == ["earlier-20260101-000000"]
