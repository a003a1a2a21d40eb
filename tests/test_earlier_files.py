from infnet_monai.earlier_files import set_aside


def test_files_that_exist_are_kept_and_stay(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    set_aside(tmp_path, ["a.csv", "b.csv"], "20260101-000000")
    assert (tmp_path / "earlier-20260101-000000" / "a.csv").read_text() == "1"
    assert (tmp_path / "a.csv").exists()


def test_nothing_to_keep_makes_no_folder(tmp_path):
    set_aside(tmp_path, ["a.csv"])
    assert list(tmp_path.iterdir()) == []
