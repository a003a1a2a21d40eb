"""Parts of 200 scans by processes that are killed at random end with the table of one undisturbed process."""

import signal

import pandas as pd
import pytest
from killed_parts import KilledParts

pytestmark = pytest.mark.slow


def test_parts_that_are_killed_at_random_end_like_one_undisturbed_process(tmp_path):
    parts = KilledParts(tmp_path, scans=200)
    table = pd.read_csv(parts.undisturbed / "statistics.csv")
    assert table["status"].value_counts().to_dict() == {"done": 190, "skipped": 10}
    parts.check(kills=2, seed=0, signal=signal.SIGKILL)
