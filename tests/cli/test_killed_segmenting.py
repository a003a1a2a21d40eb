"""``infnet segment`` killed at any moment and started again ends like an undisturbed run."""

import signal
import subprocess
import time

import pandas as pd
import pytest
from killed_segmenting import KilledSegmenting, assert_same_results, environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def segmenting(tmp_path_factory):
    return KilledSegmenting(tmp_path_factory.mktemp("killed"), scans=6)


def test_the_same_command_again_ends_with_the_results_of_an_undisturbed_run(segmenting):
    segmenting.check(kills=4, seed=0, signal=signal.SIGKILL)


def test_sigterm_ends_like_ctrl_c_with_a_table_and_a_report_of_what_is_done(segmenting, tmp_path):
    output = tmp_path / "out"
    process = subprocess.Popen(segmenting.command(output), env=environment(), stderr=subprocess.PIPE, text=True)
    while not list(output.glob("chest_*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "Interrupted."
    assert "Traceback" not in errors
    done = list(pd.read_csv(output / "statistics.csv")["scan"])
    assert 1 <= len(done) < 6
    assert all((output / f"{name}_infection.nii.gz").exists() for name in done)
    assert (output / "report.html").read_text().count("<section id=") == len(done)
    subprocess.run(segmenting.command(output), env=environment(), check=True, capture_output=True)
    assert_same_results(output, segmenting.undisturbed)
