"""Three lesion classes by a change of the data set alone: trained, evaluated, segmented, written and reported."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from dicom_series import write_slices
from monai.bundle import ConfigParser, ConfigWorkflow
from tiny_cases import write_tiny_dataset

from infnet_monai.errors import find_input_error
from infnet_monai.inference import BatchOptions, Segmenter, segment_scans
from infnet_monai.label_scheme import read_scheme

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "bundles" / "infnet_ggo_consolidation"
SMALL = {"image_size": [32, 32], "pretrained": False, "amp": False, "batch_size": 3, "learning_rate": 0.003}
NAMES = {"0": "background", "1": "ground glass", "2": "consolidation", "3": "pleural effusion"}
COLUMNS = ("ground_glass", "consolidation", "pleural_effusion")


@pytest.fixture
def three_classes(tmp_path):
    """The tiny data set with its lesion in three parts, and their names in dataset.json."""
    folder = write_tiny_dataset(tmp_path / "tiny")
    for path in (folder / "labels").glob("*.nii.gz"):
        volume = nib.load(path)
        label = np.asarray(volume.dataobj).copy()
        label[:, 20:25][label[:, 20:25] > 0] = 2
        label[:, 25:][label[:, 25:] > 0] = 3
        nib.save(nib.Nifti1Image(label, volume.affine), path)
    path = folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": NAMES}))
    return folder


def run_bundle(folder, files, **overrides):
    configs = [str(BUNDLE / "configs" / file) for file in files]
    places = {"ckpt_dir": str(folder / "models"), "output_dir": str(folder / "eval")}
    workflow = ConfigWorkflow(configs, workflow_type="train", **SMALL | places | overrides)
    workflow.initialize()
    workflow.run()
    workflow.finalize()


@pytest.fixture
def trained(three_classes, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    run_bundle(tmp_path, ("train.json",), dataset_dir=str(three_classes), epochs=2)
    return tmp_path / "models" / "model.pt"


def test_three_classes_are_trained_evaluated_and_segmented(trained, three_classes, tmp_path):
    curve = pd.read_csv(tmp_path / "eval" / "metrics.csv")
    of_classes = curve[[f"val_{name}_dice" for name in COLUMNS]].iloc[-1]
    assert curve["val_dice"].iloc[-1] == pytest.approx(of_classes.mean())
    assert [one.name for one in read_scheme(trained)] == list(NAMES.values())[1:]

    run_bundle(
        tmp_path, ("train.json", "evaluate.json"), dataset_dir=str(three_classes), output_dir=str(tmp_path / "t")
    )
    cases = pd.read_csv(tmp_path / "t" / "cases.csv")
    assert cases["class"].tolist() == list(COLUMNS)
    slices = pd.read_csv(tmp_path / "t" / "slices.csv")
    assert slices.groupby("class")["slice"].count().to_dict() == dict.fromkeys(COLUMNS, 5)

    stored = np.asarray(nib.load(three_classes / "images" / "case_3.nii.gz").dataobj).T + 1024
    places = [(0, 0, 5 * k) for k in range(len(stored))]
    write_slices(tmp_path / "ct", places, stored, tags={"RescaleSlope": 1, "RescaleIntercept": -1024})
    segmenter = Segmenter(BUNDLE, "cpu", trained, image_size=[32, 32], lung_crop=False, amp=False, threshold=0.2)
    out = tmp_path / "out"
    options = BatchOptions(outputs=("dicom_seg", "probability"), progress=False)
    result = segment_scans([str(tmp_path / "ct")], out, segmenter, options)
    (name,) = result.records
    mask = np.asarray(nib.load(out / f"{name}_infection.nii.gz").dataobj)
    maps = np.asarray(nib.load(out / f"{name}_probability.nii.gz").dataobj)
    assert maps.shape == (*mask.shape, 3)
    np.testing.assert_array_equal(mask, np.where(maps.max(-1) >= np.float32(0.2), maps.argmax(-1) + 1, 0))
    record = json.loads((out / f"{name}.json").read_text())
    voxel_ml = record["statistics"]["lesion_volume_ml"] / (mask > 0).sum()
    volumes = {key: one["volume_ml"] for key, one in record["classes"].items()}
    expected = {key: (mask == value).sum() * voxel_ml for value, key in enumerate(COLUMNS, start=1)}
    assert volumes == pytest.approx(expected, abs=0.01)
    table = pd.read_csv(out / "statistics.csv")
    assert [f"{key}_volume_ml" in table.columns for key in COLUMNS] == [True] * 3
    html = (out / "report.html").read_text()
    assert all(name.capitalize() in html for name in list(NAMES.values())[1:])
    highdicom = pytest.importorskip("highdicom")
    segmentation = highdicom.seg.segread(out / f"{name}_infection.dcm")
    labels = [segmentation.get_segment_description(number).segment_label for number in (1, 2, 3)]
    assert labels == ["Ground glass", "Consolidation", "Pleural effusion"]


def test_weights_of_other_classes_are_refused_in_one_line(trained, tiny_dataset, tmp_path):
    (trained.parent / "classes.json").unlink()
    with pytest.raises(Exception) as caught:  # noqa: PT011
        Segmenter(BUNDLE, "cpu", trained)
    assert "model.pt" in str(find_input_error(caught.value))


def test_resuming_on_other_classes_is_refused(trained, three_classes, tmp_path):
    path = three_classes / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"classes": {"any": [1, 2, 3]}}))
    with pytest.raises(Exception) as caught:  # noqa: PT011
        run_bundle(tmp_path, ("train.json",), dataset_dir=str(three_classes), epochs=3, resume=True)
    assert "was trained on other classes" in str(find_input_error(caught.value))


def test_classes_of_any_bundle_are_those_of_its_data_set_where_that_is_asked_for(three_classes):
    parser = ConfigParser()
    parser.read_config(str(ROOT / "bundles" / "infnet_vgg16" / "configs" / "train.json"))
    parser["dataset_dir"], parser["classes"] = str(three_classes), "@dataset_dir"
    assert [one.column for one in parser.get_parsed_content("label_scheme")] == list(COLUMNS)


def test_the_network_of_one_class_is_built_without_a_data_set():
    parser = ConfigParser()
    parser.read_config(str(ROOT / "bundles" / "infnet_efficientnet_lite0" / "configs" / "train.json"))
    parser["dataset_dir"], parser["pretrained"] = "$1 / 0", False
    assert parser.get_parsed_content("network_def").partial_decoder.classify.out_channels == 1
