import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from infnet_monai.quality import QualityEstimate
from infnet_monai.reporting.html_report import ScanReport, write_html_report
from infnet_monai.reporting.overlay import ViewerSlice
from infnet_monai.reporting.slice_sheet import write_slice_sheet

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHEETS = (("patient/first slices.jpg", 5, 2), ("leg_slices.jpg", 4, -1))
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


def make_sheet(path, count, most_lesion=2):
    slices = [
        ViewerSlice(10 + k, np.full((24, 32, 3), 40 * (k % 6), np.uint8), 9 if k == most_lesion else 0)
        for k in range(count)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_slice_sheet(slices, path)


def write(path, scans, model="model", **options):
    by_name = {scan.name: scan for scan in scans}
    return write_html_report(path, [scan.row() for scan in scans], by_name.__getitem__, model, **options)


@pytest.fixture
def report(tmp_path):
    first, leg = (make_sheet(tmp_path / name, count, most) for name, count, most in SHEETS)
    scans = [
        ScanReport("broken", "failed", "broken.nii.gz: truncated; copy it again"),
        ScanReport("scout", "skipped", "localizer, 1 <image>"),
        ScanReport(
            "leg", "no lungs", "", {"lesion_count": 0}, "leg_slices.jpg", leg, (), ["It is tilted.", "<i>Thick</i>."]
        ),
        ScanReport(
            "patient/<b>first</b>", "ok", "", STATISTICS, SHEETS[0][0], first, ["patient/first infection.nii.gz"]
        ),
    ]
    run = {"device": {"name": "CPU & more"}, "seconds": {"network": 1.5}, "weights": None}
    (page,) = write(tmp_path / "report.html", scans, "infnet_vgg16 0.1.0", run=run)
    return page


def text_of(path):
    return path.read_text(encoding="utf-8")


def rows_of(html):
    body = re.search(r"<tbody>(.*?)</tbody>", html, re.S).group(1)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]


def test_the_table_has_a_row_for_each_scan_with_most_lesion_first(report):
    rows = rows_of(text_of(report))

    assert [row[:2] for row in rows] == [
        ["patient/&lt;b&gt;first&lt;/b&gt;", "ok"],
        ["leg", "no lungsIt is tilted. (and 1 more)"],
        ["broken", "failedbroken.nii.gz: truncated; copy it again"],
        ["scout", "skippedlocalizer, 1 &lt;image&gt;"],
    ]
    assert rows[0][2:] == ["12.3", "20.0", "–", "505.1", "4100", "3", "400.0", "7", "-612", "yes"]
    assert set(rows[2][2:]) == {"–"}
    assert rows[1][7] == "0"


def test_scans_with_warnings_come_first_where_that_is_asked_for(tmp_path):
    volumes = {"small": 1.0, "large": 30.0, "middle": 5.0}
    scans = [ScanReport(name, statistics={"lesion_volume_ml": volume}) for name, volume in volumes.items()]
    scans += [ScanReport("warned", "warning", statistics={"lesion_volume_ml": 2.0}), ScanReport("broken", "failed")]

    def order(**options):
        (page,) = write(tmp_path / "report.html", scans, **options)
        return [row[0] for row in rows_of(text_of(page))]

    assert order() == ["large", "middle", "warned", "small", "broken"]
    assert order(warnings_first=True) == ["broken", "warned", "large", "middle", "small"]


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


def test_warnings_are_listed_and_skipped_scans_have_no_section(report):
    html = text_of(report)

    warnings = "<li>It is tilted.</li><li>&lt;i&gt;Thick&lt;/i&gt;.</li>"
    assert html.count(f'<ul class="warnings">{warnings}</ul>') == 1
    assert 'id="scan-3"' in html
    assert 'id="scan-4"' not in html


def test_names_are_escaped_and_nothing_is_fetched_but_pictures_beside_the_page(report):
    html = text_of(report)

    assert "<b>first" not in html
    assert "<image>" not in html
    assert not re.search(r"https?://|<link|<script[^>]+src|@import|url\(", html)
    assert re.findall(r'<img [^>]*src="([^"]*)', html) == ["patient/first%20slices.jpg", "leg_slices.jpg"]


def test_a_name_that_is_no_text_is_shown_and_linked_all_the_same(tmp_path):
    name = os.fsdecode(b"ct_\xff")  # as a file of another encoding is called

    (page,) = write(tmp_path / "report.html", [ScanReport(name, files=[f"{name}.json"])])

    assert "ct_\\udcff" in text_of(page)
    assert 'href="ct_%FF.json"' in text_of(page)


