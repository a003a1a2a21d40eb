import base64
import re

import numpy as np
import pytest
from PIL import Image

from infnet_monai.metrics import select_metrics
from infnet_monai.reporting.comparison_page import Picture, RunState, write_comparison_page
from infnet_monai.reporting.comparison_table import ComparisonRow, ComparisonTable, Estimate


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "curves.png")
    return Picture(tmp_path / "curves.png", "Curves", "what <they> show")


@pytest.fixture
def html(tmp_path, picture):
    rows = [
        ComparisonRow("net_a", "here", {"dice": Estimate(0.7)}, "random"),
        ComparisonRow("net_b", "here", {"dice": Estimate(0.6)}, "random"),
        ComparisonRow("Book", "paper", {"dice": Estimate(0.8)}, ranked=False),
    ]
    runs = [
        RunState("net_a, seed 0", "runs/net_a/seed_0"),
        RunState("net_b, seed 0", "runs/net_b/seed_0", "no <memory>"),
    ]
    page = write_comparison_page(
        tmp_path / "index.html",
        "Networks",
        [ComparisonTable("Caption & all", select_metrics("clinical")[:1], rows)],
        [picture],
        runs,
        {"paper": "A paper"},
        {"seeds": "0"},
    )
    return page.read_text(encoding="utf-8")


def test_holds_its_pictures_and_asks_for_nothing_else(html, picture):
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert base64.b64decode(data) == picture.path.read_bytes()
    assert "http" not in html
    assert "<script" not in html


def test_best_value_is_strong_and_published_rows_are_marked(html):
    assert re.findall(r"<strong>(.*?)</strong>", html) == ["0.700"]
    published = re.search(r'<tr class="published">(.*?)</tr>', html, re.S).group(1)
    assert "Book" in published
    assert "Source paper: A paper." in html


def test_says_what_is_not_finished_and_why(html):
    assert "2 runs" in html
    assert "1 not finished" in html
    assert "no &lt;memory&gt;" in html
    assert html.count(">finished<") == 1


def test_text_is_escaped(html):
    assert "Caption &amp; all" in html
    assert "what &lt;they&gt; show" in html
