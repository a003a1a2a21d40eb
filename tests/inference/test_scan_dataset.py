from dataclasses import replace
from pathlib import Path

import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.errors import InputError
from infnet_monai.inference import ScanDataset
from infnet_monai.scans import Problem, ScanSource, Severity


def read(item):
    if Path(item["image"]).stem.startswith("broken"):
        raise RuntimeError("applying transform") from InputError(f"{item['image']}: damaged")
    if Path(item["image"]).stem == "bug":
        raise ZeroDivisionError
    return {"image": MetaTensor(torch.zeros(1, 2, 2, 2))}


def scans(tmp_path, *names):
    return [ScanSource(tmp_path / f"{name}.nii", name) for name in names]


def test_broken_scans_are_passed_over_and_noted(tmp_path, caplog):
    dataset = ScanDataset(scans(tmp_path, "a", "broken", "ward/b"), read)
    assert [item["image"].meta["scan_name"] for item in dataset] == ["a", "ward/b"]
    assert dataset.failures == [f"{tmp_path}/broken.nii: damaged"]
    assert "damaged" in caplog.text


def test_nothing_but_broken_scans_is_an_error(tmp_path):
    with pytest.raises(InputError, match="none of 2 scans"):
        list(ScanDataset(scans(tmp_path, "broken", "broken2"), read))


def test_a_fault_of_the_program_is_not_hidden(tmp_path):
    with pytest.raises(ZeroDivisionError):
        list(ScanDataset(scans(tmp_path, "bug"), read))


def test_what_is_no_chest_ct_is_left_out_and_named_and_what_is_refused_is_a_failure(tmp_path, caplog):
    good, mask, bent = scans(tmp_path, "a", "mask", "bent")
    mask = replace(mask, problems=(Problem("label-volume", "a label volume", Severity.SKIPPED),))
    bent = replace(bent, problems=(Problem("missing-slices", "8 slices missing", Severity.REFUSED),))
    dataset = ScanDataset([bent, mask, good], read)
    assert [item["image"].meta["scan_name"] for item in dataset] == ["a"]
    assert "mask.nii: skipped: a label volume" in caplog.text
    (failure,) = dataset.failures
    assert failure.startswith(f"{tmp_path}/bent.nii: 8 slices missing. ")
