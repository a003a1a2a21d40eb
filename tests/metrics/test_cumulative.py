import numpy as np
import pytest
import torch
import torch.distributed as dist
from ignite.engine import Engine
from monai.data import MetaTensor
from monai.handlers import IgniteMetricHandler

from infnet_monai.errors import InputError
from infnet_monai.metrics import SegmentationMetrics, clinical_metrics, paper_metrics, select_metrics

PAPER, CLINICAL = (tuple(metric.name for metric in select_metrics(protocol)) for protocol in ("paper", "clinical"))


def pairs(sizes, seed=0):
    rng = np.random.default_rng(seed)
    maps = [torch.from_numpy(rng.random((1, *size))).float() for size in sizes]
    masks = [torch.from_numpy(rng.random((1, *size)) > 0.7) for size in sizes]
    return maps, masks


def test_golden_summary(golden, golden_summary):
    measures = SegmentationMetrics()
    for pred, reference, _, _ in golden.values():
        measures([torch.from_numpy(pred)[None]], [torch.from_numpy(reference)[None]])
    summary = measures.summary()
    assert set(golden_summary) <= set(summary)
    for name, expected in golden_summary.items():
        assert summary[name] == pytest.approx(expected, abs=1e-9), name


def test_maximum_is_of_the_mean_curve():
    # each map has its best threshold elsewhere
    maps = [torch.tensor([[[0.0, 0.2, 1.0]]]), torch.tensor([[[0.0, 0.8, 1.0]]])]
    masks = [torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0, 0, 1]]])]
    measures = SegmentationMetrics()
    measures(maps, masks)
    column = PAPER.index("max_dice")
    assert measures.get_buffer()[:, column].tolist() == [1, 1]
    assert measures.aggregate()[column] == measures.mean_curves()[0].max() < 1


@pytest.mark.parametrize(("protocol", "names"), [("paper", PAPER), ("clinical", CLINICAL)])
def test_lists_of_any_sizes_and_batches_give_the_same_rows(protocol, names):
    maps, masks = pairs([(8, 9), (8, 9), (8, 9)])
    by_batch, by_list, one_by_one = (SegmentationMetrics(protocol) for _ in range(3))
    by_batch(torch.stack(maps), torch.stack(masks))
    by_list(maps, masks)
    odd_map, odd_mask = pairs([(5, 4)], seed=9)
    by_list(odd_map + maps[:1], odd_mask + masks[:1])
    for pred, reference in zip(maps, masks, strict=True):
        one_by_one([pred], [reference])
    assert by_batch.get_buffer().shape == (3, len(names))
    assert by_batch.names == names
    np.testing.assert_allclose(by_list.get_buffer()[:3], by_batch.get_buffer(), atol=1e-12)
    np.testing.assert_allclose(one_by_one.get_buffer(), by_batch.get_buffer(), atol=1e-12)
    np.testing.assert_allclose(by_list.get_buffer()[4], by_batch.get_buffer()[0], atol=1e-12)


def test_undefined_values_are_left_out_and_counted():
    measures = SegmentationMetrics("clinical")
    measures(
        [torch.tensor([[[0.9, 0.1]]]), torch.tensor([[[0.1, 0.1]]])], [torch.tensor([[[1, 0]]]), torch.zeros(1, 1, 2)]
    )
    assert measures.summary()["dice"] == 1
    assert measures.undefined()["dice"] == 1
    assert measures.undefined()["mae"] == 0


def test_reset_forgets_and_nothing_measured_is_told():
    measures = SegmentationMetrics()
    measures(*pairs([(4, 4)]))
    measures.reset()
    with pytest.raises(RuntimeError, match="no image was measured"):
        measures.summary()


@pytest.mark.parametrize("protocol", ["paper", "clinical"])
def test_a_list_without_images_adds_none(protocol):
    measures = SegmentationMetrics(protocol)
    measures([], [])
    measures(*pairs([(4, 4)]))
    measures([], [])
    assert len(measures.get_buffer()) == 1


