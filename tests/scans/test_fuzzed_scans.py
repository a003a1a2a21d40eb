import os
import subprocess
import sys
from pathlib import Path

FUZZING = Path(__file__).parents[1] / "fuzzing.py"
DAMAGES = int(os.environ.get("INFNET_DAMAGES", "60"))
SEED = int(os.environ.get("INFNET_DAMAGES_SEED", "1"))
LONGEST_S = 120 + 5 * DAMAGES


def test_damaged_scans_end_as_one_line_each_beside_a_good_scan_that_is_done():
    """The long form: INFNET_DAMAGES=500 INFNET_DAMAGES_SEED=2000 python -m pytest tests/scans/test_fuzzed_scans.py"""
    root = FUZZING.parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(root), str(FUZZING.parent)]),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(FUZZING), "--damages", str(DAMAGES), "--seed", str(SEED), "--folder", "30"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr
