import json
import os
from pathlib import Path

import pytest
import torch
from tiny_cases import write_case


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real scans named by INFNET_TEST_DATA; the test is skipped where it is not set."""
    folder = os.environ.get("INFNET_TEST_DATA")
    if not folder:
        pytest.skip("INFNET_TEST_DATA is not set")
    return Path(folder)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny tensors: more threads only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Path:
    """A data set of two training cases, one for validation and one for test."""
    folder = tmp_path / "tiny"
    cases = [write_case(folder, f"case_{k}", seed=k) for k in range(4)]
    datalist = {"labels": {"0": "background", "1": "lesion"}, "training": cases[:2]}
    datalist |= {"validation": cases[2:3], "test": cases[3:]}
    (folder / "dataset.json").write_text(json.dumps(datalist))
    return folder
