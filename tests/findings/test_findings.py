import json

import numpy as np
import pytest

from infnet_monai.findings import Findings, measure_findings
from infnet_monai.findings.lobes import severity_score
from infnet_monai.findings.thirds import zone_score
from infnet_monai.inference import measure_lesions

SPACING_MM = (4.0, 4.0, 10.0)


def make_lungs(slices=6):
    """Two lungs of 4 x 3 voxels in each of six slices: 72 voxels each, 24 in each third."""
    lungs = np.zeros((8, 12, slices + 2), dtype=np.uint8)
    lungs[2:6, 1:4, 1:-1] = 1
    lungs[2:6, 8:11, 1:-1] = 2
    return lungs


def test_high_opacity_is_lesion_of_at_least_minus_200_hu_in_per_cent_of_the_lungs():
    lungs = make_lungs()
    lesions, hu = np.zeros_like(lungs), np.full(lungs.shape, 300, dtype=np.int16)  # bright where there is no lesion
    lesions[2:5, 1, 1] = lesions[2, 8, 1] = 1
    hu[2:5, 1, 1] = [-201, -200, 40]
    hu[2, 8, 1] = -600

    findings = measure_findings(lesions, SPACING_MM, lungs, hu)

    assert findings.high_opacity_percent_of_right_lung == pytest.approx(100 * 2 / 72)
    assert findings.high_opacity_percent_of_left_lung == 0
    assert findings.high_opacity_percent_of_lung == pytest.approx(100 * 2 / 144)
    bands = [value for name, value in findings.as_dict().items() if name.endswith("_hu")]
    assert bands == [0, 25, 25, 50, 0]


def test_without_hu_there_is_no_density():
    lesions = (make_lungs() == 1).astype(np.uint8)

    findings = measure_findings(lesions, SPACING_MM, make_lungs())

    assert {value for name, value in findings.as_dict().items() if "_hu" in name or "opacity" in name} == {None}
    assert findings.lesion_percent_of_right_upper_third == 100


def test_thirds_are_parts_of_equal_height_from_the_highest_to_the_lowest_slice_of_each_lung():
    lungs = make_lungs()
    lesions = np.zeros_like(lungs)
    lesions[2:6, 1:4, 1] = 1  # 12 of the 24 voxels of the lowest two slices
    lesions[2, 8, 5] = lesions[2, 8, 6] = lesions[2, 8, 4] = 1  # two in the highest two slices, one in the middle

    values = measure_findings(lesions, SPACING_MM, lungs).as_dict()

    thirds = [
        values[f"lesion_percent_of_{side}_{third}_third"]
        for side in ("right", "left")
        for third in ("upper", "middle", "lower")
    ]
    assert thirds == pytest.approx([0, 0, 50, 100 * 2 / 24, 100 / 24, 0], abs=1e-3)
    assert values["zone_score_0_to_24"] == 3 + 1 + 1


def test_a_lung_of_less_than_three_slices_has_no_thirds_and_no_score():
    values = measure_findings(make_lungs(2) == 1, SPACING_MM, make_lungs(2))
    assert values.lesion_percent_of_right_middle_third is None
    assert values.lesion_percent_of_right_lower_third == 100
    assert values.zone_score_0_to_24 is None


def test_zone_scores_at_their_borders():
    assert [zone_score([value]) for value in (0, 0.01, 24.99, 25, 49.99, 50, 74.99, 75, 100)] == [
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
    ]
    assert zone_score([100] * 6) == 24
    assert zone_score([100] * 5 + [None]) is None


def test_severity_scores_at_their_borders():
    values = (0, 0.01, 4.99, 5, 25, 25.01, 49.99, 50, 75, 75.01, 100)
    assert [severity_score([value]) for value in values] == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert severity_score([100] * 5) == 25
    assert severity_score([0, 0, None, 0, 0]) is None


