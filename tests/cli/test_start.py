"""Commands that need no network start without the libraries for it; by name, since times depend on the machine."""

import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from summarised_folder import write_summarised_folder

HEAVY = ("torch", "monai", "itk", "timm", "ignite", "tensorboard", "torchvision", "pandas", "matplotlib")
SHOW_LOADED = f"""
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))), file=sys.stderr))
from infnet_monai.cli import app
app()
"""


def loaded_by(*arguments, status=0):
    """Which of the heavy libraries a process with the command has imported in the end."""
    command = [sys.executable, "-c", SHOW_LOADED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["segment", "--help"]])
def test_help_and_version_load_no_heavy_library(arguments):
    assert loaded_by(*arguments) == []


def test_summarise_loads_no_heavy_library(tmp_path):
    write_summarised_folder(tmp_path)
    assert loaded_by("summarise", tmp_path) == []
    assert (tmp_path / "report.html").is_file()


def test_scans_are_found_and_wrong_paths_are_answered_without_a_heavy_library(tmp_path):
    voxels = np.random.default_rng(0).integers(-1000, 400, (8, 7, 5)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.diag([-1.0, -1, 2, 1])), tmp_path / "ct.nii.gz")
    assert loaded_by("scans", tmp_path) == []
    assert loaded_by("segment", tmp_path / "none", "-o", tmp_path / "out", status=1) == []
