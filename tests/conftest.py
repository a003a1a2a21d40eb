import logging
import os
from pathlib import Path

import pytest
import torch
from tiny_cases import write_tiny_dataset


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real scans named by INFNET_TEST_DATA; the test is skipped where it is not set."""
    folder = os.environ.get("INFNET_TEST_DATA")
    if not folder:
        pytest.skip("INFNET_TEST_DATA is not set")
    return Path(folder)


@pytest.fixture(autouse=True)
def _level_of_the_log():
    """Commands that say what is done lower the level of the package's log, for the tests after them as well."""
    log = logging.getLogger("infnet_monai")
    level = log.level
    yield
    log.setLevel(level)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tiny tensors: more threads only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Path:
    """A data set of two training cases, one for validation and one for test."""
    return write_tiny_dataset(tmp_path / "tiny")
