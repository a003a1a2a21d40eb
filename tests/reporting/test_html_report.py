import io
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from infnet_monai.reporting.html_report import ScanReport, write_html_report
from infnet_monai.reporting.overlay import ViewerSlice

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STATISTICS = {
    "lesion_percent_of_lung": 12.34,
    "lesion_percent_of_right_lung": 20.0,
    "lesion_percent_of_left_lung": None,
    "lesion_volume_ml": 505.06,
    "lung_volume_ml": 4100.4,
    "lesion_count": 3,
    "largest_lesion_ml": 400.0,
    "slices_with_lesion": 7,
    "mean_lesion_hu": -612.3,
    "lesion_touches_border": True,
}


def make_slices(count, most_lesion=2):
    pictures = []
    for k in range(count):
        file = io.BytesIO()
        Image.fromarray(np.full((24, 32), 40 * (k % 6), dtype=np.uint8)).save(file, "JPEG")
        pictures.append(ViewerSlice(10 + k, file.getvalue(), lesion_pixels=9 if k == most_lesion else 0))
    return pictures


@pytest.fixture
def report(tmp_path):
    scans = [
        ScanReport("patient/<b>first</b>", "ok", "", STATISTICS, make_slices(5), ["patient/first infection.nii.gz"]),
        ScanReport(
            "leg",
            "no lungs",
            "No lungs were found; the whole slices were used.",
            {"lesion_count": 0},
            make_slices(4, -1),
        ),
        ScanReport("broken", "failed", "broken.nii.gz: truncated; copy it again"),
    ]
    scans[1] = replace(scans[1], warnings=["The scan is tilted.", "<i>Thick</i> slices."])
    run = {"device": {"name": "CPU & more"}, "seconds": {"network": 1.5}, "weights": None}
    return write_html_report(
        tmp_path / "report.html", scans, "infnet_vgg16 0.1.0", run, {"scout": "localizer, 1 <image>"}
    )


def text_of(path):
    return path.read_text(encoding="utf-8")


def rows_of(html):
    body = re.search(r"<tbody>(.*?)</tbody>", html, re.S).group(1)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]


def test_the_table_has_a_row_for_each_scan(report):
    rows = rows_of(text_of(report))

    assert [row[1:3] for row in rows] == [
        ["patient/&lt;b&gt;first&lt;/b&gt;", "ok"],
        ["leg", "no lungs"],
        ["broken", "failed"],
    ]
    assert rows[0][3:] == ["12.3", "20.0", "–", "505.1", "4100", "3", "400.0", "7", "-612", "yes"]
    assert set(rows[2][3:]) == {"–"}
    assert rows[1][8] == "0"


def test_model_notice_reasons_and_record_are_there(report):
    html = text_of(report)

    assert "infnet_vgg16 0.1.0" in html
    assert "Not a medical device" in html
    assert "4 scans, 1 ok, 1 no lungs, 1 failed, 1 skipped" in html
    assert "broken.nii.gz: truncated; copy it again" in html
    assert "<dt>device: name</dt><dd>CPU &amp; more</dd>" in html
    assert "<dt>seconds: network</dt><dd>1.5</dd>" in html
    assert "weights" not in html
    assert 'href="patient/first%20infection.nii.gz"' in html


def test_warnings_and_skipped_scans_are_listed(report):
    html = text_of(report)

    warnings = "<li>The scan is tilted.</li><li>&lt;i&gt;Thick&lt;/i&gt; slices.</li>"
    assert html.count(f'<ul class="warnings">{warnings}</ul>') == 1
    assert '<th scope="row" class="text">scout</th><td class="text">localizer, 1 &lt;image&gt;</td>' in html
    assert "#scan-4" not in html


def test_without_skipped_scans_there_is_no_table_of_them(tmp_path):
    html = text_of(write_html_report(tmp_path / "report.html", [ScanReport("a")], "model"))

    assert 'id="skipped"' not in html
    assert "1 scan, 1 ok" in html


def test_names_are_escaped_and_nothing_is_fetched(report):
    html = text_of(report)

    assert "<b>first" not in html
    assert not re.search(r"https?://|<link|<script[^>]+src|@import|url\(", html)
    assert set(re.findall(r'<img src="([^",]*)', html)) == {"data:image/jpeg;base64"}


def test_viewers_beyond_the_budget_leave_out_slices_but_not_the_one_with_most_lesion(tmp_path):
    scans = [ScanReport("long", slices=make_slices(30, most_lesion=7))]
    size_mb = sum(len(picture.jpeg) for picture in scans[0].slices) * 4 / 3 / 1e6

    html = text_of(write_html_report(tmp_path / "report.html", scans, "model", max_pictures_mb=size_mb / 2.5))

    numbers = [int(number) for number in re.findall(r'"number": (\d+)', html)]
    assert numbers == [11, 14, 17, 18, 20, 23, 26, 29, 32, 35, 38]
    assert '<output for="slice-1">18</output>' in html


def dump_dom(path, fragment=""):
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000"]
    command = [
        CHROMIUM,
        *flags,
        f"--user-data-dir={path.parent / 'profile'}",
        "--dump-dom",
        f"{path.as_uri()}{fragment}",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium installed")


@needs_chromium
def test_in_a_browser_a_link_opens_a_slice_from_the_file_system(report):
    html = dump_dom(report, "#scan-2:13")

    assert 'alt="patient/&lt;b&gt;first&lt;/b&gt;, slice 13, with lesion"' in html  # opens at most lesion
    assert 'alt="leg, slice 13"' in html
    assert 'aria-valuetext="slice 13"' in html


@needs_chromium
def test_in_a_browser_the_slider_changes_the_picture(report):
    script = """<script>
      const slider = document.getElementById("slice-1"), image = document.querySelector("#scan-1 img");
      const before = image.src;
      slider.value = 4;
      slider.dispatchEvent(new Event("input"));
      image.decode().then(() => { document.title = `changed ${before !== image.src} ${image.naturalWidth}`; });
    </script></body>"""
    report.write_text(text_of(report).replace("</body>", script), encoding="utf-8")

    html = dump_dom(report)

    assert "<title>changed true 32</title>" in html
    assert '<output for="slice-1">15</output>' in html
