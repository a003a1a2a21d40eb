"""A federated training in NVFLARE's simulator, stopped and resumed."""

import pytest

pytest.importorskip("nvflare")

import pandas as pd
import torch
from tiny_cases import write_tiny_dataset

from infnet_monai.errors import InputError
from infnet_monai.federated.plan import FederatedPlan
from infnet_monai.federated.simulate import Simulation
from infnet_monai.federated.weights import RoundFiles

SMALL = {"network_def#backbone": "resnet18", "image_size": [32, 32], "amp": False, "device": "cpu", "pretrained": False}


@pytest.mark.slow
def test_a_simulation_resumes_after_its_last_round_and_gives_weights_and_a_page(tmp_path):
    sites = {name: write_tiny_dataset(tmp_path / name) for name in "AB"}
    plan = FederatedPlan(bundle="efficientnet_lite0", rounds=2, overrides=SMALL)
    simulation = Simulation(plan, sites, tmp_path / "out")
    page = simulation.run()
    rounds = pd.read_csv(simulation.server_folder / "rounds.csv")
    assert sorted(zip(rounds["round"], rounds["site"], strict=True)) == [(0, "A"), (0, "B"), (1, "A"), (1, "B")]
    text = page.read_text()
    for name in ("federated", "central", "only_A", "only_B"):
        assert name in text
        weights = torch.load(tmp_path / "out" / "measured" / "A" / f"{name}.pt", weights_only=True)
        plan.recipe().parser(device="cpu").get_parsed_content("network_def").load_state_dict(weights)

    # A server that is killed after the first round leaves the weights of that round.
    files = RoundFiles(simulation.server_folder)
    first = files.read()
    (simulation.server_folder / "round_2.pt").unlink()
    files.write(first, 1)
    Simulation(plan, sites, tmp_path / "out").run()
    assert files.last == 2
    rounds = pd.read_csv(simulation.server_folder / "rounds.csv")
    assert sorted(rounds["round"]) == [0, 0, 1, 1]
    other = FederatedPlan(bundle="efficientnet_lite0", rounds=3, overrides=SMALL)
    with pytest.raises(InputError, match="other options"):
        Simulation(other, sites, tmp_path / "out").run()
