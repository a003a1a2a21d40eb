from types import SimpleNamespace

import numpy as np
import torch
from ignite.engine import Engine
from PIL import Image
from tiny_cases import write_case

from infnet_monai.comparison.examples import ExampleMasks, load_example
from infnet_monai.scans.load import load_upright


def keep(folder, path, reference, prediction, axes=None):
    """Let the handler see one evaluated case; masks upright ``(1, H, W, D)``."""
    item = {"image": SimpleNamespace(meta={"filename_or_obj": str(path), "intensity": "grey"})}
    item |= {"label": reference, "pred": prediction}
    engine = Engine(lambda engine, batch: [item])
    handler = ExampleMasks(folder)
    handler.attach(engine)
    engine.run([[{"axes": axes} if axes else {}]])
    return folder / "examples"


def test_keeps_the_slice_with_the_largest_lesion(tmp_path):
    write_case(tmp_path, "case_1")
    path = tmp_path / "images" / "case_1.nii.gz"
    shape = load_upright(path).shape
    reference, prediction = torch.zeros(shape), torch.zeros(shape)
    reference[0, 3:5, 3:5, 1] = 1
    reference[0, 3:8, 3:5, 3] = 1
    prediction[0, 0, 0, 3], prediction[0, 0, 1, 3] = 0.5, 0.49
    folder = keep(tmp_path, path, reference, prediction)
    example = load_example(folder / "case_1.npz")
    assert example.name == "case_1, slice 4"
    assert np.array_equal(example.reference, reference[0, ..., 3].numpy() > 0)
    assert np.argwhere(example.prediction).tolist() == [[0, 0]]
    assert example.spacing_mm == (1.5, 1.5)


def test_reoriented_pictures_are_kept_upright(tmp_path):
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    Image.fromarray(picture).save(tmp_path / "7.png")
    mask = torch.ones(1, 4, 3, 1)
    example = load_example(keep(tmp_path, tmp_path / "7.png", mask, mask, axes="LP") / "7.npz")
    assert example.name == "7"
    assert np.array_equal(example.image, picture.T)


def test_cases_without_lesion_are_left_out(tmp_path):
    write_case(tmp_path, "case_1")
    path = tmp_path / "images" / "case_1.nii.gz"
    empty = torch.zeros(load_upright(path).shape)
    assert not keep(tmp_path, path, empty, empty).exists()
