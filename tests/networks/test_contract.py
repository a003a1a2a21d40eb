"""What every registered backbone must do, whatever its encoder."""

import io

import onnxruntime
import pytest
import torch
from monai.networks.utils import convert_to_onnx

from infnet_monai.networks import InfNet, InfNetMaps, list_backbones


@pytest.fixture(scope="module", params=list_backbones())
def network(request):
    torch.manual_seed(0)
    return InfNet(request.param)


@pytest.fixture
def trained(network):
    return network.eval()


@pytest.fixture
def image():
    return torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def logits(trained, image):
    with torch.no_grad():
        return trained(image)


def assert_equal(ours, expected):
    """Equal to 1e-4 of the largest value."""
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-4 * expected.abs().max().item())


def test_encoder_keeps_its_contract(trained, image):
    encoder = trained.encoder
    with torch.no_grad():
        features = encoder(image)
    pairs = zip(encoder.channels, encoder.strides, strict=True)
    assert [tuple(feature.shape) for feature in features] == [(2, c, 32 // s, 64 // s) for c, s in pairs]
    assert [2 * stride for stride in encoder.strides[:-1]] == list(encoder.strides[1:])


def test_training_gives_all_maps_and_reaches_every_parameter(network):
    network.train()
    maps = network(torch.randn(3, 3, 32, 64))
    assert isinstance(maps, InfNetMaps)
    assert {tuple(logits.shape) for logits in maps} == {(3, 1, 32, 64)}
    sum(logits.square().mean() for logits in maps).backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    network.zero_grad()
    assert not [name for name, gradient in gradients.items() if gradient is None or not gradient.isfinite().all()]


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 3, 33, 47), (3, 3, 75, 32)])
def test_evaluation_gives_one_map_for_any_batch_and_size(trained, shape):
    with torch.no_grad():
        logits = trained(torch.randn(shape))
    assert logits.shape == (shape[0], 1, *shape[2:])
    assert logits.isfinite().all()
    assert logits.std() > 0


def test_smallest_image_passes_and_a_smaller_one_names_the_size(trained):
    smallest = trained.encoder.strides[-1]
    with torch.no_grad():
        assert trained(torch.zeros(1, 3, smallest, smallest)).shape == (1, 1, smallest, smallest)
    with pytest.raises(ValueError, match=f"pad it to {smallest} x 64"):
        trained(torch.zeros(1, 3, smallest - 1, 64))


def test_state_dict_makes_the_same_network(request, trained, image, logits):
    other = InfNet(request.node.callspec.params["network"]).eval()
    other.load_state_dict(trained.state_dict())
    with torch.no_grad():
        assert torch.equal(other(image), logits)


@pytest.mark.filterwarnings(r"ignore:`torch\.jit")
def test_torchscript_gives_the_same_map(trained, image, logits):
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(trained), buffer)
    buffer.seek(0)
    with torch.no_grad():
        assert_equal(torch.jit.load(buffer)(image), logits)


@pytest.mark.parametrize("network", ["iresnet50", "vgg16"], indirect=True)
def test_torch_export_gives_the_same_map_for_any_batch(trained, image, logits):
    # The other encoders pass through the same export on their way to ONNX.
    program = torch.export.export(trained, (image,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    with torch.no_grad():
        assert_equal(program.module()(image[:1].repeat(3, 1, 1, 1)), logits[:1].repeat(3, 1, 1, 1))


@pytest.mark.filterwarnings("ignore")
def test_onnx_gives_the_same_map_for_any_batch(trained, image, logits):
    axes = {"input_names": ["image"], "output_names": ["pred"], "dynamic_axes": {"image": {0: "batch"}}}
    model = convert_to_onnx(trained, [image], use_trace=False, **axes)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for batch in (image, image[:1], torch.cat([image, image[:1]])):
        [pred] = session.run(["pred"], {"image": batch.numpy()})
        assert pred.shape == (len(batch), 1, 32, 64)
        assert_equal(torch.from_numpy(pred[:1]), logits[:1])


def test_bfloat16_autocast_is_finite_and_close(trained, image, logits):
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = trained(image)
    assert rounded.isfinite().all()
    assert (rounded.float() - logits).abs().max() < 0.1 * logits.abs().max()
