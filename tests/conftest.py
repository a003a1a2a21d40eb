import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real scans named by INFNET_TEST_DATA; the test is skipped where it is not set."""
    folder = os.environ.get("INFNET_TEST_DATA")
    if not folder:
        pytest.skip("INFNET_TEST_DATA is not set")
    return Path(folder)
