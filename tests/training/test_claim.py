import json

import pytest

from infnet_monai.errors import InputError
from infnet_monai.training.claim import changed_options, claim_options, claim_output_dir, read_record

CONFIG = {"image_size": [8, 8], "epochs": 2, "facts": {"group_size": 5}}


def test_options_stay_the_same_once_the_work_has_started(tmp_path):
    folder = tmp_path / "rounds"
    claim_options(folder, {**CONFIG, "epochs": 1}, started=False)
    claim_options(folder, CONFIG, started=False)
    path = folder / "config.json"
    assert json.loads(path.read_text()) == CONFIG
    claim_options(folder, {**CONFIG, "image_size": (8, 8)}, started=True)
    with pytest.raises(InputError, match="epochs: 2 then, 3 now; seed: null then, 1 now") as caught:
        claim_options(folder, {**CONFIG, "epochs": 3, "seed": 1}, started=True)
    assert f"{folder}: was run with other options" in str(caught.value)
    with pytest.raises(InputError, match="group_size: 5 then, 4 now"):
        claim_options(folder, {**CONFIG, "facts": {"group_size": 4}}, started=True)
    assert json.loads(path.read_text()) == CONFIG


@pytest.mark.parametrize("content", [b"", b'{"epochs"', b"\xff\0", b"[]"])
def test_damaged_options_are_written_again_or_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    assert changed_options(tmp_path, CONFIG) == ["unknown, since config.json is damaged"]
    with pytest.raises(InputError, match=r"config\.json is damaged\); .*remove this folder to do its work again"):
        claim_options(tmp_path, CONFIG, started=True)
    claim_options(tmp_path, CONFIG, started=False)
    assert changed_options(tmp_path, CONFIG) == []


def test_damaged_records_are_none(tmp_path):
    path = tmp_path / "finished.json"
    assert read_record(path) is None
    for content in (b"", b'{"a": 1', b"\xff\0", b"3"):
        path.write_bytes(content)
        assert read_record(path) is None
    path.write_text('{"a": 1}')
    assert read_record(path) == {"a": 1}


def test_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="exists and is not the folder of a comparison; name another output folder"):
        claim_output_dir(tmp_path, "comparison", "")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_folder_whose_marker_was_cut_off_by_a_kill_is_claimed_again(tmp_path):
    (tmp_path / ".123-comparison.json").write_text("{")
    claim_output_dir(tmp_path, "comparison", "Folder of a comparison")
    claim_output_dir(tmp_path, "comparison", "Folder of a comparison")
    assert json.loads((tmp_path / "comparison.json").read_text()) == {"description": "Folder of a comparison"}
