import math

import pytest

from infnet_monai.benchmarks.engines import measure_engines


def test_torch_is_the_base_and_random_weights_have_no_dice(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    costs = measure_engines("efficientnet_lite0", slices=2, turns=1, batch_size=2, image_size=64)
    assert costs[0].engine.startswith("torch")
    assert costs[0].speed_up == 1
    assert all(cost.speed_up == pytest.approx(costs[0].cpu_ms_per_slice / cost.cpu_ms_per_slice) for cost in costs)
    (exact,) = (cost for cost in costs if cost.engine == "torch f32")
    assert exact.relative_error == 0
    assert all(math.isnan(cost.dice) for cost in costs)
