"""The long form of the kill tests, for a trial of an hour.

python tests/long_kills.py segment --kills 25                                    20 phantom scans
python tests/long_kills.py parts --kills 10                                      2,000 tiny scans by 4 processes
python tests/long_kills.py training --kills 25                                   six epochs
INFNET_KILLS=9 INFNET_KILL_WITHIN_S=12 python -m pytest -s tests/workflows -k killed   comparison, propagation
"""

import argparse
import signal
import tempfile
from pathlib import Path

from killed_parts import KilledParts
from killed_segmenting import KilledSegmenting
from killed_training import KilledTraining

TRIALS = {
    "segment": lambda folder: KilledSegmenting(folder, scans=20),
    "parts": lambda folder: KilledParts(folder, scans=2000),
    "training": KilledTraining,
}


def main() -> None:
    """Kill one command by SIGKILL and, into another folder, by SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trial", choices=TRIALS)
    parser.add_argument("--kills", type=int, default=25, help="number of kills by each signal")
    parser.add_argument("--seed", type=int, default=1, help="seed of their moments")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trial = TRIALS[arguments.trial](Path(folder))
        for number in (signal.SIGKILL, signal.SIGTERM):
            trial.check(arguments.kills, arguments.seed, number)
            print(f"{arguments.trial}: {arguments.kills} times {number.name}, same results as undisturbed")


if __name__ == "__main__":
    main()
