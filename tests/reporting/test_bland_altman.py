import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scan_tables import scan_table

from infnet_monai.evaluation.scan_groups import summarise_groups
from infnet_monai.reporting.bland_altman import draw_bland_altman


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draws a table and gives the figure that was saved."""
    figures = []
    original = Figure.savefig

    def keep(figure, *args, **options):
        figures.append(figure)
        return original(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", keep)

    def draw(table):
        path = draw_bland_altman(
            table, summarise_groups(table)["with_lesions"].agreement, tmp_path / "bland_altman.png"
        )
        return (figures[-1], path) if path else (None, None)

    return draw


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_points_are_means_and_differences_and_lines_the_limits(drawn):
    figure, path = drawn(scan_table([10, 20, 30], [9, 21, 33]))
    assert len(figure.axes) == 2  # 9.5 to 31.5 ml is no order of magnitude
    points = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(points, [[9.5, -1], [20.5, 1], [31.5, 3]])
    percent = figure.axes[1].collections[0].get_offsets()
    np.testing.assert_allclose(percent, np.asarray(points) / 40)
    assert {"bias 1 ml", "limit 4.92 ml", "limit -2.92 ml", "ct_1"} <= set(texts(figure.axes[0]))
    assert Image.open(path).size[0] > 1000


def test_volumes_over_orders_of_magnitude_get_the_ratios_on_logarithmic_axes(drawn):
    figure, _ = drawn(scan_table([10, 200, 3000], [5, 200, 6000]))
    assert len(figure.axes) == 4
    ratios = figure.axes[2]
    assert (ratios.get_xscale(), ratios.get_yscale()) == ("log", "log")
    np.testing.assert_allclose(ratios.collections[0].get_offsets(), [[7.5, 0.5], [200, 1], [4500, 2]])
    assert "bias 1 times" in texts(ratios)


def test_scans_without_lesions_are_hollow_and_outside_of_the_limits(drawn):
    figure, _ = drawn(scan_table([10, 20, 30, 0], [9, 21, 33, 8]))
    filled, hollow = figure.axes[0].collections[:2]
    np.testing.assert_allclose(hollow.get_offsets(), [[4, 8]])
    assert len(hollow.get_facecolors()) == 0
    assert len(filled.get_offsets()) == 3
    assert "bias 1 ml" in texts(figure.axes[0])


def test_fewer_than_three_scans_say_that_they_have_no_limits(drawn):
    figure, _ = drawn(scan_table([10, 20], [9, 21]))
    assert figure.axes[0].get_title() == "fewer than three scans: no limits of agreement"


def test_fractions_of_the_lungs_may_be_undefined(drawn):
    figure, _ = drawn(scan_table([10, 20, 3000], [0, 21, 33], lung_ml=float("nan")))
    assert len(figure.axes[1].collections[0].get_offsets().compressed()) == 0


def test_no_picture_without_a_lesion(drawn, tmp_path):
    assert drawn(scan_table([0, 0], [3, 4])) == (None, None)
    assert list(tmp_path.iterdir()) == []