def test_of_many_scans_each_page_has_a_hundred(tmp_path):
    sheet = make_sheet(tmp_path / "ct.jpg", 3)
    scans = [ScanReport(f"ct_{k}", "ok", "", {"lesion_volume_ml": 999 - k}, "ct.jpg", sheet) for k in range(250)]
    scans.append(ScanReport("scout", "skipped", "a localizer"))

    pages = write(tmp_path / "report.html", scans)

    folder = tmp_path / "report"
    assert pages == [tmp_path / "report.html", folder / "page_2.html", folder / "page_3.html"]
    first, second, third = (text_of(page) for page in pages)
    assert [html.count("<section") for html in (first, second, third)] == [100, 100, 50]
    assert len(rows_of(first)) == 100
    assert first.count('"ct_249"') == 1  # data of the table, which a script shows
    assert 'href="report/page_2.html"' in first
    assert 'src="../ct.jpg"' in second
    assert 'id="scan-101"' in second
    assert 'href="../report.html"' in second
    assert 'href="../report/page_3.html"' in second
    assert "Next page" not in third


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
      const before = image.style.transform;
      slider.value = 4;
      slider.dispatchEvent(new Event("input"));
      image.decode().then(() => { document.title = `${before} ${image.style.transform} ${image.naturalWidth}`; });
    </script></body>"""
    report.write_text(text_of(report).replace("</body>", script), encoding="utf-8")

    html = dump_dom(report)

    assert "<title>translate(-40%, 0%) translate(-80%, 0%) 160</title>" in html  # third and last of five tiles
    assert '<output for="slice-1">15</output>' in html


@needs_chromium
def test_in_a_browser_the_table_is_paged_sorted_and_searched(tmp_path):
    volumes = [*range(205), None]
    scans = [ScanReport(f"<i>ct_{k}", statistics={"lesion_volume_ml": volume}) for k, volume in enumerate(volumes)]
    page, *_ = write(tmp_path / "report.html", scans)
    script = """<script>
      const seen = [], first = () => seen.push(document.querySelector("tbody a").textContent);
      const link = () => seen.push(document.querySelector("tbody a").getAttribute("href"));
      const press = (button) => { button.click(); first(); };
      const buttons = document.querySelectorAll("thead button");
      first(); press(document.getElementById("later")); link(); press(document.getElementById("earlier"));
      press(buttons[5]); press(buttons[5]); press(buttons[0]);
      search.value = "CT_17"; search.dispatchEvent(new Event("input")); first(); link(); seen.push(shown.textContent);
      document.title = seen.join(";");
    </script></body>"""
    page.write_text(text_of(page).replace("</body>", script), encoding="utf-8")

    (title,) = re.findall("<title>(.*?)</title>", dump_dom(page))

    names = [f"&lt;i&gt;ct_{k}" for k in (204, 104, 204, 204, 0, 0, 17)]
    names.insert(2, "report/page_2.html#scan-101")
    assert title.split(";")[-1] == "1 to 11 of 11 scans"
    assert title.replace("&lt;", "<").replace("&gt;", ">").split(";")[:-2] == [
        name.replace("&lt;", "<").replace("&gt;", ">") for name in names
    ]
    assert title.split(";")[-2] == "report/page_2.html#scan-188"


def rated(name, light, dice, reasons=()):
    quality = QualityEstimate(light, reasons, dice, dice - 0.1, dice + 0.1, 30.0, 55.0, 0.8, 4.0, 25.0)
    return ScanReport(name, "ok", "", STATISTICS, quality=quality)


def test_the_light_its_reasons_and_the_ranges_stand_with_the_scan(tmp_path):
    (page,) = write(tmp_path / "report.html", [rated("a", "check", 0.41, ("many lesion pixels are <uncertain>",))])
    words = " ".join(re.sub(r"<[^>]+>", " ", text_of(page)).split())
    assert "Can the mask be trusted? check many lesion pixels are &lt;uncertain&gt;" in words
    assert "Predicted Dice 0.41, 0.31 to 0.51 Range of the lesion volume 30 to 55 ml" in words
    assert "maps (Dice) 0.80" in words


def test_without_a_quality_file_the_agreement_is_shown_and_what_lacks(tmp_path):
    quality = QualityEstimate(quality_reasons=("no estimate: no file",), map_agreement=0.5)
    (page,) = write(tmp_path / "report.html", [ScanReport("a", "ok", "", STATISTICS, quality=quality)])
    words = " ".join(re.sub(r"<[^>]+>", " ", text_of(page)).split())
    assert "Can the mask be trusted? no estimate: no file" in words
    assert "Predicted Dice" not in words


def test_the_most_doubtful_masks_come_first_where_that_is_asked_for(tmp_path):
    unknown = ScanReport("unknown", "ok", "", STATISTICS)
    scans = [
        rated("sure", "good", 0.9),
        unknown,
        ScanReport("scout", "skipped", "localizer"),
        rated("doubtful", "do not use", 0.2),
        ScanReport("broken", "failed", "broken.nii.gz: truncated"),
    ]
    (page,) = write(tmp_path / "review.html", scans, doubtful_first=True)
    assert [row[0] for row in rows_of(text_of(page))] == ["broken", "unknown", "doubtful", "sure", "scout"]
