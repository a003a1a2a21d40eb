import json

import pytest

from infnet_monai.bundle.generate import BUNDLES, outdated_files, render_bundle, write_bundle
from infnet_monai.networks import list_backbones


@pytest.mark.parametrize("entry", BUNDLES, ids=lambda entry: entry.name)
def test_rendered_files_are_complete(entry):
    files = render_bundle(entry)
    assert {"LICENSE", "configs/train.json", "configs/evaluate.json", "configs/metadata.json"} <= set(files)
    assert {"configs/logging.conf", "docs/README.md", "docs/data_license.txt"} <= set(files)
    assert json.loads(files["configs/train.json"])["network_def"]["backbone"] in list_backbones()
    assert json.loads(files["configs/metadata.json"])["network_data_format"]["outputs"]["pred"]
    assert not any("{{" in text for text in files.values())


def test_check_finds_what_is_out_of_step(tmp_path):
    entry = BUNDLES[0]
    folder = write_bundle(entry, tmp_path)
    assert outdated_files(entry, tmp_path) == []
    (folder / "models").mkdir()
    (folder / "docs" / "README.md").write_text("changed")
    (folder / "LICENSE").unlink()
    assert {path.name for path in outdated_files(entry, tmp_path)} == {"README.md", "LICENSE"}
    write_bundle(entry, tmp_path)
    assert (folder / "models").is_dir()
