"""Another engine than torch runs the network; a fake one, and OpenVINO where it is installed."""

import errno
import importlib.util
import os

import numpy as np
import pytest
import torch
from band_network import OVERRIDES, BandNetwork

from infnet_monai.errors import InputError
from infnet_monai.inference import BatchOptions, SegmentationSettings, Segmenter, load_network, segment_scans
from infnet_monai.inference.engines import ENGINES, Engine, EngineNetwork, describe_engine, load_in_engine, registry
from infnet_monai.networks import InfNet

BARE = BatchOptions(progress=False, report=False)
SHAPE = (4, 3, 96, 96)
needs_openvino = pytest.mark.skipif(not importlib.util.find_spec("openvino"), reason="openvino is not installed")


class NumpyEngine(Engine):
    """Runs the band network in NumPy; ``factor`` makes it wrong."""

    name, package, extra = "numpy", "numpy", "numpy"
    factor = 1.0

    def __init__(self):
        self.exports = 0
        self.batches = []

    def export(self, network, shape):
        self.exports += 1
        return {"level": network.level.detach().numpy()}

    def load(self, arrays, threads):
        def run(images):
            self.batches.append(len(images))
            grey = images[:, :1] * 0.5 + 0.5
            return self.factor * 400 * (0.15**2 - (grey - arrays["level"]) ** 2)

        return run


class AbsentEngine(NumpyEngine):
    name, package, extra = "absent", "no-such-package", "absent"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache folder for engines."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "infnet_monai" / "engines"


@pytest.fixture
def engine(monkeypatch):
    one = NumpyEngine()
    monkeypatch.setattr(registry, "ENGINES", (one, AbsentEngine()))
    return one


@pytest.fixture
def in_numpy(engine, band_weights):
    return Segmenter(device="cpu", weights=band_weights, engine="numpy", **OVERRIDES)


def load(engine, weights, level=0.57):
    return load_in_engine(engine, BandNetwork(level).eval(), weights, SHAPE)


def test_an_engine_gives_the_mask_of_torch(in_numpy, segmenter, chest_file):
    seen = []
    result = in_numpy.segment(chest_file, on_slices=lambda slices, total: seen.append((slices, total)))
    assert np.array_equal(result.mask, segmenter.segment(chest_file).mask)
    assert seen == [(4, 10), (4, 10), (2, 10)]


def test_an_engine_works_with_flips(engine, band_weights, segmenter, chest_file):
    flipping = Segmenter(device="cpu", weights=band_weights, engine="numpy", flips=True, **OVERRIDES)
    plain = Segmenter(device="cpu", weights=band_weights, flips=True, **OVERRIDES)
    assert np.array_equal(flipping.segment(chest_file).mask, plain.segment(chest_file).mask)


def test_an_engine_gets_whole_batches_only(engine):
    network = EngineNetwork(engine, engine.load({"level": np.float32(0.57)}, 1), (4, 3, 8, 8))
    image = torch.rand(6, 3, 8, 8)
    assert torch.allclose(network(image), BandNetwork()(image), atol=1e-4)
    assert engine.batches == [4, 4]


def test_slices_of_another_size_are_refused(engine):
    network = EngineNetwork(engine, lambda images: images, (4, 3, 8, 8))
    with pytest.raises(InputError, match=r"exported for slices \(3, 8, 8\) and got \(3, 8, 9\); set image_size"):
        network(torch.zeros(1, 3, 8, 9))


def test_a_network_is_exported_once(engine, band_weights, cache):
    load(engine, band_weights)
    load(engine, band_weights)
    assert engine.exports == 1
    assert [path.suffix for path in cache.iterdir()] == [".npz"]


def test_other_weights_are_exported_again(engine, band_weights, tmp_path, cache):
    other = tmp_path / "other.pt"
    torch.save(BandNetwork(0.3).state_dict(), other)
    load(engine, band_weights)
    load(engine, other, level=0.3)
    assert engine.exports == 2
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_damaged_cache_file_is_made_again_with_a_warning(engine, band_weights, cache, caplog, damage):
    load(engine, band_weights)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    at = whole.index(np.float32(0.57).tobytes())
    flipped = whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]
    path.write_bytes({"truncated": whole[:-30], "flipped": flipped, "empty": b""}[damage])
    load(engine, band_weights)
    assert engine.exports == 2
    assert "is damaged or cannot be read" in caplog.text
    load(engine, band_weights)
    assert engine.exports == 2