def test_ignite_handler_takes_the_values_of_each_image():
    maps, masks = pairs([(6, 6), (7, 5)])
    engine = Engine(lambda _, batch: batch)
    measures = SegmentationMetrics()
    IgniteMetricHandler(metric_fn=measures, save_details=True).attach(engine, "paper")
    engine.run([(maps[:1], masks[:1]), (maps[1:], masks[1:])])
    expected = torch.cat([paper_metrics(p[None], m[None]).values for p, m in zip(maps, masks, strict=True)])
    torch.testing.assert_close(engine.state.metric_details["paper"], expected)
    assert engine.state.metrics["paper"][0] == pytest.approx(expected[:, 0].mean())


def test_volumes_with_the_spacing_of_their_headers():
    label = torch.zeros(1, 9, 9, 4)
    near, far = label.clone(), label.clone()
    near[0, 2, 2, 1], far[0, 2, 5, 1] = 1, 1
    masks = [MetaTensor(far, affine=torch.diag(torch.tensor([2.0, pixel, 5.0, 1.0]))) for pixel in (1.0, 0.5)]
    measures = SegmentationMetrics("clinical", spacing_mm="header")
    measures([near, near], masks)
    assert measures.get_buffer()[:, CLINICAL.index("hd95_mm")].tolist() == [3, 1.5]
    fixed = SegmentationMetrics("clinical", spacing_mm=(1.0, 2.0, 1.0))
    fixed([near], [far])
    fixed(near[None], far[None])
    assert fixed.get_buffer()[:, CLINICAL.index("hd95_mm")].tolist() == [6, 6]
    expected = clinical_metrics(near[None], far[None], [(1.0, 2.0, 1.0)])
    torch.testing.assert_close(fixed.get_buffer()[:1], expected)


def test_messages_name_the_file_or_what_the_caller_says():
    mask = MetaTensor(torch.full((1, 2, 2), 7), meta={"filename_or_obj": "scan_3.nii.gz"})
    with pytest.raises(InputError, match=r"^scan_3\.nii\.gz: .*\[7\]"):
        SegmentationMetrics()([torch.rand(1, 2, 2)], [mask])
    with pytest.raises(InputError, match=r"^slice 4: "):
        SegmentationMetrics()([torch.rand(1, 2, 2)], [mask], names=["slice 4"])
    with pytest.raises(InputError, match="case 0 of the batch"):
        SegmentationMetrics()([torch.rand(1, 2, 2) + 1], [torch.zeros(1, 2, 2)])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SegmentationMetrics("papers"), "'papers' is unknown"),
        (lambda: SegmentationMetrics()(*pairs([(4, 4, 4)])), "unbind the volume"),
        (lambda: SegmentationMetrics()([torch.rand(1, 2, 2)], []), "1 predictions came with 0 references"),
        (lambda: SegmentationMetrics()([torch.rand(1, 2, 2)]), "1 predictions came with 0 references"),
        (lambda: SegmentationMetrics()(torch.rand(1, 1, 2, 2)), "need a reference"),
        (lambda: SegmentationMetrics("clinical", "header")(*pairs([(4, 4)])), "MetaTensors"),
        (lambda: SegmentationMetrics("clinical", "header")(*map(torch.stack, pairs([(4, 4)]))), "decollate"),
    ],
)
def test_misuse_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def _measure_on_rank(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    maps, masks = pairs([(6, 6), (7, 5), (4, 9)])
    measures = SegmentationMetrics()
    mine = slice(0, 2) if rank == 0 else slice(2, 3)
    measures(maps[mine], masks[mine])
    torch.save((measures.aggregate(), measures.get_buffer()), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_agree_with_one(tmp_path):
    torch.multiprocessing.spawn(_measure_on_rank, args=(str(tmp_path),), nprocs=2)
    alone = SegmentationMetrics()
    alone(*pairs([(6, 6), (7, 5), (4, 9)]))
    for rank in range(2):
        summary, values = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(summary, alone.aggregate(), rtol=0, atol=1e-12)
        torch.testing.assert_close(values, alone.get_buffer(), rtol=0, atol=1e-12)
