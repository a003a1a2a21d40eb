"""Kinds of DICOM series."""

import shutil

import numpy as np
from dicom_series import dataset, new_series, save, write_enhanced, write_slices
from kinds_of_scans import RIGHT, SPACING_MM, add, chest, kind, refused, skipped, warned
from kinds_of_volumes import circle, hu, windowed
from kinds_of_volumes import save as save_nifti
from pydicom import dcmread
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ImplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

SLICES = chest().image.shape[2]
CORNER = -chest().affine[:2, 3]  # LPS
FIRST_MM = float(chest().affine[2, 3])
GAP_MM = SPACING_MM[2]
IN_PLANE_MM = (SPACING_MM[1], SPACING_MM[0])  # between rows, between columns
CORONAL = (1, 0, 0, 0, 0, -1)
FEW_VALUES = "nothing in the headers separates them"
MISSING = "slices are missing"


def axial(folder, keep=None, heights=None, image=None, shift=None, thickness=GAP_MM, **options):
    """Write the chest, or some of its slices, as one series; returns the files in order of the slices."""
    image = chest().image if image is None else image
    keep = range(SLICES) if keep is None else keep
    heights = [FIRST_MM + GAP_MM * k for k in range(SLICES)] if heights is None else heights
    move = shift or (lambda k: (0, 0))
    positions = [(CORNER[0] + move(k)[0], CORNER[1] + move(k)[1], heights[k]) for k in keep]
    values = [image[..., k].T for k in keep]
    return write_slices(folder, positions, values, spacing_mm=(*IN_PLANE_MM, thickness), **options)


def retag(files, change):
    """Change the tags of files that are written; ``change(image, k)``."""
    for k, file in enumerate(files):
        image = dcmread(file)
        change(image, k)
        save(image, file)


def without(*missing):
    return [k for k in range(SLICES) if k not in missing]


def enhanced(folder, order=None, values=None):
    """The chest in one multi-frame file."""
    order = order or list(range(SLICES))
    heights = [FIRST_MM + GAP_MM * k for k in range(SLICES)]
    rows, columns = chest().image.shape[1::-1]
    file = write_enhanced(folder / "chest.dcm", heights, rows, columns, order, spacing_mm=(*IN_PLANE_MM, GAP_MM))
    image = dcmread(file)
    frames = np.stack([chest().image[..., k].T for k in order])
    image.PixelData = (frames + 1000 if values is None else values(frames)).astype(np.int16).tobytes()
    for item, k in zip(image.PerFrameFunctionalGroupsSequence, order, strict=True):
        item.PlanePositionSequence[0].ImagePositionPatient = [*map(float, CORNER), heights[k]]
    save(image, file)
    return file


def scout(folder, series, **tags):
    """One frontal image."""
    pixels = chest().image.mean(axis=1).T[::-1].astype(np.int16)
    options = {"orientation": CORONAL, "spacing_mm": (GAP_MM, SPACING_MM[0], 1), "series": series}
    top = FIRST_MM + GAP_MM * (SLICES - 1)
    return write_slices(folder, [(CORNER[0], 0, top)], [pixels], prefix="scout", tags=tags, **options)


# ---------------------------------------------------------------- the same slices, otherwise stored
add("dicom_axial", axial, RIGHT)
add("instance_numbers_downwards", lambda folder: axial(folder, range(SLICES)[::-1]), RIGHT)
add("dicom_overlapping_slices", lambda folder: axial(folder, thickness=8.0), RIGHT)
add(
    "thickness_written_in_two_ways",
    lambda folder: axial(folder, tags={"SliceThickness": lambda k: ("5.6", "5.60")[k % 2]}),
    RIGHT,
)
add("instance_numbers_missing", lambda folder: axial(folder, tags={"InstanceNumber": None}), RIGHT)
add("table_moves_downwards", lambda folder: axial(folder, range(SLICES)[::-1]), RIGHT)
add("enhanced_multi_frame", enhanced, RIGHT)
add("enhanced_multi_frame_downwards", lambda folder: enhanced(folder, list(range(SLICES))[::-1]), RIGHT)
add(
    "enhanced_multi_frame_shuffled",
    lambda folder: enhanced(folder, np.random.default_rng(2).permutation(SLICES).tolist()),
    RIGHT,
)
add("padding_in_the_corners", lambda folder: axial(folder, image=circle(-2000, hu())), RIGHT)
add(
    "unsigned_stored_values",
    lambda folder: axial(
        folder, image=chest().image + 1024, tags={"RescaleIntercept": -1024, "PixelRepresentation": 0}
    ),
    RIGHT,
)