def test_a_cached_model_of_another_network_is_never_used(engine, band_weights, cache, caplog):
    load(engine, band_weights)
    (path,) = cache.iterdir()
    np.savez(path, level=np.float32(0.3))
    loaded = load(engine, band_weights)
    assert "is of another network" in caplog.text
    image = torch.rand(4, 3, 96, 96)
    assert torch.allclose(loaded(image), BandNetwork()(image), atol=1e-4)
    assert load(engine, band_weights).engine.precision == "f32"
    assert engine.exports == 2


def test_without_space_it_runs_without_a_cache_and_warns(engine, band_weights, cache, caplog, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    load(engine, band_weights)
    assert "cannot be written (No space left on device)" in caplog.text
    assert list(cache.iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_is_a_warning(engine, band_weights, cache, caplog):
    cache.parent.parent.write_text("a file where the folder should be")
    assert load(engine, band_weights).engine.precision == "f32"
    assert "cannot be written" in caplog.text


def test_an_engine_that_computes_something_else_is_refused(engine, band_weights):
    engine.factor = 1.01
    with pytest.raises(InputError, match="'numpy' computes other logits than torch here; give --engine torch"):
        load(engine, band_weights)


def test_an_engine_that_fails_is_one_line(engine, band_weights, monkeypatch):
    monkeypatch.setattr(engine, "load", lambda *_: 1 / 0)
    with pytest.raises(InputError, match=r"'numpy' cannot run this network \(division by zero\); give --engine torch"):
        load(engine, band_weights)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"engine": "nonsense"}, "engine 'nonsense' is unknown; give one of torch, numpy, absent"),
        ({"engine": 3}, "engine 3 is unknown"),
        ({"engine": "absent"}, """needs no-such-package: pip install "infnet-monai[absent]\""""),
    ],
)
def test_engines_that_cannot_be_used_are_one_line(engine, band_weights, values, words):
    with pytest.raises(InputError) as caught:
        Segmenter(device="cpu", weights=band_weights, **values, **OVERRIDES)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_engine_does_not_run_on_a_gpu(engine, band_weights):
    with pytest.raises(InputError, match="runs on the CPU, not on cuda"):
        load_network(BandNetwork(), band_weights, "cuda", engine="numpy", shape=SHAPE)


def test_the_default_engine_leaves_settings_as_they_were(segmenter):
    assert "engine" not in segmenter.settings.as_dict()
    assert "precision" not in segmenter.settings.as_dict()
    assert segmenter.engine == {"name": "torch", "precision": "f32", "version": torch.__version__}


def test_settings_name_engine_and_precision_and_can_be_read_again(in_numpy):
    settings = in_numpy.settings.as_dict()
    assert (settings["engine"], settings["precision"]) == ("numpy", "f32")
    assert SegmentationSettings(**settings) == in_numpy.settings


def test_results_of_one_engine_are_not_taken_for_those_of_another(in_numpy, segmenter, chest_file, tmp_path):
    segment_scans([chest_file], tmp_path / "out", segmenter, BARE)
    again = segment_scans([chest_file], tmp_path / "out", in_numpy, BARE)
    assert again.kept == []
    assert "settings" in again.failures["chest"]
    other = segment_scans([chest_file], tmp_path / "numpy", in_numpy, BARE)
    assert '"engine": "numpy"' in (tmp_path / "numpy" / "chest.json").read_text()
    assert '"precision": "f32"' in (tmp_path / "numpy" / "run.json").read_text()
    assert other.failures == {}
    assert segment_scans([chest_file], tmp_path / "numpy", in_numpy, BARE).kept == ["chest"]


@needs_openvino
@pytest.mark.parametrize("bf16", [False, True])
def test_openvino_gives_the_logits_of_torch(tmp_path, bf16):
    torch.manual_seed(0)
    path = tmp_path / "model.pt"
    network = InfNet("efficientnet_lite0").eval()
    torch.save(network.state_dict(), path)
    image = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        expected = network(image)
        loaded = load_network(InfNet("efficientnet_lite0"), path, "cpu", bf16, "openvino", (2, 3, 64, 64))
        logits = loaded(image)
        again = load_network(InfNet("efficientnet_lite0"), path, "cpu", bf16, "openvino", (2, 3, 64, 64))(image)
    assert (logits - expected).norm() <= 1e-3 * expected.norm()
    assert torch.equal(again, logits)
    assert describe_engine(loaded)["precision"] == "f32"  # also where torch would run in bf16


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_every_engine_names_itself_and_what_installs_it(engine):
    assert registry.check_engine(engine.name) is engine
    assert engine.package
    assert engine.extra
