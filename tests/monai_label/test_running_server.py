"""MONAI Label's server with two bundles, asked through its REST interface as its clients do."""

import hashlib
import shutil

import itk
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from PIL import Image

from infnet_monai.inference import Segmenter

pytestmark = pytest.mark.slow

MODELS = ("infnet_efficientnet_lite0", "infnet_resnet18")
REORIENTED = ("RAS", "LPI", "PSR", "ILA")


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_reoriented(chest, axes, path):
    image = nib.Nifti1Image(chest.image, chest.affine)
    reoriented = image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt(axes)))
    nib.save(reoriented, path)


def write_oblique(chest, path):
    angle = np.deg2rad(12)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    nib.save(nib.Nifti1Image(chest.image, turn @ chest.affine), path)


@pytest.fixture(scope="module")
def studies(server, chests):
    """The server's folder with one more volume for each orientation and kind of file, and a picture."""
    for axes in REORIENTED:
        write_reoriented(chests["a"], axes, server.studies / f"{axes}.nii.gz")
    write_oblique(chests["a"], server.studies / "oblique.nii")
    for kind in ("nrrd", "mha"):
        itk.imwrite(itk.imread(str(server.studies / "a.nii.gz")), str(server.studies / f"a_{kind}.{kind}"))
    Image.new("L", (8, 8)).save(server.studies / "picture.png")
    server.wait(lambda: server.get("/datastore/")["total"] >= 10)
    assert sorted(server.get("/datastore/", output="all")["objects"]) == sorted(
        ["a", "b", "c", *REORIENTED, "oblique", "a_nrrd", "a_mha"]
    )
    return server.studies


def save_label(server, chest, name, mask):
    path = server.folder / f"{name}.nii.gz"
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), chest.affine), path)
    status, _, answer = server.save_label(name, path)
    assert status == 200, answer


def assert_like_own_inference(server, name, model, scan):
    suffix = scan.name[len(name) :]
    answer = itk_as_nifti(server.infer(model, name, suffix))
    own = Segmenter(server.app / "model" / model).segment(scan)
    mask = np.asarray(answer.dataobj)
    assert mask.shape == own.mask.shape
    assert set(np.unique(mask)) == {0, 1}
    assert dice(mask > 0, own.mask > 0) >= 0.999
    scan_image = itk_as_nifti(scan)
    assert np.allclose(answer.affine, scan_image.affine, atol=1e-4)
    assert np.allclose(answer.header.get_zooms(), scan_image.header.get_zooms(), atol=1e-4)


def itk_as_nifti(path):
    """Read a file, whatever its kind, with its affine in RAS+."""
    if path.suffix in (".nrrd", ".mha"):
        image = itk.imread(str(path))
        path = path.with_suffix(".as.nii")
        itk.imwrite(image, str(path))
    return nib.load(path)


def test_info_lists_both_models_with_their_label(server):
    info = server.get("/info/")
    assert info["labels"] == ["infection"]
    assert tuple(info["models"]) == tuple(info["trainers"]) == MODELS
    for model in info["models"].values():
        assert model["labels"] == {"infection": 1}
        assert model["type"] == "segmentation"
        assert model["config"]["model_filename"] == ["model.pt"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "file", ["a.nii.gz", *(f"{axes}.nii.gz" for axes in REORIENTED), "oblique.nii", "a_nrrd.nrrd", "a_mha.mha"]
)
def test_mask_is_that_of_own_inference_on_the_voxels_of_the_scan(server, studies, model, file):
    assert_like_own_inference(server, file.split(".")[0], model, studies / file)


def test_next_sample_is_one_that_has_no_label(server, studies):
    sample = server.post_json("/activelearning/random", {})
    assert (studies / sample["path"]).is_file()
    assert server.post_json("/activelearning/first", {})["id"] == "ILA"


def test_one_labelled_case_is_learned_and_segmented_with(server, chests):
    """Without a validation case the final weights are saved, and the running server takes them up."""
    model = MODELS[0]
    save_label(server, chests["a"], "a", chests["a"].lesion > 0)
    assert server.get("/datastore/")["completed"] == 1
    before, first_mask = digest(server.weights(model)), server.infer(model, "a").read_bytes()
    task = server.train(model, max_epochs=2)
    assert task["status"] == "DONE", task["details"]
    assert digest(server.weights(model)) != before
    (earlier,) = server.weights(model).parent.glob("earlier-*/model.pt")
    assert digest(earlier) == before
    assert server.infer(model, "a").read_bytes() != first_mask
    assert_like_own_inference(server, "a", model, server.studies / "a.nii.gz")


