import numpy as np
import pandas as pd
import pytest
from PIL import Image

from infnet_monai.reporting.comparison_figures import (
    CORRECT,
    EXCESS,
    MISSED,
    MaskRow,
    draw_learning_curves,
    draw_mask_rows,
)


def read(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def fraction(pixels, colour):
    return (abs(pixels - colour) <= 2).all(axis=-1).mean()


def mask(rows, columns):
    array = np.zeros((40, 40), bool)
    array[rows, columns] = True
    return array


@pytest.fixture
def row():
    reference = mask(slice(10, 30), slice(0, 20))
    return MaskRow("case", np.full((40, 40), 128, np.uint8), reference, {"net": np.roll(reference, 10, axis=1)})


def test_errors_of_the_mask_are_coloured(row, tmp_path):
    pixels = read(draw_mask_rows([row], tmp_path / "made" / "masks.png"))
    # of the mask's 400 pixels half are found, half missed; as many are marked beside the lesion
    assert fraction(pixels, EXCESS) == pytest.approx(fraction(pixels, MISSED), rel=0.3)
    assert fraction(pixels, EXCESS) > 0.02
    perfect = MaskRow("case", row.image, row.reference, {"net": row.reference})
    pixels = read(draw_mask_rows([perfect], tmp_path / "perfect.png"))
    assert fraction(pixels, MISSED) < 0.01  # the legend alone


def test_columns_are_image_reference_and_networks(row, tmp_path):
    pixels = read(draw_mask_rows([row], tmp_path / "masks.png"))
    grey = (abs(pixels - 128) <= 2).all(axis=-1)
    columns = np.flatnonzero(grey.sum(axis=0) > 50)
    assert columns.max() < pixels.shape[1] * 0.4
    blue = (abs(pixels - MISSED) <= 2).all(axis=-1)
    assert np.flatnonzero(blue.sum(axis=0) > 50).min() > pixels.shape[1] * 0.6


def test_examples_without_networks_have_no_legend(row, tmp_path):
    plain = MaskRow(row.caption, row.image, row.reference, {})
    pixels = read(draw_mask_rows([plain, plain], tmp_path / "examples.png", title="examples"))
    assert fraction(pixels, EXCESS) == 0
    assert fraction(pixels, CORRECT) > 0.1


def test_a_network_without_a_run_is_said(row, tmp_path):
    missing = MaskRow(row.caption, row.image, row.reference, {"net": None})
    pixels = read(draw_mask_rows([missing], tmp_path / "masks.png"))
    assert fraction(pixels[:-50], MISSED) == 0


def test_proportions_follow_the_spacing(row, tmp_path):
    flat = MaskRow(row.caption, row.image, row.reference, {}, spacing_mm=(0.5, 1.0))
    tall, low = (read(draw_mask_rows([r], tmp_path / f"{k}.png")).shape[0] for k, r in enumerate((row, flat)))
    assert low < 0.8 * tall


def test_no_rows_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="at least one row"):
        draw_mask_rows([], tmp_path / "masks.png")


def curve(loss, epochs=4):
    table = pd.DataFrame({"epoch": range(epochs + 1)})
    return table.assign(train_loss=loss, val_dice=0.5, val_paper_mean_dice=0.4)


def test_learning_curves_have_a_line_a_network_and_a_band_for_several_runs(tmp_path):
    one = read(draw_learning_curves({"a": [curve(2.0)]}, tmp_path / "one.png"))
    two = read(draw_learning_curves({"a": [curve(2.0)], "b": [curve(1.0), curve(3.0)]}, tmp_path / "two.png", "note"))
    blue, orange = (31, 119, 180), (255, 127, 14)
    assert fraction(one, blue) > 0
    assert fraction(one, orange) == 0
    assert fraction(two, orange) > 0
    pale = tuple(round(0.2 * level + 0.8 * 255) for level in orange)
    assert fraction(two, pale) > 0.02
