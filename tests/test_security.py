"""What SECURITY.md says, as far as a program can check it."""

import ast
import gzip
import json
import pickle
from pathlib import Path

import pytest
from band_network import OVERRIDES, BandNetwork
from dicom_series import write_series

from infnet_monai.errors import InputError
from infnet_monai.inference import BatchOptions, Segmenter, segment_scans

ROOT = Path(__file__).parents[1]
CALLS = {  # the argument that each call must have, and its value
    "torch.load": ("weights_only", True),
    "load_state_dict": ("weights_only", True),
}
NEVER = {"eval", "exec", "pickle.load", "pickle.loads", "os.system", "os.popen"}


def calls():
    """Name, keyword arguments and place of each call in the library and the workflows."""
    for path in sorted([*(ROOT / "infnet_monai").rglob("*.py"), *(ROOT / "workflows").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                values = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
                yield ast.unparse(node.func), values, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_weights_are_read_without_code_and_nothing_is_unpickled_or_given_to_a_shell():
    seen = set()
    for name, values, place in calls():
        assert name not in NEVER, place
        assert not values.get("shell"), place
        assert not values.get("allow_pickle"), place
        if name in CALLS:
            seen.add(name)
            word, value = CALLS[name]
            assert values.get(word) is value, place
    assert seen == set(CALLS)


class Payload:
    """Runs code when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_code_in_a_file_of_weights_does_not_run(tmp_path):
    marker, weights = tmp_path / "ran", tmp_path / "model.pt"
    weights.write_bytes(pickle.dumps({"level": Payload(marker)}))
    with pytest.raises(InputError, match=r"model\.pt: cannot be read as weights"):
        Segmenter(device="cpu", weights=weights, **OVERRIDES)
    assert not marker.exists()
    pickle.loads(weights.read_bytes())
    assert marker.exists()  # the payload would have worked


def test_a_bundle_given_by_its_path_is_code(tmp_path):
    """The warning is no exaggeration: reading a value is enough."""
    config = json.loads((ROOT / "bundles" / "infnet_vgg16" / "configs" / "inference.json").read_text())
    marker = tmp_path / "ran"
    config["threshold"] = f"$__import__('pathlib').Path({str(marker)!r}).touch() or 2"
    (tmp_path / "mine" / "configs").mkdir(parents=True)
    (tmp_path / "mine" / "configs" / "inference.json").write_text(json.dumps(config))
    (tmp_path / "mine" / "configs" / "metadata.json").write_text('{"version": "1"}')
    with pytest.raises(InputError, match="threshold 2 cannot be used"):
        Segmenter(tmp_path / "mine")
    assert marker.exists()


SECRETS = {"PatientID": "MRN-4711", "PatientName": "Doe^Jane", "PatientBirthDate": "19011213"}


@pytest.fixture
def series(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    write_series(tmp_path / "ct", rows=24, columns=20, slices=4)
    for path in (tmp_path / "ct").iterdir():
        image = pydicom.dcmread(path)
        for name, value in SECRETS.items():
            setattr(image, name, value)
        image.save_as(path)
    return tmp_path / "ct"


def holds(path, secret):
    content = path.read_bytes()
    return secret.encode() in (gzip.decompress(content) if path.suffix == ".gz" else content)


def test_results_say_nothing_of_the_patient_but_for_the_dicom_seg(series, tmp_path):
    import torch

    pytest.importorskip("highdicom")
    torch.save(BandNetwork().state_dict(), tmp_path / "model.pt")
    options = {"intensity": "unit", "all_scans": True, **OVERRIDES}
    segmenter = Segmenter(device="cpu", weights=tmp_path / "model.pt", **options)
    outputs = BatchOptions(["probability", "dicom_seg"], progress=False)
    result = segment_scans([series], tmp_path / "out", segmenter, outputs)
    assert result.failures == {}
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {"ct.json", "ct.png", "run.json", "report.html", "statistics.csv", "ct_infection.nii.gz"} <= {
        path.name for path in written
    }
    for secret in SECRETS.values():
        assert [path.name for path in written if holds(path, secret)] == ["ct_infection.dcm"]
