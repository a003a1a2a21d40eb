import json

import pytest

from infnet_monai.errors import InputError
from infnet_monai.training.claim import claim_stage

CONFIG = {"image_size": [8, 8], "epochs": 2, "semi": {"group_size": 5}}


def test_options_are_written_once_and_compared_afterwards(tmp_path):
    path = claim_stage(tmp_path / "rounds", CONFIG)
    assert json.loads(path.read_text()) == CONFIG
    assert claim_stage(tmp_path / "rounds", {**CONFIG, "image_size": (8, 8)}) == path
    with pytest.raises(InputError, match="epochs: 2 then, 3 now; seed: null then, 1 now") as caught:
        claim_stage(tmp_path / "rounds", {**CONFIG, "epochs": 3, "seed": 1})
    assert f"{tmp_path / 'rounds'}: was run with other options" in str(caught.value)
    with pytest.raises(InputError, match="group_size: 5 then, 4 now"):
        claim_stage(tmp_path / "rounds", {**CONFIG, "semi": {"group_size": 4}})
    assert json.loads(path.read_text()) == CONFIG
