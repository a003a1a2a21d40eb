"""Kinds of volume files, of folders with such, and of intensities and patients."""

import gzip
import os
import shutil

import itk
import nibabel as nib
import numpy as np
from kinds_of_scans import AIR, RIGHT, TISSUE, add, chest, filled, kind, noise, refused, sides, skipped, warned

SPACE = "space: left-posterior-superior"
NOT_HU = "taken as a lung window"
SHEAR = np.array([[1, 0, 0.3, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def save(folder, image=None, affine=None, name="chest.nii.gz", dtype=None, change=None):
    """Write a NIfTI file; by default the plain chest."""
    image = chest().image if image is None else image
    volume = nib.Nifti1Image(image, chest().affine if affine is None else affine, dtype=dtype)
    volume.header.set_xyzt_units("mm")
    if change is not None:
        change(volume.header)
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(volume, folder / name)
    return folder / name


def hu(lowest=None):
    """The chest in HU, float."""
    return chest().image.astype(np.float32).clip(lowest)


def windowed(low, high, white):
    return ((chest().image.astype(np.float32) - low) / (high - low)).clip(0, 1) * white


def circle(padding, image):
    """Padding outside the circle of reconstruction."""
    u, v = (np.linspace(-1, 1, size)[:, None] for size in image.shape[:2])
    return np.where((u**2 + v.T**2 > 1.4)[..., None], padding, image)


def rotated(degrees):
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), -np.sin(a), 0, 0], [np.sin(a), np.cos(a), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    lean = np.array([[1, 0, 0, 0], [0, np.cos(a), -np.sin(a), 0], [0, np.sin(a), np.cos(a), 0], [0, 0, 0, 1]])
    return turn @ lean @ chest().affine


def save_by_itk(folder, name):
    file = save(folder)
    itk.imwrite(itk.imread(str(file)), str(folder / name))
    file.unlink()


# ---------------------------------------------------------------- ways to store the same voxels
add("nifti_lps", save, RIGHT)
add("nifti_not_compressed", lambda folder: save(folder, name="chest.nii"), RIGHT)
add("nifti_oblique", lambda folder: save(folder, affine=rotated(12)), RIGHT)
add("nifti_sheared", lambda folder: save(folder, affine=chest().affine @ SHEAR), RIGHT)
add("nifti_float64", lambda folder: save(folder, chest().image.astype(float), dtype=np.float64), RIGHT)
add("metaimage", lambda folder: save_by_itk(folder, "chest.mha"), RIGHT)
add("metaimage_with_a_file_of_voxels", lambda folder: save_by_itk(folder, "chest.mhd"), RIGHT)
add("nrrd", lambda folder: save_by_itk(folder, "chest.nrrd"), RIGHT)


@kind(RIGHT)
def nifti_ras(folder):
    file = save(folder)
    volume = nib.as_closest_canonical(nib.load(file))
    nib.save(nib.Nifti1Image(np.asarray(volume.dataobj), volume.affine), file)


@kind(RIGHT)
def nifti_sagittal_slices(folder):
    """The first axis upwards, the second to the left, the third to the back."""
    order = nib.orientations.axcodes2ornt("SLP")
    there = nib.orientations.ornt_transform(nib.io_orientation(chest().affine), order)
    volume = nib.Nifti1Image(chest().image, chest().affine).as_reoriented(there)
    save(folder, np.asarray(volume.dataobj), volume.affine)


@kind(RIGHT)
def nifti_with_a_slope(folder):
    save(folder, ((hu() + 1024) * 2).astype(np.int16), change=lambda header: header.set_slope_inter(0.5, -1024))


@kind(RIGHT)
def nifti_of_one_time_point(folder):
    save(folder, chest().image[..., None])


@kind(RIGHT)
def nifti_big_endian(folder):
    volume = nib.Nifti1Image(chest().image, chest().affine, header=nib.Nifti1Header(endianness=">"))
    volume.header.set_xyzt_units("mm")
    nib.save(volume, folder / "chest.nii")


@kind(RIGHT)
def nifti_2(folder):
    nib.save(nib.Nifti2Image(chest().image, chest().affine), folder / "chest.nii.gz")


@kind(RIGHT)
def nifti_with_a_qform_only(folder):
    save(folder, change=lambda header: (header.set_qform(chest().affine, 1), header.set_sform(None, 0)))


# ---------------------------------------------------------------- headers that are wrong or doubtful
add(
    "no_form_codes",
    lambda folder: rewrite_header(save(folder), sform_code=0, qform_code=0),
    refused("no-orientation", "does not say how the patient lies"),
)
add(
    "voxels_of_a_hundredth_mm",
    lambda folder: save(folder, affine=np.diag([0.01, 0.01, 0.01, 1])),
    refused("odd-voxel-size", "voxels of 0.01 x 0.01 x 0.01 mm"),
)
add(
    "voxels_of_50_mm",
    lambda folder: save(folder, affine=np.diag([4, 4, 50, 1])),
    refused("odd-voxel-size", "voxels of 4 x 4 x 50 mm"),
)
add("singular_affine", lambda folder: rewrite_header(save(folder), srow_z=0, qform_code=0), refused("", "singular"))
add("two_dimensions", lambda folder: save(folder, chest().image[..., 20]), refused("", "is 2D"))
add("time_series", lambda folder: save(folder, np.stack([chest().image] * 2, axis=3)), refused("", "is 4D"))
add("truncated_nifti", lambda folder: cut(save(folder, name="chest.nii"), 0.6), refused("", "truncated"))
add("truncated_gzip", lambda folder: cut(save(folder), 0.6), refused("", "cannot be read"))
add("truncated_metaimage", lambda folder: (save_by_itk(folder, "a.mha"), cut(folder / "a.mha", 0.6)), refused("", ""))
add("empty_file", lambda folder: cut(save(folder), 0), refused("", "the file is empty"))
add(
    "not_compressed_but_named_so",
    lambda folder: save(folder, name="a.nii").rename(folder / "a.nii.gz"),
    refused("", ""),
)
add("nrrd_without_spacing", lambda folder: write_nrrd(folder, SPACE), refused("no-spacing,no-orientation", ""))
add(
    "nrrd_without_space",
    lambda folder: write_nrrd(folder, "spacings: 4 4 5"),
    refused("no-orientation", "no space"),
)
add(
    "nrrd_without_directions",
    lambda folder: write_nrrd(folder, SPACE, "spacings: 4 4 5"),
    refused("", "cannot be read"),
)
add(
    "metaimage_without_spacing",
    lambda folder: write_metaimage(folder, "TransformMatrix = 1 0 0 0 1 0 0 0 1"),
    refused("no-spacing", "does not give the size of voxels"),
)
add(
    "metaimage_without_orientation",
    lambda folder: write_metaimage(folder, "ElementSpacing = 4 4 5"),
    refused("no-orientation", "no TransformMatrix"),
)
add("text_named_nifti", lambda folder: save(folder).write_text("no scan at all"), refused("", "cannot be read"))


def write_nrrd(folder, *fields):
    """A hand-written NRRD file with these fields beside those that it must have."""
    sizes = " ".join(map(str, chest().image.shape))
    needed = ("NRRD0004", "type: short", "dimension: 3", f"sizes: {sizes}", "encoding: raw", "endian: little")
    text = "\n".join((*needed, *fields)) + "\n\n"
    (folder / "chest.nrrd").write_bytes(text.encode() + chest().image.astype("<i2").tobytes(order="F"))


def write_metaimage(folder, *fields):
    """A hand-written MetaImage file with these fields beside those that it must have."""
    size = " ".join(map(str, chest().image.shape))
    needed = ("ObjectType = Image", "NDims = 3", f"DimSize = {size}", "BinaryData = True", *fields)
    text = "\n".join((*needed, "ElementType = MET_SHORT", "ElementDataFile = LOCAL")) + "\n"
    (folder / "chest.mha").write_bytes(text.encode() + chest().image.astype("<i2").tobytes(order="F"))


def rewrite_header(file, **fields):
    """Set fields of a compressed NIfTI header that nibabel would not write."""
    content = gzip.decompress(file.read_bytes())
    header = nib.Nifti1Header(content[:348])
    for name, value in fields.items():
        header[name] = value
    file.write_bytes(gzip.compress(header.binaryblock + content[348:]))


def cut(file, fraction):
    content = file.read_bytes()
    file.write_bytes(content[: int(fraction * len(content))])


@kind(refused("forms-disagree", "sform and qform of the header disagree"))
def forms_disagree(folder):
    save(folder, change=lambda header: header.set_qform(np.diag([-4.0, -4, 6, 1]), 1))


@kind(refused("forms-disagree", "axes LPS and RPS"))
def forms_disagree_about_the_side(folder):
    other = np.diag([-1.0, 1, 1, 1]) @ chest().affine
    save(folder, change=lambda header: header.set_qform(other, 1))


@kind(warned("sform and qform of the header disagree"))
def forms_disagree_a_little(folder):
    other = chest().affine.copy()
    other[0, 3] += 2.0  # half a voxel
    save(folder, change=lambda header: header.set_qform(other, 1))


@kind(warned("lengths in meter"))
def units_in_metres(folder):
    affine = chest().affine.copy()
    affine[:3] /= 1000
    save(folder, affine=affine, change=lambda header: header.set_xyzt_units("meter"))


@kind(warned("are not those of its sform"))
def pixdim_disagrees_with_the_sform(folder):
    def change(header):
        header.set_qform(None, 0)
        header["pixdim"][3] = 1.0

    save(folder, change=change)


@kind(refused("", "voxels are NaN"))
def voxels_that_are_no_numbers(folder):
    image = hu()
    image[3, 3, 3] = np.nan
    save(folder, image)


@kind(warned("a single slice: volumes rest on", "does not cover the whole lungs", within=None))
def single_slice_nifti(folder):
    save(folder, chest().image[..., 20:21])


@kind(skipped("a colour image"))
def colour_nifti(folder):
    kind_of_voxel = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    save(folder, np.zeros(chest().image.shape, kind_of_voxel))


# ---------------------------------------------------------------- intensities
WINDOWS = {"lung_window_0_255": 255, "lung_window_0_1": 1}
for name, white in WINDOWS.items():
    add(name, lambda folder, white=white: save(folder, windowed(-1350, 150, white)), warned(NOT_HU))
    add(
        f"soft_tissue_{name[5:]}", lambda folder, white=white: save(folder, windowed(-160, 240, white)), refused("", "")
    )
add("clipped_hu", lambda folder: save(folder, hu().clip(-1000, 400).astype(np.int16)), RIGHT)
add("lung_window_8_bits", lambda folder: save(folder, windowed(-1350, 150, 255).round().astype("u1")), warned(NOT_HU))
add("wide_window", lambda folder: save(folder, windowed(-1000, 400, 255)), warned(NOT_HU, within=None))
add("padding_below_air", lambda folder: save(folder, circle(-2000, hu())), RIGHT)
add("hu_plus_1024", lambda folder: save(folder, hu() + 1024), refused("", "shifted by about +1024"))
add(
    "stored_values_padded",
    lambda folder: save(folder, circle(-2000, hu() + 1024)),
    refused("", "shifted by about +1024"),
)
add("stored_values_padded_by_0", lambda folder: save(folder, circle(0, hu() + 1024)), refused("", "shifted by about"))
add("stored_values_of_slope_2", lambda folder: save(folder, (hu() + 1024) / 2), refused("", "scaled by about 0.5"))
add("inverted_hu", lambda folder: save(folder, -hu()), refused("", "inverted"))
add("inverted_hu_of_the_same_range", lambda folder: save(folder, -hu() - 900), refused("", "inverted"))
add("inverted_hu_between_its_ends", lambda folder: save(folder, 2047 - hu()), refused("", "inverted"))
add("inverted_window", lambda folder: save(folder, 255 - windowed(-1350, 150, 255)), refused("", "inverted"))
add("z_scored", lambda folder: save(folder, (hu() - hu().mean()) / hu().std()), refused("", "normalised"))
add("from_minus_1_to_1", lambda folder: save(folder, 2 * windowed(-1000, 400, 1) - 1), refused("", "normalised"))
add("hu_times_10", lambda folder: save(folder, 10 * hu()), refused("", "scaled by about 10"))
add("wrapped_unsigned", lambda folder: save(folder, chest().image.view(np.uint16)), refused("", ""))
add("full_range_of_16_bits", lambda folder: save(folder, windowed(-1024, 3071, 65535)), refused("", "scaled"))
add("metal", lambda folder: save(folder, filled(bright_block(), 15000)), RIGHT)


def bright_block():
    """A small block in the shoulder, away from lungs."""
    where = np.zeros(chest().image.shape, dtype=bool)
    where[42:44, 58:60, 41:43] = True
    return where


@kind(warned(NOT_HU, "were clipped to 0 to 1"))
def from_0_to_1_with_overshoot(folder):
    image = windowed(-1350, 150, 1)
    save(folder, image + np.where(image == 1, 0.01, 0) - np.where(image < 0.1, 0.005, 0))


@kind(
    warned("taken as 'grey' because intensity says so", NOT_HU, "the lungs have only", within=None),
    options=("--intensity", "grey"),
)
def a_scale_that_the_user_insists_on(folder):
    save(folder, windowed(-160, 240, 255))


# ---------------------------------------------------------------- what is no scan
add("lungs_as_labels", lambda folder: save(folder, chest().lung, name="lungs.nii.gz"), skipped("a label volume"))
add("lesions_as_floats", lambda folder: save(folder, chest().lesion.astype("f4")), skipped("a label volume"))


@kind(RIGHT, skipped("named like a result"), skipped("named like a result"))
def scan_beside_earlier_results(folder):
    save(folder)
    save(folder, chest().lesion, name="chest_infection.nii.gz")
    save(folder, chest().lung, name="chest_lungs.nii.gz")


# ---------------------------------------------------------------- patients
@kind(skipped("no lungs found"))
def abdomen_without_lungs(folder):
    gas = np.zeros(chest().image.shape, dtype=bool)
    gas[36:42, 20:25, 10:30] = True
    save(folder, np.where(gas, AIR, filled(sides()[0] | sides()[1], TISSUE)))


@kind(warned("the left lung was", within=None, has_lungs=False))
def white_left_lung(folder):
    save(folder, filled(sides()[1], TISSUE))


@kind(warned("the right lung was", within=None, has_lungs=False))
def right_lung_removed(folder):
    save(folder, filled(sides()[0], 5))


@kind(warned("the left lung was", within=None, has_lungs=False))
def only_the_right_half_in_the_field_of_view(folder):
    save(folder, chest().image[:46])


@kind(warned("does not cover the whole lungs", within=None))
def upper_half_of_the_chest(folder):
    shift = nib.affines.from_matvec(np.eye(3), (0, 0, 22))
    save(folder, chest().image[..., 22:], chest().affine @ shift)


@kind(RIGHT)
def table_of_foam_behind_the_patient(folder):
    where = np.zeros(chest().image.shape, dtype=bool)
    where[20:70, -3:] = True
    save(folder, filled(where & (chest().image < -900), -500))


@kind(RIGHT)
def noisy_scan_of_a_low_dose(folder):
    image = chest().image
    save(folder, np.where(image > AIR, image + noise(image.shape, 8), image).astype(np.int16))


# ---------------------------------------------------------------- folders
@kind(RIGHT, RIGHT)
def names_that_differ_in_case_only(folder):
    save(folder, name="Chest.nii.gz")
    save(folder, name="chest.nii.gz")


@kind(RIGHT)
def circle_of_links(folder):
    save(folder / "ward")
    (folder / "ward" / "back").symlink_to(folder, target_is_directory=True)


@kind(RIGHT)
def same_file_by_two_names(folder):
    (folder / "twice.nii.gz").symlink_to(save(folder))


@kind(refused("", "a broken link"), RIGHT)
def broken_link(folder):
    save(folder)
    (folder / "away.nii.gz").symlink_to(folder / "nowhere.nii.gz")


@kind(RIGHT, refused("", "a pipe, socket or device"))
def pipe(folder):
    save(folder)
    os.mkfifo(folder / "pipe.nii.gz")


@kind(RIGHT, refused("", "cannot be read"))
def link_to_itself(folder):
    save(folder)
    (folder / "self.nii.gz").symlink_to(folder / "self.nii.gz")


@kind(RIGHT)
def hidden_and_other_files(folder):
    shutil.copy(save(folder), folder / ".chest.nii.gz")
    (folder / "notes.txt").write_text("nothing")
