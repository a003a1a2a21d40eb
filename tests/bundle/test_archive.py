"""A packaged bundle is complete: it runs where this package is not installed."""

import json
import subprocess
import sys
from zipfile import ZipFile

import nibabel as nib
import numpy as np
import pytest
import torch

from infnet_monai.bundle.archive import package_bundle
from infnet_monai.bundle_folder import copy_bundle
from infnet_monai.errors import InputError
from infnet_monai.inference import Segmenter
from infnet_monai.networks import InfNet
from infnet_monai.phantom.phantom import make_phantom

NAME = "infnet_efficientnet_lite0"
# Any infnet_monai but the one in the bundle's scripts is out of reach.
WITHOUT_PACKAGE = """
import sys
from importlib.machinery import PathFinder

class OnlyInScripts:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "infnet_monai":
            return None
        spec = PathFinder.find_spec(name, [entry for entry in sys.path if entry.endswith("scripts")])
        if spec is None:
            raise ModuleNotFoundError("infnet_monai is not installed")
        return spec

sys.meta_path.insert(0, OnlyInScripts)
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return package_bundle(NAME, tmp_path_factory.mktemp("packaged") / f"{NAME}_v0.zip")


@pytest.fixture
def unpacked(archive, tmp_path):
    with ZipFile(archive) as file:
        file.extractall(tmp_path)
    return tmp_path / NAME


def run_without_package(code, folder):
    command = [sys.executable, "-c", WITHOUT_PACKAGE + code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_package_is_out_of_reach_for_the_child(tmp_path):
    done = run_without_package("import infnet_monai", tmp_path)
    assert done.returncode == 1
    assert "infnet_monai is not installed" in done.stderr


def test_segments_a_scan_without_the_package_as_with_it(unpacked, tmp_path):
    phantom = make_phantom(2, shape=(56, 48, 10), spacing_mm=(6.4, 6.4, 20.0))
    scan = nib.Nifti1Image(phantom.image, phantom.affine)
    (tmp_path / "scans").mkdir()
    nib.save(scan, tmp_path / "scans" / "a.nii.gz")
    values = {"dataset_dir": str(tmp_path / "scans"), "output_dir": str(tmp_path / "out"), "amp": False}
    code = "\n".join(
        (
            "from monai.bundle import run",
            f"run(config_file='configs/inference.json', **{values!r})",
            "import infnet_monai; print(infnet_monai.__file__)",
        )
    )
    done = run_without_package(code, unpacked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(str(unpacked / "scripts"))
    mask = nib.load(tmp_path / "out" / "a_infection.nii.gz")
    expected = Segmenter(NAME, device="cpu", amp=False).segment(scan).mask
    assert np.allclose(mask.affine, scan.affine)
    assert expected.any()
    assert np.array_equal(mask.dataobj, expected)


def test_monai_downloads_and_loads_it(archive, tmp_path):
    (tmp_path / "work").mkdir()
    code = "\n".join(
        (
            "import torch, monai.bundle",
            f"monai.bundle.download(name={NAME!r}, url={archive.as_uri()!r}, bundle_dir={str(tmp_path)!r})",
            f"sys.path.insert(0, {str(tmp_path / NAME)!r})",
            f"network = monai.bundle.load({NAME!r}, workflow_type='inference', bundle_dir={str(tmp_path)!r}, "
            "device='cpu')",
            f"torch.save(network.state_dict(), {str(tmp_path / 'loaded.pt')!r})",
        )
    )
    done = run_without_package(code, tmp_path / "work")
    assert done.returncode == 0, done.stderr
    loaded = torch.load(tmp_path / "loaded.pt", weights_only=True)
    shipped = torch.load(tmp_path / NAME / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(loaded[name], value.to(loaded[name].dtype)) for name, value in shipped.items())


def test_holds_one_folder_and_asks_for_no_package_that_it_carries(archive):
    with ZipFile(archive) as file:
        names = file.namelist()
        metadata = json.loads(file.read(f"{NAME}/configs/metadata.json"))
    assert {name.split("/")[0] for name in names} == {NAME}
    assert {f"{NAME}/LICENSE", f"{NAME}/docs/README.md", f"{NAME}/models/model.pt"} <= set(names)
    assert not any("/cli/" in name or name.endswith(".pyc") for name in names)
    assert "infnet-monai" not in metadata["required_packages_version"]
    assert metadata["required_packages_version"]["timm"]


def test_the_same_bundle_gives_the_same_bytes(archive, tmp_path):
    assert package_bundle(NAME, tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_nothing_is_overwritten_unasked(tmp_path):
    target = tmp_path / "bundle.zip"
    target.write_text("mine")
    with pytest.raises(InputError, match="exists already; give --overwrite"):
        package_bundle(NAME, target)
    assert target.read_text() == "mine"
    package_bundle(NAME, target, overwrite=True)
    assert target.stat().st_size > 1e6


def test_a_bundle_without_weights_is_refused_until_some_are_given(tmp_path):
    folder = copy_bundle("vgg16", tmp_path)
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "model.pt").unlink(missing_ok=True)
    with pytest.raises(InputError, match="--weights FILE"):
        package_bundle(folder, tmp_path / "bundle.zip")
    torch.save(InfNet("efficientnet_lite0").state_dict(), tmp_path / "weights.pt")
    package_bundle(folder, tmp_path / "bundle.zip", weights=tmp_path / "weights.pt")
    with ZipFile(tmp_path / "bundle.zip") as file:
        assert file.read("infnet_vgg16/models/model.pt") == (tmp_path / "weights.pt").read_bytes()


def test_a_packaged_bundle_is_not_packaged_again(unpacked, tmp_path):
    with pytest.raises(InputError, match="has a scripts folder already"):
        package_bundle(unpacked, tmp_path / "bundle.zip")
