import nibabel as nib
import numpy as np
import torch
from band_network import OVERRIDES
from monai.inferers import SimpleInferer, SliceInferer

from infnet_monai.inference import FlipInferer, Segmenter

RAMP = torch.arange(12.0).reshape(1, 1, 3, 4)


def brighter_to_the_left(batch):
    return batch * torch.arange(4.0)


def test_logits_are_the_mean_of_the_slice_and_its_mirror_image():
    mean = FlipInferer(SimpleInferer())(RAMP, brighter_to_the_left)
    assert torch.equal(mean, RAMP * 1.5)


def test_each_axis_is_mirrored_by_itself():
    both = FlipInferer(SimpleInferer(), spatial_axes=(0, 1))(RAMP, brighter_to_the_left)
    assert torch.allclose(both, RAMP * (2 * torch.arange(4.0) + torch.arange(3.0, -1, -1)) / 3)


def test_switched_off_the_network_sees_each_slice_once():
    seen = []
    FlipInferer(SimpleInferer(), enabled=False)(RAMP, lambda batch: seen.append(batch) or batch)
    assert len(seen) == 1
    assert seen[0] is RAMP


def test_slices_of_a_volume_are_mirrored_from_side_to_side():
    volume = torch.rand(1, 1, 4, 6, 5)
    slices = SliceInferer(roi_size=(4, 6), sw_batch_size=2, spatial_dim=2)
    weight = torch.linspace(0, 1, 6)
    mean = FlipInferer(slices)(volume, lambda batch: batch * weight)
    assert torch.allclose(mean, volume / 2)


def test_segmenter_marks_the_same_with_flips_when_the_network_knows_no_side(chest, band_weights, segmenter):
    scan, counts = nib.Nifti1Image(chest.image, chest.affine), []
    flipping = Segmenter(device="cpu", weights=band_weights, **OVERRIDES, flips=True)
    result = flipping.segment(scan, on_slices=lambda done, total: counts.append((done, total)))
    assert np.array_equal(result.mask, segmenter.segment(scan).mask)
    assert sum(done for done, _ in counts) == counts[0][1]