@kind(RIGHT)
def instance_numbers_shuffled(folder):
    numbers = np.random.default_rng(0).permutation(SLICES)
    axial(folder, tags={"InstanceNumber": lambda k: int(numbers[k])})


@kind(RIGHT)
def file_names_shuffled(folder):
    for name, file in zip(np.random.default_rng(1).permutation(SLICES), axial(folder), strict=True):
        file.rename(folder / f"IM{name:05d}")


@kind(RIGHT)
def rescale_of_each_slice(folder):
    """Each slice stored with a slope and intercept of its own."""

    def change(image, k):
        slope, intercept = 1 + k % 3, -1024 + k
        pixels = np.round((chest().image[..., k].T.astype(float) - intercept) / slope).astype(np.int16)
        image.RescaleSlope, image.RescaleIntercept, image.PixelData = slope, intercept, pixels.tobytes()

    retag(axial(folder), change)


@kind(RIGHT)
def prone_patient_feet_first(folder):
    """Rows run to the left and columns to the front, so that the normal points to the feet."""
    last = chest().image.shape[1] - 1
    positions = [(CORNER[0], CORNER[1] + SPACING_MM[1] * last, FIRST_MM + GAP_MM * k) for k in range(SLICES)]
    values = [chest().image[:, ::-1, k].T for k in range(SLICES)]
    write_slices(folder, positions, values, (1, 0, 0, 0, -1, 0), (*IN_PLANE_MM, GAP_MM))


@kind(RIGHT)
def run_length_encoded(folder):
    def change(image, k):
        image.compress(RLELossless)

    retag(axial(folder), change)


@kind(RIGHT)
def implicit_value_representations(folder):
    def change(image, k):
        image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian

    for k, file in enumerate(axial(folder)):
        image = dcmread(file)
        change(image, k)
        image.save_as(file, implicit_vr=True, little_endian=True, enforce_file_format=True)


@kind(RIGHT)
def bits_that_are_not_used(folder):
    """12 bits of a value in 16, of which the upper ones hold something else."""

    def change(image, k):
        image.BitsStored, image.HighBit, image.PixelRepresentation, image.RescaleIntercept = 12, 11, 0, -1024
        values = (chest().image[..., k].T + 1024).clip(0, 4095).astype(np.uint16)
        image.PixelData = (values | 0x3000).tobytes()

    retag(axial(folder), change)


add("no_series_uid", lambda folder: axial(folder, tags={"SeriesInstanceUID": None}), RIGHT)
add("one_object_uid_for_all_slices", lambda folder: axial(folder, tags={"SOPInstanceUID": "1.2.3.4"}), RIGHT)
add("two_acquisitions_one_above_the_other", lambda folder: axial(folder, tags={"AcquisitionNumber": half}), RIGHT)


