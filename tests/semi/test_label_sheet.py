import numpy as np
from PIL import Image
from tiny_semi import slice_with_lesion

from infnet_monai.semi import label_sheet
from infnet_monai.semi.label_sheet import draw_label_sheet
from infnet_monai.semi.pseudo_labels import pseudo_item, write_label


def test_shows_slices_upright_with_their_labels(options, tmp_path, monkeypatch):
    paths = sorted(options().unlabelled_dir.iterdir())
    long_name = paths[0].with_name("a_name_that_is_much_too_long_for_a_tile_9.png")
    groups = [[pseudo_item(path, "LP", tmp_path)] for path in [paths[0].rename(long_name), *paths[1:3]]]
    for seed, (item,) in enumerate(groups, start=100):
        write_label(slice_with_lesion(seed)[1], item["label"])
    drawn = []
    draw = label_sheet.draw_contact_sheet
    monkeypatch.setattr(
        label_sheet,
        "draw_contact_sheet",
        lambda tiles, *rest, **more: drawn.extend(tiles) or draw(tiles, *rest, **more),
    )
    path = draw_label_sheet(groups, tmp_path / "sheet.png")
    assert [tile.caption for tile in drawn] == [
        "round 1: ...too_long_for_a_tile_9",
        "round 2: slice_1",
        "round 3: slice_2",
    ]
    image, mask = slice_with_lesion(101)
    assert np.allclose(drawn[1].image, image.T / 255, atol=1e-6)  # rows of the file run to the patient's left
    assert np.array_equal(drawn[1].prediction, mask.T)
    red = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert ((red[..., 0] > 200) & (red[..., 1] < 120)).sum() > 100


def test_groups_are_spread_over_all_rounds(options, tmp_path, monkeypatch):
    chosen = []
    monkeypatch.setattr(label_sheet, "_tile", lambda item, number, intensity: chosen.append(number))
    monkeypatch.setattr(label_sheet, "draw_contact_sheet", lambda tiles, draft, *_, **__: draft.write_bytes(b"png"))
    draw_label_sheet([[{}]] * 320, tmp_path / "sheet.png")
    assert (len(chosen), chosen[0], chosen[-1]) == (24, 1, 320)
