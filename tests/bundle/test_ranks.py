import pytest
import torch

from infnet_monai.bundle import (
    handlers,
    is_first_rank,
    join_ranks,
    leave_ranks,
    leaves_one_over,
    rank_device,
    start_evaluation,
    validation_sampler,
)
from infnet_monai.errors import InputError


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_without_torchrun_nothing_is_joined_and_nothing_left():
    join_ranks("cpu")
    assert not torch.distributed.is_initialized()
    assert is_first_rank()
    leave_ranks()


def test_with_torchrun_the_group_is_joined_once_and_left(monkeypatch):
    variables = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    join_ranks("cpu")
    join_ranks(torch.device("cpu"))
    assert torch.distributed.get_world_size() == 1
    assert is_first_rank()
    leave_ranks()
    leave_ranks()
    assert not torch.distributed.is_initialized()
    assert is_first_rank()


def test_each_rank_has_a_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert rank_device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert rank_device() == torch.device("cuda", 3)


def test_cases_are_divided_only_where_each_rank_gets_one(monkeypatch):
    monkeypatch.setattr("ignite.distributed.get_world_size", lambda: 2)
    monkeypatch.setattr("monai.data.DistributedSampler.__init__", lambda self, dataset, **options: None)
    assert validation_sampler([]) is None
    assert validation_sampler([1]) is None
    assert validation_sampler([1, 2]) is not None


def test_evaluation_needs_a_case_for_each_rank(monkeypatch):
    monkeypatch.setattr("ignite.distributed.get_world_size", lambda: 2)
    with pytest.raises(InputError, match="1 cases for 2 processes: start at most one for each case"):
        start_evaluation(torch.nn.Linear(1, 1), "model.pt", [1])


def test_handlers_are_composed_in_order_without_those_that_are_disabled():
    assert handlers("a", None, ["b", None, ("c",)], [], "d") == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("samples", "batch", "left"), [(5, 2, True), (4, 2, False), (1, 2, False), (3, 1, False)])
def test_a_last_batch_of_one_sample_is_known(samples, batch, left):
    assert leaves_one_over(range(samples), batch) == left
