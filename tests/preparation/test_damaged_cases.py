"""Damaged images and masks among the cases of a data set: one line each, and the other cases are prepared."""

import random
import struct

import nibabel as nib
import numpy as np
import pytest
from fuzzed_files import cut, fill_a_run, flip_anywhere, flip_in_header

from infnet_monai.errors import InputError
from infnet_monai.preparation.prepare import prepare_dataset

AFFINE = np.diag([-0.7, -0.7, 5.0, 1.0])
SHAPE = (8, 6, 4)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "set"
    for number in range(4):
        image = np.random.default_rng(number).integers(-1000, 200, SHAPE).astype(np.int16)
        mask = np.zeros(SHAPE, np.uint8)
        mask[:2, :2, 1] = 1
        for name, array in (("images", image), ("labels", mask)):
            (root / name).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(array, AFFINE), root / name / f"c{number}.nii")
    return root


def other_shape(path):
    nib.save(nib.Nifti1Image(np.zeros((8, 6, 5), np.uint8), AFFINE), path)


def huge(path):
    content = bytearray(path.read_bytes())
    struct.pack_into("<4h", content, 40, 3, 32767, 32767, 32767)
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["images", "labels"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:400]), "truncated"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_text("not a volume"), "cannot be read"),
        (huge, "truncated|more voxels than any CT"),
        (other_shape, "shape"),
    ],
)
def test_a_damaged_file_is_one_line_that_names_it(folder, kind, damage, words):
    damage(folder / kind / "c2.nii")
    with pytest.raises(InputError, match=words) as caught:
        prepare_dataset(folder)
    line, summary = str(caught.value).split("\n")
    assert line.isprintable()
    assert "c2.nii" in line
    assert "1 of 4 cases" in summary
    assert not (folder / "dataset.json").exists()
    prepared = prepare_dataset(folder, skip_bad=True)
    assert "c2" not in prepared.table()["case"].tolist()
    assert len(prepared.table()) == 3


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("damage", [cut, fill_a_run, flip_anywhere, flip_in_header])
def test_random_damages_raise_nothing_but_one_line(folder, damage, seed):
    dice = random.Random(seed)
    path = folder / dice.choice(["images", "labels"]) / "c2.nii"
    damage([path], dice)
    prepared = prepare_dataset(folder, skip_bad=True)
    assert len(prepared.table()) >= 3
    assert damage is not cut or len(prepared.table()) == 3