def test_two_labelled_cases_are_learned_with_all_options_that_the_server_offers(server, chests):
    """3D Slicer sends each option back, of a list the first."""
    model = MODELS[1]
    save_label(server, chests["b"], "b", chests["b"].lesion > 0)
    offered = server.get("/info/")["trainers"][model]["config"]
    options = {name: value[0] if isinstance(value, list) else value for name, value in offered.items()}
    assert options["model_filename"] == "model.pt"
    before = digest(server.weights(model))
    assert server.train(model, **(options | {"max_epochs": 2}))["status"] == "DONE"
    assert digest(server.weights(model)) != before


def test_next_sample_passes_over_labelled_cases(server):
    """Asked once only: MONAI Label's `random` fails where it gave each unlabelled case within the same second."""
    assert server.post_json("/activelearning/random", {})["id"] not in ("a", "b")


def test_worse_fine_tuning_keeps_the_better_weights(server, chests, label_bundles):
    """Two cases are learned in which almost nothing is marked; the third, which validates, is marked as it is now."""
    model = MODELS[1]
    shutil.copy(label_bundles[1] / "models" / "model.pt", server.weights(model))
    # MONAI Label validates with the last case of its list, which has the order of the file system.
    *learned, validating = [name for name in server.get("/datastore/", output="all")["objects"] if name in chests]
    mask = np.asarray(nib.load(server.infer(model, validating)).dataobj) > 0
    save_label(server, chests[validating], validating, mask)
    for name in learned:
        speck = np.zeros(chests[name].image.shape)
        speck[36, 30] = 1
        save_label(server, chests[name], name, speck)
    assert server.train(model, max_epochs=3)["status"] == "DONE"
    curve = pd.read_csv(server.weights(model).parents[1] / "eval" / "metrics.csv")["val_dice"]
    assert curve[0] > max(0.5, curve[1:].max())
    assert np.array_equal(np.asarray(nib.load(server.infer(model, validating)).dataobj) > 0, mask)


def test_log_has_no_traceback_and_nothing_left_this_machine(server):
    assert "Traceback" not in server.read_log()
    assert set(server.connections.read_text().split("\n")) == {"guarded", ""}


def test_fine_tuned_weights_stay_after_a_restart(server):
    model = MODELS[0]
    weights, mask = digest(server.weights(model)), server.infer(model, "a").read_bytes()
    server.stop()
    server.start()
    assert server.get("/info/")["models"][model]["config"]["model_filename"] == ["model.pt"]
    assert digest(server.weights(model)) == weights
    assert server.infer(model, "a").read_bytes() == mask


BAD_REQUESTS = {
    "no model of this name": ("POST", "/infer/infnet_none", {"image": "a"}, 500),
    "no image of this name": ("POST", f"/infer/{MODELS[0]}", {"image": "none"}, 500),
    "no image at all": ("POST", f"/infer/{MODELS[0]}", {}, 500),
    "no strategy of this name": ("POST", "/activelearning/none", {}, 500),
    "label without a file": ("PUT", "/datastore/label", {"image": "a"}, 422),
    "image that is not there": ("GET", "/datastore/image", {"image": "none"}, 404),
    "no such page": ("GET", "/nothing", {}, 404),
}


@pytest.mark.parametrize("kind", BAD_REQUESTS)
def test_bad_request_is_refused_and_the_server_goes_on(server, kind):
    method, path, query, expected = BAD_REQUESTS[kind]
    status, _, _ = server.ask(method, path, **query)
    assert status == expected
    assert server.get("/info/")["labels"] == ["infection"]


def test_unusable_scan_is_refused_with_its_name_in_the_log(server, chests):
    bad = chests["a"].image.astype(np.float32)
    bad[0, 0, 0] = np.nan
    nib.save(nib.Nifti1Image(bad, chests["a"].affine), server.studies / "bad.nii.gz")
    server.wait(lambda: server.get("/datastore/image/info", image="bad"))
    status, _, _ = server.ask("POST", f"/infer/{MODELS[0]}", image="bad", output="image")
    assert status == 500
    server.wait(lambda: "bad.nii.gz: 1 voxels are NaN or infinite" in server.read_log(), 10)
    assert server.infer(MODELS[0], "a").is_file()


def test_training_without_a_lesion_fails_in_one_line(server, chests):
    for name, chest in chests.items():
        save_label(server, chest, name, np.zeros(chest.image.shape))
    before = digest(server.weights(MODELS[0]))
    task = server.train(MODELS[0], max_epochs=1)
    assert task["status"] == "ERROR"
    assert any("no slice with a lesion" in line for line in task["details"])
    assert digest(server.weights(MODELS[0])) == before