def test_lesions_that_the_lung_mask_leaves_out_count_as_in_the_statistics():
    lungs = make_lungs()
    lesions = np.zeros_like(lungs)
    lesions[2, 4, 1:3] = lesions[2, 7, 3] = lesions[3, 8, 4] = lesions[0, 1, 7] = 1  # 3 voxels nearer to the right lung
    affine = np.diag([4.0, 4.0, 10.0, 1.0])
    hu = np.zeros(lungs.shape)

    findings, statistics = measure_findings(lesions, SPACING_MM, lungs, hu), measure_lesions(lesions, affine, lungs, hu)

    assert statistics.lesion_percent_of_right_lung == pytest.approx(100 * 3 / 75)
    for which in ("lung", "right_lung", "left_lung"):
        high = getattr(findings, f"high_opacity_percent_of_{which}")
        assert high == getattr(statistics, f"lesion_percent_of_{which}")  # all lesions are at 0 HU


@pytest.mark.parametrize("side", [1, 2])
def test_of_one_lung_nothing_is_said_about_the_other_or_both(side):
    lungs = make_lungs() * (make_lungs() == side)
    lesions = (make_lungs() > 0).astype(np.uint8)

    values = measure_findings(lesions, SPACING_MM, lungs, np.zeros(lungs.shape)).as_dict()

    known, unknown = ("right", "left") if side == 1 else ("left", "right")
    assert values[f"high_opacity_percent_of_{known}_lung"] == values[f"lesion_percent_of_{known}_upper_third"] == 100
    assert (
        values[f"high_opacity_percent_of_{unknown}_lung"] is values[f"lesion_percent_of_{unknown}_upper_third"] is None
    )
    assert values["high_opacity_percent_of_lung"] is values["zone_score_0_to_24"] is None
    assert values["lesion_percent_peripheral_20_mm"] is values["lung_percent_peripheral_20_mm"] is None


def test_nothing_at_all_gives_nothing():
    empty = np.zeros((4, 4, 4), dtype=np.uint8)
    assert measure_findings(empty, SPACING_MM, empty, empty, empty) == Findings()


def test_healthy_lungs_score_zero():
    findings = measure_findings(np.zeros_like(make_lungs()), SPACING_MM, make_lungs(), np.zeros(make_lungs().shape))

    assert findings.zone_score_0_to_24 == findings.high_opacity_percent_of_lung == 0
    assert findings.lesion_percent_peripheral_20_mm is findings.lesion_percent_from_50_hu is None
    assert json.loads(json.dumps(findings.as_dict())) == findings.as_dict()


def make_chest(columns):
    """Lungs that fill a block of 80 mm x 160 mm x 100 mm, parted by a mediastinum of 40 mm, in voxels of 4 mm."""
    lungs = np.zeros((24, columns, 29), dtype=np.uint8)
    lungs[2:22, 2:22, 2:27] = 1
    lungs[2:22, 32:52, 2:27] = 2
    return lungs


def test_the_periphery_is_within_20_mm_of_chest_wall_and_diaphragm_but_not_of_the_mediastinum():
    lungs = make_chest(54)
    lesions = np.zeros_like(lungs)
    lesions[12, [5, 6, 7], 14] = 1  # 4th, 5th and 6th voxel from the chest wall: 16, 20, 24 mm from the nearest outside
    lesions[12, 21, 14] = 1  # at the mediastinum

    findings = measure_findings(lesions, (4.0, 4.0, 4.0), lungs)

    assert findings.lesion_percent_peripheral_20_mm == 50
    inner = 10 * (50 - 10) * 15 - 10 * 10 * 15  # voxels of the block that are six or more from its faces, less the gap
    assert findings.lung_percent_peripheral_20_mm == pytest.approx(100 * (1 - inner / (2 * 20 * 20 * 25)))


