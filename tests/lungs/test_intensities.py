import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from infnet_monai.benchmarks.intensities import outcome_of, scans_in_hu
from infnet_monai.benchmarks.intensity_variants import VARIANTS
from infnet_monai.errors import InputError
from infnet_monai.lungs import CheckIntensitiesd, LungMaskd, find_lungs

NO_HU = "intensities are not HU but grey levels 0 to 255, taken as a lung window"


@pytest.fixture(scope="module")
def phantom():
    """A phantom in HU, oriented PLS, and its lungs."""
    _, image = next(scans_in_hu())
    return image, find_lungs(image[0].numpy(), tuple(image.pixdim.tolist())).labels


def check(voxels, intensity="auto", meta=None, **options):
    image = MetaTensor(
        torch.as_tensor(np.asarray(voxels, dtype=np.float32))[None],
        affine=torch.diag(torch.tensor([2.8, 2.8, 8.0, 1.0])),
        meta={"filename_or_obj": "a.nii", **(meta or {})},
    )
    item = LungMaskd("image", intensity=intensity)({"image": image})
    about_lungs = [
        text for text in item["image"].meta.get("warnings", ()) if text not in (meta or {}).get("warnings", ())
    ]
    noted = CheckIntensitiesd("image", intensity=intensity, **options)(item)["image"].meta["warnings"]
    return [warning for warning in noted if warning not in about_lungs]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: f"{variant.group}: {variant.name}")
def test_right_intensities_pass_and_wrong_ones_are_refused_by_name(variant, phantom):
    outcome, message = outcome_of(variant, *phantom)
    if variant.group == "hu":
        assert (outcome, message) == ("silent", "")
    elif variant.group == "lung window":
        assert outcome == "warned"
        assert "taken as a lung window" in message
    else:
        assert outcome == "refused"
        assert any(name in message for name in variant.names), message
        assert "\n" not in message


@pytest.mark.slow
@pytest.mark.parametrize("path", ["ct_hu/3DCT_lung.mha", "ct_hu/chest_cropped.nii.gz", "dicom_ct_series"])
def test_real_scans_pass_and_no_wrong_intensities_are_accepted_silently(path, test_data):
    for name, image in scans_in_hu([test_data / path]):
        if name.startswith("phantom"):
            continue
        lungs = find_lungs(image[0].numpy(), tuple(image.pixdim.tolist())).labels
        outcomes = {variant: outcome_of(variant, image, lungs)[0] for variant in VARIANTS}
        assert [v.name for v, outcome in outcomes.items() if v.group == "hu" and outcome != "silent"] == []
        assert "silent" not in {outcome for v, outcome in outcomes.items() if v.group != "hu"}
        assert "refused" not in {outcome for v, outcome in outcomes.items() if v.group != "wrong"}


def grey(phantom):
    return np.rint(np.clip((phantom[0][0].numpy() + 1350) / 1500, 0, 1) * 255)


def test_refusal_is_one_line_with_file_evidence_and_remedy(phantom):
    voxels = phantom[0][0].numpy() + 1024
    voxels[0] = -2000
    with pytest.raises(InputError) as caught:
        check(voxels)
    message = str(caught.value)
    assert message.startswith("a.nii: the image has its dark parts at about ")
    assert (
        "it looks like HU shifted by about +1024. Subtract 1024; if it is right as it is, say so: --intensity hu."
        in (message)
    )


def test_a_kind_that_is_named_is_never_refused_but_doubted(phantom):
    (warning,) = check(phantom[0][0].numpy() + 1024, "hu")
    assert "taken as 'hu' because intensity says so" in warning
    assert "shifted by about +1024" in warning
    first, second = check(255 - grey(phantom), "grey")
    assert first.startswith(NO_HU)
    assert "inverted" in second
    assert check(phantom[0][0].numpy(), "hu") == []


def test_overshoot_is_clipped_with_a_warning(phantom):
    warnings = check(grey(phantom) / 255 * 1.01)
    assert warnings[0].startswith("intensities are not HU but values 0 to 1")
    assert warnings[1] == "values from 0.2178 to 1.01 were clipped to 0 to 1"


def test_warnings_join_those_that_were_noted_before(phantom):
    warnings = check(grey(phantom), meta={"warnings": ["slices are missing"]})
    assert warnings[0] == "slices are missing"
    assert warnings[1].startswith(NO_HU)
    assert len(warnings) == 2


@pytest.mark.parametrize(("level", "missing"), [(40, "no air or lung"), (-850, "no soft tissue")])
def test_an_image_of_one_tissue_is_accepted_with_a_warning(level, missing):
    rng = np.random.default_rng(0)
    (warning,) = check(rng.normal(level, 40, (20, 20, 3)).clip(None, -101 if level < 0 else None) - 0.0, "hu")
    assert missing in warning
    assert "could not be checked" in warning


def test_levels_are_not_checked_in_pictures_and_where_no_lungs_are_wanted(phantom):
    inverted = 255 - grey(phantom)
    assert len(check(inverted, meta={"spacing_known": False})) == 1
    assert len(check(inverted, enabled=False)) == 1
    with pytest.raises(InputError, match="inverted"):
        check(inverted)


def test_unknown_kind_is_refused_before_a_scan_is_read():
    with pytest.raises(InputError, match="intensity must be"):
        CheckIntensitiesd("image", intensity="HU")
