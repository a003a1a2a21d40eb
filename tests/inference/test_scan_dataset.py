import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.errors import InputError
from infnet_monai.inference import ScanDataset
from infnet_monai.scans import Problem, ScanSource, Severity


def read(item):
    path = item["image"].path
    if path.stem.startswith("broken"):
        raise RuntimeError("applying transform") from InputError(f"{path}: damaged")
    if path.stem == "bug":
        raise ZeroDivisionError
    image = MetaTensor(torch.zeros(1, 2, 2, 2))
    image.meta |= {"filename_or_obj": str(path), "warnings": list(item["image"].warnings)}
    return {"image": image, "lungs": torch.zeros(1) if path.stem == "leg" else torch.ones(1)}


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


def doubtful(tmp_path):
    found = (Problem("missing-slices", "8 slices are missing.", Severity.REFUSED),)
    scout = (Problem("localizer", "A localizer.", Severity.SKIPPED),)
    tilted = (Problem("gantry-tilt", "The gantry is tilted.", Severity.WARNING),)
    problems = {"gaps": found, "scout": scout, "tilted": tilted, "leg": (), "a": ()}
    return [ScanSource(tmp_path / f"{name}.nii", name, problems=problem) for name, problem in problems.items()]


def test_problems_of_scans_count_as_they_do_for_the_command(tmp_path, caplog):
    dataset = ScanDataset(doubtful(tmp_path), read, lung_crop=True)
    items = list(dataset)
    assert [item["image"].meta["scan_name"] for item in items] == ["tilted", "a"]
    assert all("warnings" not in item["image"].meta for item in items)  # or MONAI could not batch them
    assert [line.partition(": ")[0] for line in dataset.failures] == [f"{tmp_path}/gaps.nii"]
    assert [line.partition(": ")[0] for line in dataset.skipped] == [f"{tmp_path}/scout.nii", f"{tmp_path}/leg.nii"]
    assert dataset.warned == ["tilted"]
    assert "tilted: The gantry is tilted." in caplog.text


def test_accepted_problems_are_warnings(tmp_path, caplog):
    dataset = ScanDataset(doubtful(tmp_path), read, accept=["missing-slices", "no-lungs"], lung_crop=True)
    assert [item["image"].meta["scan_name"] for item in dataset] == ["gaps", "tilted", "leg", "a"]
    assert dataset.warned == ["gaps", "tilted", "leg"]
    assert "leg: no lungs were found" in caplog.text
    assert len(list(ScanDataset(doubtful(tmp_path), read, "missing-slices", all_scans=True, lung_crop=True))) == 5


def test_unknown_codes_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match="accept 'all': unknown; what can be accepted: missing-slices"):
        ScanDataset(doubtful(tmp_path), read, accept="all")
