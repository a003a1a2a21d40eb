import pytest
import torch
from torch import nn

from infnet_monai.networks.blocks import (
    ConvBN,
    EdgeAttention,
    PartialDecoder,
    ReceptiveFieldBlock,
    ReverseAttention,
    resize_like,
)


@pytest.mark.parametrize(
    ("align_corners", "expected"), [(False, [0.0, 0.25, 0.75, 1.0]), (True, [0.0, 1 / 3, 2 / 3, 1.0])]
)
def test_resize_like_interpolates_between_pixels(align_corners, expected):
    row = torch.tensor([[[[0.0, 1.0]]]])
    resized = resize_like(row, torch.zeros(1, 1, 1, 4), align_corners)
    torch.testing.assert_close(resized.flatten(), torch.tensor(expected))


def test_resize_like_leaves_a_map_of_that_size_unchanged():
    maps = torch.rand(2, 3, 5, 7)
    assert torch.equal(resize_like(maps, torch.zeros(1, 1, 5, 7)), maps)


@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), ((1, 7), 1), ((5, 1), 1), (3, 7)])
def test_conv_bn_keeps_the_size_and_the_sign(kernel_size, dilation):
    out = ConvBN(2, 4, kernel_size, dilation)(torch.randn(2, 2, 9, 12))
    assert out.shape == (2, 4, 9, 12)
    assert out.min() < 0


def test_receptive_field_block_ends_with_relu():
    out = ReceptiveFieldBlock(8, 4)(torch.randn(2, 8, 6, 10))
    assert out.shape == (2, 4, 6, 10)
    assert out.min() == 0


def test_receptive_field_block_sees_as_far_as_its_widest_branch():
    block = ReceptiveFieldBlock(1, 2).eval()
    image = torch.zeros(1, 1, 41, 41, requires_grad=True)
    for parameter in block.parameters():
        nn.init.constant_(parameter, 0.1)
    block(image + 1)[..., 20, 20].sum().backward()
    columns = image.grad[0, 0, 20].nonzero().flatten()
    # Conv 1x7 reaches 3 pixels, the dilated 3x3 another 7, the merging 3x3 one more.
    assert (columns.min(), columns.max()) == (20 - 11, 20 + 11)


def test_partial_decoder_gives_logits_at_the_size_of_its_shallowest_input():
    decoder = PartialDecoder(4, out_channels=2)
    logits = decoder(torch.randn(2, 4, 3, 2), torch.randn(2, 4, 5, 4), torch.randn(2, 4, 9, 7))
    assert logits.shape == (2, 2, 9, 7)


def test_partial_decoder_multiplies_the_features():
    decoder = PartialDecoder(2).eval()
    high, middle, low = torch.randn(1, 2, 2, 2), torch.randn(1, 2, 4, 4), torch.randn(1, 2, 8, 8)
    # Without the deeper features nothing of the shallow one passes the product.
    nothing = decoder(torch.zeros_like(high), torch.zeros_like(middle), low)
    torch.testing.assert_close(nothing, decoder(torch.zeros_like(high), torch.zeros_like(middle), 5 * low))
    assert not torch.allclose(decoder(high, middle, low), decoder(high, middle, 5 * low))


def test_edge_attention_gives_a_feature_and_of_it_one_map():
    attention = EdgeAttention(8, channels=4)
    feature = attention(torch.randn(2, 8, 6, 10))
    assert feature.shape == (2, 4, 6, 10)
    assert attention.classify(feature).shape == (2, 1, 6, 10)


def make_reverse_attention():
    block = ReverseAttention(6, 5, 2, 1, kernel_sizes=(3, 3, 1)).eval()
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.5)
    return block


def test_reverse_attention_weights_the_feature_by_doubt():
    block = make_reverse_attention()
    feature, edge_feature, guidance = torch.randn(2, 6, 4, 5), torch.randn(2, 2, 8, 10), torch.randn(2, 1, 2, 3)
    resized = resize_like(guidance, feature)
    weighted = (1 - torch.sigmoid(resized)) * feature
    joined = torch.cat([block.embed(weighted), resize_like(edge_feature, feature)], dim=1)
    torch.testing.assert_close(block(feature, edge_feature, guidance), block.refine(joined) + resized)


def test_reverse_attention_looks_away_from_what_is_sure():
    block = make_reverse_attention()
    feature, edge_feature = torch.randn(1, 6, 4, 4), torch.randn(1, 2, 4, 4)
    sure, unsure = torch.full((1, 1, 4, 4), 40.0), torch.zeros(1, 1, 4, 4)
    torch.testing.assert_close(block(feature, edge_feature, sure), block(-feature, edge_feature, sure))
    assert not torch.allclose(block(feature, edge_feature, unsure), block(-feature, edge_feature, unsure))


def test_reverse_attention_without_a_correction_returns_the_guidance():
    block = make_reverse_attention()
    nn.init.zeros_(block.refine[-1].bn.weight)
    nn.init.zeros_(block.refine[-1].bn.bias)
    guidance = torch.randn(1, 1, 4, 4)
    torch.testing.assert_close(block(torch.randn(1, 6, 4, 4), torch.randn(1, 2, 4, 4), guidance), guidance)
