import gzip
import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from infnet_monai.data import SliceDataset
from infnet_monai.data.datalist import load_datalist
from infnet_monai.errors import InputError
from infnet_monai.preparation.prepare import prepare_dataset
from infnet_monai.reporting.dataset_sheet import draw_dataset_sheet
from infnet_monai.scans import Problem, ScanSource, Severity
from infnet_monai.transforms import LoadScand

AFFINE = np.diag([-0.7, -0.7, 5.0, 1.0])


def save(path, array, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def scan(number, shape=(8, 6, 4)):
    return np.random.default_rng(number).integers(-1000, 200, shape).astype(np.int16)


def mask(shape=(8, 6, 4)):
    """Six lesion voxels, all in slice 1, four with value 1 and two with value 2."""
    array = np.zeros(shape, np.uint8)
    array[:2, :2, 1], array[2, :2, 1] = 1, 2
    return array


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "set"
    for number in range(4):
        save(root / "images" / f"c{number}.nii.gz", scan(number))
        save(root / "labels" / f"c{number}.nii.gz", mask())
    return root


def test_dataset_is_written_with_hashes_and_facts(folder):
    prepared = prepare_dataset(folder, training=["c3", "c0"], validation=["c1"])
    datalist = json.loads((folder / "dataset.json").read_text())
    assert datalist["training"] == [
        {"image": "images/c3.nii.gz", "label": "labels/c3.nii.gz"},
        {"image": "images/c0.nii.gz", "label": "labels/c0.nii.gz"},
    ]
    assert "test" not in datalist
    assert datalist["labels"] == {"0": "background", "1": "lesion 1", "2": "lesion 2"}
    assert (datalist["lesion_labels"], datalist["background_labels"]) == ([1, 2], [])
    content = (folder / "images" / "c3.nii.gz").read_bytes()
    assert datalist["sha256"]["images/c3.nii.gz"] == hashlib.sha256(content).hexdigest()
    assert len(datalist["sha256"]) == 6
    row = prepared.table().iloc[0].to_dict()
    assert row == {
        "case": "c3",
        "section": "training",
        "slices": 4,
        "positive": 1,
        "lesion %": pytest.approx(100 * 6 / 192, abs=0.01),
        "spacing mm": "0.7 x 0.7 x 5",
        "labels": "0, 1, 2",
        "intensities": "HU",
    }
    assert prepared.totals()[["section", "cases", "slices"]].values.tolist() == [
        ["training", 2, 8],
        ["validation", 1, 4],
    ]


def test_output_elsewhere_leaves_the_input_alone(folder, tmp_path):
    before = sorted(folder.rglob("*"))
    prepare_dataset(folder, tmp_path / "new" / "place")
    assert sorted(folder.rglob("*")) == before
    items = load_datalist(tmp_path / "new" / "place", "training")
    assert items[0]["image"].startswith(str(folder))


def test_other_datalist_is_replaced_only_when_asked(folder):
    prepare_dataset(folder, validation=["c1"])
    prepare_dataset(folder, validation=["c1"])
    with pytest.raises(InputError, match=r"dataset\.json: exists with other content; .*--overwrite"):
        prepare_dataset(folder, validation=["c2"])
    prepare_dataset(folder, validation=["c2"], overwrite=True)
    assert load_datalist(folder, "validation")[0]["image"].endswith("c2.nii.gz")


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_missing(folder):
    (folder / "labels" / "c1.nii.gz").unlink()


def spoil_shape(folder):
    save(folder / "labels" / "c1.nii.gz", mask((8, 6, 3)))


def spoil_affine(folder):
    save(folder / "labels" / "c1.nii.gz", mask(), np.diag([0.7, -0.7, 5.0, 1.0]))


def spoil_image(folder):
    truncate(folder / "images" / "c1.nii.gz")


def spoil_label(folder):
    save(folder / "labels" / "c1.nii.gz", np.random.default_rng(0).integers(0, 3, (8, 6, 4)).astype(np.float64))
    truncate(folder / "labels" / "c1.nii.gz")


def spoil_dimensions(folder):
    save(folder / "images" / "c1.nii.gz", scan(1, (8, 6, 4, 2)))


def spoil_nan(folder):
    save(folder / "images" / "c1.nii.gz", np.where(mask() == 2, np.nan, scan(1)).astype(np.float32))


def spoil_values(folder):
    save(folder / "labels" / "c1.nii.gz", mask() * 3)


def spoil_intensities(folder):
    save(folder / "images" / "c1.nii.gz", scan(1) + 1024)


def spoil_by_copy(folder):
    (folder / "images" / "c1.nii.gz").write_bytes((folder / "images" / "c0.nii.gz").read_bytes())


def spoil_text(folder):
    (folder / "images" / "c1.nii.gz").write_bytes(gzip.compress(b"not an image"))


BAD = [
    (spoil_missing, "images/c1.nii.gz: has no mask"),
    (spoil_shape, "labels/c1.nii.gz: does not fit .*shape"),
    (spoil_affine, "labels/c1.nii.gz: does not fit .*affines differ"),
    (spoil_image, "images/c1.nii.gz: .*truncated"),
    (spoil_label, "labels/c1.nii.gz: .*truncated"),
    (spoil_dimensions, "images/c1.nii.gz: is 4D"),
    (spoil_nan, "images/c1.nii.gz: 2 voxels are NaN"),
    (spoil_values, r"labels/c1.nii.gz: unknown label values 3, 6 \(known: 0, 1, 2, 255\).*--lesion-labels"),
    (spoil_intensities, "images/c1.nii.gz: intensities from .* are neither HU"),
    (spoil_by_copy, "images/c1.nii.gz: the same image as .*c0.nii.gz"),
    (spoil_text, "images/c1.nii.gz: "),
]


@pytest.mark.parametrize(("spoil", "message"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_bad_case_is_one_line_and_nothing_is_written(folder, spoil, message):
    spoil(folder)
    with pytest.raises(InputError, match=message) as caught:
        prepare_dataset(folder)
    first, last = str(caught.value).splitlines()
    assert "c1" in first
    assert last.startswith("1 of 4 cases cannot be used")
    assert not (folder / "dataset.json").exists()


def test_intensities_that_are_not_detected_can_be_named(folder):
    spoil_intensities(folder)
    prepared = prepare_dataset(folder, training=["c1", "c0"], intensity="hu")
    assert prepared.table()["intensities"].tolist()[:2] == ["HU", "HU"]
    with pytest.raises(InputError, match="intensity must be 'auto', 'hu', 'grey' or 'unit', got 'HU'"):
        prepare_dataset(folder, intensity="HU")


def test_bad_cases_can_be_left_out(folder):
    spoil_missing(folder)
    prepared = prepare_dataset(folder, skip_bad=True)
    assert [line for line in prepared.skipped if "c1.nii.gz: has no mask" in line]
    assert sorted(prepared.table()["case"]) == ["c0", "c2", "c3"]


def test_skipping_does_not_help_where_no_case_is_sound(folder):
    for number in range(4):
        (folder / "labels" / f"c{number}.nii.gz").unlink()
    with pytest.raises(InputError, match=r"4 of 4 cases cannot be used: mend them\. No"):
        prepare_dataset(folder, skip_bad=True)


def test_lesion_labels_make_all_other_values_background(folder):
    spoil_values(folder)
    prepare_dataset(folder, lesion_labels=[2, 3], validation=["c1"])
    datalist = json.loads((folder / "dataset.json").read_text())
    assert (datalist["lesion_labels"], datalist["background_labels"]) == ([2, 3], [1, 6])
    assert datalist["labels"]["6"] == "other 6"
    assert load_datalist(folder, "validation")[0]["background_labels"] == [1, 6]


def test_lesion_labels_that_never_occur_are_refused(folder):
    with pytest.raises(InputError, match="no mask holds a lesion"):
        prepare_dataset(folder, lesion_labels=[7])


def test_positive_slices_are_counted_along_the_axial_axis(folder):
    """A volume stored sagittally: its first axis runs towards the head."""
    affine = np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [5, 0, 0, 0], [0, 0, 0, 1]])
    save(folder / "images" / "c0.nii.gz", scan(0), affine)
    save(folder / "labels" / "c0.nii.gz", mask(), affine)
    table = prepare_dataset(folder, training=["c0"], validation=0.3).table()
    assert table.loc[table["case"] == "c0", ["slices", "positive"]].values.tolist() == [[8, 3]]


def test_pictures_get_their_axes(tmp_path):
    for number in range(3):
        for part, suffix, value in (("Imgs", "jpg", 90 + number), ("GT", "png", 255), ("Edge", "png", 255)):
            (tmp_path / part).mkdir(exist_ok=True)
            array = np.full((6, 5), value, np.uint8)
            array[:, :2] = 0
            Image.fromarray(array).save(tmp_path / part / f"{number}.{suffix}")
    prepared = prepare_dataset(tmp_path, validation=["2"])
    item = load_datalist(tmp_path, "validation")[0]
    assert item["axes"] == "LP"
    assert item["edge"] == str(tmp_path / "Edge" / "2.png")
    assert item["lesion_labels"] == [255]
    row = prepared.table().iloc[0]
    assert (row["slices"], row["intensities"]) == (1, "grey levels")
    prepare_dataset(tmp_path, validation=["2"], axes="PL", overwrite=True)
    assert load_datalist(tmp_path, "validation")[0]["axes"] == "PL"


@pytest.fixture
def stack(tmp_path):
    """MedSeg's first set in small: three slices, one with pleural effusion (3)."""
    labels = np.zeros((8, 6, 3), np.uint8)
    labels[0, 0], labels[4, 4, 2] = (1, 2, 1), 3
    save(tmp_path / "medseg" / "tr_im.nii.gz", scan(0, (8, 6, 3)).astype(np.float32))
    save(tmp_path / "medseg" / "tr_mask.nii.gz", labels)
    return tmp_path / "medseg"


def test_slice_stack_is_split_into_files(stack, tmp_path, caplog):
    output = tmp_path / "slices"
    prepared = prepare_dataset(stack, output, validation=["tr_003"])
    assert "does not say which slices are of one patient" in caplog.text
    assert sorted(path.name for path in stack.iterdir()) == ["tr_im.nii.gz", "tr_mask.nii.gz"]
    (item,) = load_datalist(output, "validation")
    assert (item["lesion_labels"], item["background_labels"]) == ([1, 2], [3])
    image = nib.load(item["image"])
    assert image.shape == (8, 6, 1)
    assert np.array_equal(image.get_fdata(), scan(0, (8, 6, 3))[..., 2:])
    assert image.affine[:3, 3].tolist() == [0, 0, 10]
    assert prepared.table()["labels"].tolist() == ["0, 1", "0, 2", "0, 1, 3"]


@pytest.mark.parametrize("output", [None, "."])
def test_slice_stack_needs_a_folder_of_its_own(stack, output):
    with pytest.raises(InputError, match=r"tr_im\.nii\.gz: holds slices of many cases; give --output"):
        prepare_dataset(stack, output and stack / output)


def test_slice_stack_without_masks_is_refused(stack, tmp_path):
    (stack / "tr_mask.nii.gz").unlink()
    with pytest.raises(InputError, match=r"tr_mask\.nii\.gz: no such file"):
        prepare_dataset(stack, tmp_path / "slices")


def test_real_slices_of_covid_semiseg(test_data, tmp_path):
    folder = test_data / "COVID-SemiSeg" / "Dataset" / "TrainingSet" / "LungInfection-Train" / "Doctor-label"
    prepared = prepare_dataset(folder, tmp_path, validation=0.2)
    assert prepared.totals()["cases"].tolist() == [40, 10]
    assert prepared.table()["lesion %"].mean() == pytest.approx(14.5, abs=0.05)


def test_names_of_cases_are_kept_where_files_do_not_tell_them(tmp_path):
    for number in range(3):
        save(tmp_path / f"p{number}" / "ct.nii.gz", scan(number))
        save(tmp_path / f"p{number}" / "lesion.nii.gz", mask())
    prepared = prepare_dataset(tmp_path, training=["p1"], validation=["p2"], test=["p0"])
    assert prepared.layout == "one folder a patient"
    (item,) = load_datalist(tmp_path, "validation")
    assert (item["case"], item["image"]) == ("p2", str(tmp_path / "p2" / "ct.nii.gz"))
    dataset = SliceDataset([item], LoadScand(["image", "label"]))
    assert dataset[1]["case"] == "p2"
    assert LoadScand("image")(item)["image"].meta["case"] == "p2"


def test_decathlon_is_split_into_another_folder(tmp_path):
    source = tmp_path / "Task"
    for number in range(3):
        save(source / "imagesTr" / f"c{number}.nii.gz", scan(number))
        save(source / "labelsTr" / f"c{number}.nii.gz", mask())
    items = [{"image": f"./imagesTr/c{k}.nii.gz", "label": f"./labelsTr/c{k}.nii.gz"} for k in range(3)]
    labels = {"0": "background", "1": "lung", "2": "infection"}
    (source / "dataset.json").write_text(json.dumps({"labels": labels, "training": items}))
    prepare_dataset(source, tmp_path / "new", validation=["c2"])
    datalist = json.loads((tmp_path / "new" / "dataset.json").read_text())
    assert (datalist["lesion_labels"], datalist["background_labels"], datalist["labels"]) == ([2], [1], labels)
    assert "case" not in load_datalist(tmp_path / "new", "validation")[0]


def empty_masks(folder, *numbers):
    for number in numbers:
        save(folder / "labels" / f"c{number}.nii.gz", np.zeros_like(mask()))


def test_section_without_lesion_is_named_in_a_warning(folder):
    empty_masks(folder, 1, 2)
    prepared = prepare_dataset(folder, training=["c0"], validation=["c1", "c2"], test=["c3"])
    (line,) = prepared.warnings
    assert line.startswith("validation (c1, c2): no slice holds a lesion, so its metrics are undefined; name other")
    assert len(load_datalist(folder, "validation")) == 2
    assert prepare_dataset(folder, training=["c0"], validation=["c1", "c3"], overwrite=True).warnings == []


def test_training_section_without_lesion_is_refused(folder):
    empty_masks(folder, 0, 1)
    with pytest.raises(InputError, match=r"training \(c0, c1\): no slice holds a lesion, so there is nothing to train"):
        prepare_dataset(folder, training=["c0", "c1"], validation=["c2"])
    assert not (folder / "dataset.json").exists()


def test_palette_masks_are_read_by_their_indices(tmp_path):
    """Index 3 is shown in red, which is 76 as a grey level: the index is the label."""
    for number in range(2):
        for part in ("images", "labels"):
            (tmp_path / part).mkdir(exist_ok=True)
        image = Image.fromarray(np.arange(30, dtype=np.uint8).reshape(6, 5) * 8 + number)
        image.quantize(256).save(tmp_path / "images" / f"{number}.png")
        label = Image.fromarray(np.full((6, 5), 3, np.uint8)).convert("P")
        label.putpalette([0, 0, 0, 0, 255, 0, 0, 0, 255, 255, 0, 0])
        label.save(tmp_path / "labels" / f"{number}.png")
    prepared = prepare_dataset(tmp_path, lesion_labels=[3], validation=["1"])
    assert prepared.table()["labels"].tolist() == ["3", "3"]
    assert prepared.table()["lesion %"].tolist() == [100, 100]


def find_with(monkeypatch, name, code, severity):
    """Let the header of one file tell of a problem, of images only."""

    def find(inputs):
        (path,) = map(Path, inputs)
        found = (Problem(code, f"{code} is the matter.", severity),) if path.parts[-2:] == ("images", name) else ()
        return [ScanSource(path, path.stem, problems=found)]

    monkeypatch.setattr("infnet_monai.scans.acceptance.find_scans", find)


def test_a_refused_file_is_a_bad_case_until_it_is_accepted_for_training_as_well(folder, monkeypatch):
    find_with(monkeypatch, "c1.nii.gz", "no-orientation", Severity.REFUSED)
    with pytest.raises(InputError, match=r"images/c1.nii.gz: no-orientation is the matter.*--accept no-orientation"):
        prepare_dataset(folder)
    prepared = prepare_dataset(folder, accept="no-orientation", training=["c0", "c1"], validation=["c2"])
    assert prepared.warnings == ["c1: no-orientation is the matter."]
    items = load_datalist(folder, "training")
    assert [item.get("accept") for item in items] == [None, ["no-orientation"]]
    assert LoadScand(["image", "label"])(items[1])["image"].shape == (1, 8, 6, 4)
    assert draw_dataset_sheet(folder).is_file()


def test_unknown_codes_are_refused_before_anything_is_read(folder):
    with pytest.raises(InputError, match="accept 'orientation': unknown; what can be accepted: "):
        prepare_dataset(folder, accept=["orientation"])


def test_warnings_about_images_are_shown_and_those_about_masks_are_not(folder, monkeypatch):
    def find(inputs):
        (path,) = map(Path, inputs)
        text = "It is tilted." if path.parent.name == "images" else "A label volume."
        return [ScanSource(path, path.stem, problems=(Problem("gantry-tilt", text, Severity.SKIPPED),))]

    monkeypatch.setattr("infnet_monai.scans.acceptance.find_scans", find)
    assert prepare_dataset(folder).warnings == ["c0, c1, c2, c3: It is tilted."]


def test_groups_stay_in_one_section_and_are_noted_for_folds(folder):
    for number in range(4):
        for part in ("images", "labels"):
            path = folder / part / f"c{number}.nii.gz"
            path.rename(path.with_name(f"p{number // 2}_{number}.nii.gz"))
    prepared = prepare_dataset(folder, validation=0.25, group_by="(p[0-9])_")
    assert prepared.table()["group"].tolist() in (["p0", "p0", "p1", "p1"], ["p1", "p1", "p0", "p0"])
    assert prepared.totals()["cases"].tolist() == [2, 2]
    assert {item["group"] for item in load_datalist(folder, "training")} == {prepared.table()["group"][0]}
    with pytest.raises(InputError, match="group by nothing: has 0 groups"):
        prepare_dataset(folder, group_by="nothing", overwrite=True)
