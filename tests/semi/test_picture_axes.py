from pathlib import Path

import pytest

from infnet_monai.errors import InputError
from infnet_monai.semi.picture_axes import axes_of_pictures, labelled_axes

PICTURES = [Path("a/case_1.png"), Path("a/other_1.png")]
SIDEWAYS = [{"image": "1.jpg", "axes": "LP"}]


def test_axes_are_those_of_the_labelled_pictures():
    assert axes_of_pictures(PICTURES, [], SIDEWAYS) == dict.fromkeys(PICTURES, "LP")
    assert labelled_axes([{"image": "ct.nii.gz"}]) == "PL"
    assert labelled_axes([{"image": "1.png"}]) == "PL"


def test_the_last_rule_that_matches_counts():
    assert axes_of_pictures(PICTURES, ["case_*=LA"], SIDEWAYS) == {PICTURES[0]: "LA", PICTURES[1]: "LP"}
    assert axes_of_pictures(PICTURES, ["*=RP", "other*=LA"], SIDEWAYS) == {PICTURES[0]: "RP", PICTURES[1]: "LA"}
    assert axes_of_pictures(PICTURES, ["other*=LA", "RP"], SIDEWAYS) == dict.fromkeys(PICTURES, "RP")


def test_a_rule_for_no_picture_is_refused():
    with pytest.raises(InputError, match=r"axes 'Case\*=LA': no picture has such a name; the first one is case_1\.png"):
        axes_of_pictures(PICTURES, ["Case*=LA"], SIDEWAYS)


def test_labelled_pictures_that_differ_need_a_rule():
    mixed = [*SIDEWAYS, {"image": "2.png"}]
    with pytest.raises(InputError, match="labelled pictures run to LP, PL"):
        axes_of_pictures(PICTURES, ["case_*=LA"], mixed)
    assert axes_of_pictures(PICTURES, ["LA"], mixed) == dict.fromkeys(PICTURES, "LA")