def half(k):
    """1 in the lower half of the slices, 2 above."""
    return 1 + int(k >= SLICES // 2)


# ---------------------------------------------------------------- slices that are missing, moved or there twice
def jittered(size_mm):
    jitter = np.random.default_rng(3).uniform(-size_mm, size_mm, SLICES)
    return [FIRST_MM + GAP_MM * k + jitter[k] for k in range(SLICES)]


add("one_slice_missing", lambda folder: axial(folder, without(20)), warned(f"1 of {SLICES} {MISSING}", within=0.01))
add(
    "a_fifth_of_the_slices_missing",
    lambda folder: axial(folder, without(*range(3, SLICES, 5))),
    refused("missing-slices", MISSING),
)
add(
    "a_fifth_missing_and_accepted",
    lambda folder: axial(folder, without(*range(3, SLICES, 5))),
    warned(MISSING, within=0.1),
    options=("--accept", "missing-slices"),
)
add(
    "four_neighbours_missing",
    lambda folder: axial(folder, without(20, 21, 22, 23)),
    refused("missing-slices", MISSING),
)
add(
    "half_at_double_distance",
    lambda folder: axial(folder, without(*range(23, SLICES, 2))),
    refused("missing-slices", MISSING),
)
add("jittered_slices", lambda folder: axial(folder, heights=jittered(0.4)), warned("not evenly spaced", within=0.03))
add("jitter_below_the_tolerance", lambda folder: axial(folder, heights=jittered(0.02)), RIGHT)
add(
    "every_second_slice_missing",
    lambda folder: axial(folder, without(*range(1, SLICES, 2))),
    warned("gaps", within=0.03),
)
add(
    "slices_far_apart_and_uneven",
    lambda folder: axial(folder, [k for k in range(SLICES) if k % 7 not in (2, 3)], heights=jittered(1.5)),
    refused("uneven-spacing", "not evenly spaced"),
)
add(
    "slices_that_move_sideways",
    lambda folder: axial(folder, shift=lambda k: (6 * np.sin(k), 0)),
    refused("moving-origin", "move by up to"),
)
add(
    "gantry_tilt",
    lambda folder: axial(folder, shift=lambda k: (0, np.tan(np.deg2rad(20)) * GAP_MM * k)),
    warned("tilted by 20.0 degrees"),
)


@kind(refused("duplicate-positions", FEW_VALUES))
def two_acquisitions_that_overlap(folder):
    series = new_series(2, "chest")
    axial(folder, range(25), series=series, prefix="a", tags={"AcquisitionNumber": 1})
    axial(folder, range(22, SLICES), series=series, prefix="b", tags={"AcquisitionNumber": 2})


HALVES = tuple(warned("does not cover the whole lungs", within=None) for _ in range(2))
add(
    "pixels_of_another_size_above",
    lambda folder: axial(folder, tags={"PixelSpacing": lambda k: [4.0 + 0.2 * half(k)] * 2}),
    *HALVES,
)


@kind(warned(f"1 of {SLICES} {MISSING}"), skipped("a single slice"))
def one_slice_of_another_size(folder):
    def change(image, k):
        image.Rows, image.PixelData = 36, image.PixelData[: len(image.PixelData) // 2]

    retag(axial(folder)[20:21], change)


@kind(warned("copies of images were left out"))
def files_twice(folder):
    for file in axial(folder)[:30]:
        shutil.copy(file, file.with_name(f"copy_{file.name}"))


def twice(folder, tags, others):
    """The chest twice, as one series whose slices share their positions."""
    series = new_series(2, "chest")
    axial(folder, series=series, prefix="a", tags=tags)
    axial(folder, series=series, prefix="b", tags=others)


@kind(RIGHT, RIGHT)
def two_kernels(folder):
    twice(folder, {"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"})


@kind(RIGHT, RIGHT)
def two_acquisitions(folder):
    twice(folder, {"AcquisitionNumber": 1}, {"AcquisitionNumber": 2})


@kind(refused("duplicate-positions", FEW_VALUES))
def duplicate_positions_that_nothing_separates(folder):
    twice(folder, {}, {})


@kind(refused("duplicate-positions", FEW_VALUES))
def three_slices_scanned_again(folder):
    series = new_series(2, "chest")
    axial(folder, series=series)
    axial(folder, [10, 11, 12], series=series, prefix="again")


@kind(RIGHT, RIGHT)
def two_series_in_a_folder(folder):
    axial(folder, series=new_series(2, "lung"), prefix="a")
    axial(folder, series=new_series(3, "soft"), prefix="b")


@kind(RIGHT, RIGHT)
def series_and_file_in_a_folder(folder):
    axial(folder / "series")
    save_nifti(folder)


@kind(RIGHT, skipped("localizer"))
def localizer_in_the_series(folder):
    series = new_series(2, "chest")
    axial(folder, series=series)
    scout(folder, series, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])


@kind(RIGHT, skipped("taken for a localizer"))
def localizer_that_is_not_named_one(folder):
    series = new_series(2, "chest")
    axial(folder, series=series)
    scout(folder, series)


# ---------------------------------------------------------------- what is no stack of axial CT
add(
    "localizer_alone",
    lambda folder: scout(folder, new_series(1, "scout"), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
    skipped("localizer"),
)
add("single_slice", lambda folder: axial(folder, [20]), skipped("a single slice"))
add(
    "single_slice_accepted",
    lambda folder: axial(folder, [20]),
    warned("a single slice", "does not cover the whole lungs", within=None),
    options=("--accept", "single-slice"),
)
add("magnetic_resonance", lambda folder: axial(folder, tags={"Modality": "MR"}), skipped("the modality is MR"))
add(
    "magnetic_resonance_named_ct",
    lambda folder: axial(folder, tags={"SOPClassUID": MRImageStorage}),
    skipped("are no CT images"),
)
add(
    "emission_tomography",
    lambda folder: axial(folder, tags={"Modality": "PT", "SOPClassUID": PositronEmissionTomographyImageStorage}),
    skipped("the modality is PT"),
)
add(
    "radiograph",
    lambda folder: axial(folder, [20], tags={"Modality": "CR", "SOPClassUID": ComputedRadiographyImageStorage}),
    skipped("the modality is CR"),
)
add(
    "dicom_segmentation",
    lambda folder: axial(folder, tags={"Modality": "SEG", "SOPClassUID": SegmentationStorage}),
    skipped("the modality is SEG"),
)
add(
    "projections",
    lambda folder: axial(folder, tags={"ImageType": ["DERIVED", "SECONDARY", "MIP"]}),
    skipped("are made from slices"),
)
add(
    "no_positions", lambda folder: axial(folder, tags={"ImagePositionPatient": None}), refused("no-position", "missing")
)
add(
    "no_pixel_spacing", lambda folder: axial(folder, tags={"PixelSpacing": None}), refused("no-spacing", "PixelSpacing")
)


@kind(skipped("a secondary capture"))
def screenshot_in_colour(folder):
    def change(image, k):
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
        image.BitsAllocated = image.BitsStored = 8
        image.HighBit, image.PixelRepresentation, image.SOPClassUID = 7, 0, SecondaryCaptureImageStorage
        image.PixelData = bytes(3 * image.Rows * image.Columns)

    retag(axial(folder, [20, 21]), change)


@kind(warned("coronal reformats"))
def coronal_reformat(folder):
    top = FIRST_MM + GAP_MM * (SLICES - 1)
    columns = range(chest().image.shape[1])
    positions = [(CORNER[0], CORNER[1] + SPACING_MM[1] * j, top) for j in columns]
    values = [chest().image[:, j, ::-1].T for j in columns]
    spacing_mm = (GAP_MM, SPACING_MM[0], SPACING_MM[1])
    write_slices(folder, positions, values, CORONAL, spacing_mm)


@kind(refused("mixed-rescale", "different RescaleSlope"))
def frames_with_a_rescale_each(folder):
    image = dcmread(file := enhanced(folder))
    del image.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    for k, item in enumerate(image.PerFrameFunctionalGroupsSequence):
        rescale = dataset(RescaleSlope=1 + k % 2, RescaleIntercept=-1000, RescaleType="HU")
        item.PixelValueTransformationSequence = [rescale]
    save(image, file)


# ---------------------------------------------------------------- intensities
NO_RESCALE = {"RescaleSlope": None, "RescaleIntercept": None}
add("no_rescale_tags", lambda folder: axial(folder, tags=NO_RESCALE), warned("RescaleSlope or RescaleIntercept"))
add(
    "stored_values_without_rescale",
    lambda folder: axial(folder, image=chest().image + 1024, tags=NO_RESCALE),
    refused("", "shifted by about +1024"),
)
add(
    "rescale_intercept_of_0",
    lambda folder: axial(folder, image=chest().image + 1024),
    refused("", "shifted by about +1024"),
)
add(
    "windowed_series",
    lambda folder: axial(folder, image=windowed(-1350, 150, 255), tags=NO_RESCALE),
    warned("taken as a lung window", "RescaleSlope or RescaleIntercept"),
)
add(
    "monochrome1",
    lambda folder: axial(folder, tags={"PhotometricInterpretation": "MONOCHROME1"}),
    refused("", "inverted"),
)


# ---------------------------------------------------------------- damaged files
LOST = (warned("cannot be read and may belong", f"1 of {SLICES} {MISSING}"), refused("", "1 DICOM file cannot be read"))


@kind(*LOST)
def one_file_truncated(folder):
    file = axial(folder)[20]
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


@kind(warned(f"1 of {SLICES} {MISSING}"))
def one_file_empty(folder):
    """An empty file whose name does not say that it was DICOM."""
    file = axial(folder)[20]
    file.write_bytes(b"")
    file.rename(folder / "IM20")


@kind(RIGHT)
def files_that_are_no_dicom(folder):
    axial(folder)
    (folder / "VERSION").write_text("1.0")
    (folder / "report.pdf").write_bytes(b"%PDF")
