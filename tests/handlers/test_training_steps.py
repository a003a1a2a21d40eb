import torch
from monai.engines import SupervisedTrainer
from torch import nn

from infnet_monai.handlers import GradientClipping, LossProgressBar, MultiScaleUpdate


class Recorder(nn.Module):
    """A convolution that notes the sizes it sees."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
        self.sizes = []

    def forward(self, x):
        self.sizes.append(tuple(x.shape[-2:]))
        return self.conv(x)


def run(scales=(1.0,), clip_value=None, lr=1.0):
    network = Recorder()
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=[{"image": torch.ones(2, 1, 352, 320), "label": torch.full((2, 1, 352, 320), 100.0)}],
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=lr),
        loss_function=nn.MSELoss(),
        iteration_update=MultiScaleUpdate(scales),
        decollate=False,
        train_handlers=[GradientClipping(clip_value), LossProgressBar()],
    )
    before = network.conv.weight.item()
    trainer.run()
    return network, network.conv.weight.item() - before


def test_one_step_a_scale_at_multiples_of_32():
    network, _ = run(scales=(0.75, 1, 1.25), lr=1e-6)
    assert network.sizes == [(256, 256), (352, 320), (448, 384)]


def test_gradient_values_are_clipped():
    assert run(clip_value=0.5)[1] == 0.5
    assert abs(run(clip_value=None)[1]) > 10


def test_resized_targets_stay_in_range():
    label = torch.zeros(1, 2, 352, 352)
    label[..., 100:200, 50:90] = 1
    resized = MultiScaleUpdate().resize({"image": label[:, :1], "label": label.to(torch.uint8), "case": "a"}, 0.75)
    assert resized["label"].shape == (1, 2, 256, 256)
    assert 0 <= resized["label"].min() <= resized["label"].max() <= 1
    assert resized["case"] == "a"
