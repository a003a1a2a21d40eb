from PIL import Image
from scan_tables import scan_table

from infnet_monai.reporting import scan_dots
from infnet_monai.reporting.scan_dots import draw_scan_dots, worst_first


def test_worst_scans_come_first_and_those_without_lesions_last():
    table = scan_table([10, 0, 20, 0, 30], [10, 2, 20, 40, 30], dice=[0.9, 0, 0.3, 0, 0.5])
    assert worst_first(table)["case"].tolist() == ["ct_3", "ct_5", "ct_1", "ct_4", "ct_2"]


def test_picture_grows_with_the_scans(tmp_path):
    heights = []
    for count in (3, 12):
        path = draw_scan_dots(scan_table([10] * count, [12] * count), tmp_path / f"{count}.png")
        heights.append(Image.open(path).size[1])
    assert heights[1] > heights[0] + 200


def test_of_many_scans_the_worst_of_both_kinds_are_drawn(tmp_path, monkeypatch):
    drawn = []
    original = scan_dots._draw_volumes
    monkeypatch.setattr(scan_dots, "_draw_volumes", lambda axes, table: (drawn.append(table), original(axes, table)))
    table = scan_table([10.0] * 70 + [0.0] * 5, [12.0] * 75, dice=[k / 100 for k in range(75)])
    draw_scan_dots(table, tmp_path / "many.png")
    assert len(drawn[0]) == 60
    assert (drawn[0]["reference_ml"] == 0).sum() == 5
    assert drawn[0]["case"].iloc[0] == "ct_1"