def test_depth_is_in_mm_where_voxels_are_not_cubes():
    lungs = make_chest(54)[:, :, 2:27]
    lesions = np.zeros_like(lungs)
    lesions[12, [3, 4], 12] = 1

    wide = measure_findings(lesions, (8.0, 8.0, 20.0), lungs)  # 2nd and 3rd voxel: 16 and 24 mm

    assert wide.lesion_percent_peripheral_20_mm == 50


def test_the_end_of_the_scan_is_no_surface():
    lungs = make_chest(54)[:, :, 2:14]
    lesions = np.zeros_like(lungs)
    lesions[12, 12, [0, 11]] = 1  # far from all but the first and last slice

    assert measure_findings(lesions, (4.0, 4.0, 4.0), lungs).lesion_percent_peripheral_20_mm == 0


def test_fine_voxels_give_what_coarse_ones_do():
    coarse_lungs = make_chest(54)
    coarse = np.zeros_like(coarse_lungs)
    coarse[12, [3, 4, 9, 10], 14] = 1
    fine, fine_lungs = (np.repeat(np.repeat(one, 3, axis=0), 3, axis=1) for one in (coarse, coarse_lungs))

    findings = measure_findings(fine, (4 / 3, 4 / 3, 4.0), fine_lungs)

    assert findings.lesion_percent_peripheral_20_mm == 50


def make_lobes():
    """Lobes of the lungs: the right one in three, the left one in two parts of equal height."""
    lungs, lobes = make_lungs(), np.zeros_like(make_lungs())
    for lobe, (side, low, high) in enumerate([(1, 5, 7), (1, 3, 5), (1, 1, 3), (2, 4, 7), (2, 1, 4)], start=1):
        lobes[..., low:high][lungs[..., low:high] == side] = lobe
    return lobes


def test_severity_score_of_five_lobes():
    lungs, lobes = make_lungs(), make_lobes()
    lesions = np.zeros_like(lungs)
    lesions[2, 1, 5] = 1  # 1 of 24: below 5 %
    lesions[2:4, 1:4, 3] = 1  # 6 of 24: 25 %
    lesions[2:6, 1:4, 1:3] = 1  # all
    lesions[2:6, 8:11, 4] = lesions[2:4, 8:11, 5] = 1  # 18 of 36: 50 %

    values = measure_findings(lesions, SPACING_MM, lungs, lobes=lobes)

    assert values.lesion_percent_of_right_upper_lobe == pytest.approx(100 / 24)
    assert values.lesion_percent_of_right_middle_lobe == 25
    assert values.lesion_percent_of_right_lower_lobe == 100
    assert values.lesion_percent_of_left_upper_lobe == 50
    assert values.lesion_percent_of_left_lower_lobe == 0
    assert values.ct_severity_score_0_to_25 == 1 + 2 + 5 + 4 + 0
    assert values.lesion_percent_outside_lobes == 0
    assert values.warnings == ()


def test_a_lesion_outside_the_lobes_counts_for_the_nearest_one_with_a_warning():
    lungs, lobes = make_lungs(), make_lobes()
    lobes[2:4, 8:11, 1] = 0  # the lower left lobe lacks 6 of its 36 voxels
    lesions = np.zeros_like(lungs)
    lesions[2:4, 8:11, 1] = lesions[5, 8, 1] = 1

    values = measure_findings(lesions, SPACING_MM, lungs, lobes=lobes)

    assert values.lesion_percent_of_left_lower_lobe == pytest.approx(100 * 7 / 36)
    assert values.lesion_percent_outside_lobes == pytest.approx(100 * 6 / 7)
    assert values.warnings == ("86 % of the lesions are outside the given lobes and were counted for the nearest ones",)


def test_a_lobe_that_is_missing_has_no_value_and_there_is_no_score():
    lobes = make_lobes()
    lobes[lobes == 2] = 0

    values = measure_findings(np.zeros_like(lobes), SPACING_MM, make_lungs(), lobes=lobes)

    assert values.lesion_percent_of_right_middle_lobe is values.ct_severity_score_0_to_25 is None
    assert values.lesion_percent_of_right_upper_lobe == 0
