"""Small NIfTI, NRRD and MetaImage files of a phantom, and odd values for the fields of their headers."""

from __future__ import annotations

import functools
import gzip
import random
import struct
from collections.abc import Callable
from pathlib import Path

import itk
import nibabel as nib
import numpy as np

from infnet_monai.phantom.phantom import Phantom, make_phantom

GZIP = ("NIfTI", "gzip")
# name, offset, format: fields of a NIfTI-1 header
NIFTI_FIELDS = [
    *[("sizeof_hdr", 0, "i"), ("dim_info", 39, "b"), ("intent_code", 68, "h"), ("datatype", 70, "h")],
    *[("bitpix", 72, "h"), ("slice_start", 74, "h"), ("vox_offset", 108, "f"), ("scl_slope", 112, "f")],
    *[("scl_inter", 116, "f"), ("slice_end", 120, "h"), ("slice_code", 122, "b"), ("xyzt_units", 123, "b")],
    *[("qform_code", 252, "h"), ("sform_code", 254, "h"), ("magic", 344, "i")],
    *[(f"dim[{k}]", 40 + 2 * k, "h") for k in range(8)],
    *[(f"pixdim[{k}]", 76 + 4 * k, "f") for k in range(8)],
    *[(f"quatern[{k}]", 256 + 4 * k, "f") for k in range(6)],
    *[(f"srow[{k}]", 280 + 4 * k, "f") for k in range(12)],
]
ODD_WHOLE = (0, 1, -1, 2, 3, 4, 5, 7, 8, 16, 64, 127, -128, 128, 255, 256, 512, 768, 1536, 2304, 32767, -32768)
ODD_FLOAT = (0.0, -1.0, 1.0, 1e-30, 1e30, -1e30, 3e38, float("nan"), float("inf"), 1e9, 0.5, 351.0, 353.0, 1e6)
ODD_TEXT = (
    *("", "0", "-1", "1", "nan", "inf", "1e308", "999999999999", "4294967296", "-2147483649", "1 1", "0 0 0"),
    *("88 72", "88 72 10 1", "88 72 10 2", "100000 100000 100000", "8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8", "88 72 -10"),
    *("abc", "(0,0,0)", "(1,0,0) (1,0,0) (1,0,0)", "(nan,0,0) (0,nan,0) (0,0,nan)", "1e-300 1e-300 1e-300", "3", "4"),
    *("100", "MET_DOUBLE", "MET_UCHAR", "MET_OTHER", "MET_LONG_LONG_ARRAY", "double", "uchar", "block", "string"),
    *("gzip", "bzip2", "raw", "hex", "ascii", "ok", "True", "False", "big", "little", "none none none", "%s%s%n%n"),
    *("A" * 5000, "é\x00\x1b[2J", "scanner-xyz", "RAS", "0 0 0 0 0 0 0 0 0", "left-posterior-superior-time"),
)
ODD_FILES = (
    *(
        "../../../../../../etc/passwd",
        "/etc/passwd",
        "/dev/zero",
        "/dev/random",
        "../good.nii.gz",
        ".",
        "",
        "missing.raw",
    ),
    *("LIST", "LIST 2\na.raw\nb.raw", "slice%03d.raw 1 10 1", "slice%s%n.raw 1 999999999 1", "ct.mhd", "ct.nhdr"),
)


@functools.cache
def phantom() -> Phantom:
    """The chest that all damaged scans show."""
    return make_phantom(1, shape=(88, 72, 10), spacing_mm=(4.0, 4.0, 20.0))


def write_volume_file(folder: Path, ending: str) -> list[Path]:
    """Write the phantom; the header first, where the voxels have a file of their own.

    Args:
        folder: Folder to write to.
        ending: One of :data:`fuzzed_files.VOLUME_ENDINGS`.
    """
    chest, file = phantom(), folder / f"ct{ending}"
    if ".nii" in ending:
        image = nib.Nifti1Image(chest.image, chest.affine)
        nib.save(image, file)
        return [file]
    itk.imwrite(_itk_image(chest), str(file), compression=ending in (".gzip.nrrd", ".zlib.mha"))
    return [file, *(path for path in folder.iterdir() if path != file)]


def _itk_image(chest: Phantom) -> itk.Image:
    image = itk.image_from_array(np.ascontiguousarray(chest.image.transpose(2, 1, 0)))
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ chest.affine
    spacing = np.linalg.norm(to_lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(to_lps[:3, 3].tolist())
    image.SetDirection(itk.matrix_from_array(to_lps[:3, :3] / spacing))
    return image


def _for(*endings: str) -> Callable:
    def mark(damage: Callable) -> Callable:
        damage.fits = lambda kind: kind in endings
        return damage

    return mark


@_for(".nii", ".nii.gz")
def nifti_fields(files: list[Path], dice: random.Random) -> str:
    """Set fields of the header to odd values; a compressed file is compressed again."""
    (file,) = files
    is_compressed = file.suffix == ".gz"
    content = bytearray(gzip.decompress(file.read_bytes()) if is_compressed else file.read_bytes())
    said = []
    for name, offset, form in dice.choices(NIFTI_FIELDS, k=dice.choice([1, 1, 1, 2, 5])):
        value = dice.choice(ODD_FLOAT if form == "f" else ODD_WHOLE)
        value = max(-128, min(127, value)) if form == "b" else value
        struct.pack_into(f"<{form}", content, offset, value)
        said.append(f"{name} = {value}")
    file.write_bytes(gzip.compress(content) if is_compressed else content)
    return ", ".join(said)


@_for(".nii", ".nii.gz")
def nifti_extension(files: list[Path], dice: random.Random) -> str:
    """Announce an extension of the header of any size."""
    (file,) = files
    is_compressed = file.suffix == ".gz"
    content = bytearray(gzip.decompress(file.read_bytes()) if is_compressed else file.read_bytes())
    size = dice.choice([0, -16, 8, 16, 1 << 30, (1 << 31) - 1])
    content[348:352] = b"\x01\x00\x00\x00"
    content[352:352] = struct.pack("<ii", size, 6) + bytes(8)
    file.write_bytes(gzip.compress(content) if is_compressed else content)
    return f"of {size} bytes"


@_for(".nii.gz")
def gzip_stream(files: list[Path], dice: random.Random) -> str:
    """Append, repeat or drop parts of the compressed stream."""
    (file,) = files
    content = file.read_bytes()
    kind = dice.choice(["garbage after", "twice", "not compressed", "without its checksum", "wrong checksum", "bomb"])
    changed = {
        "garbage after": content + bytes(dice.randrange(256) for _ in range(50)),
        "twice": content + content,
        "not compressed": gzip.decompress(content),
        "without its checksum": content[:-8],
        "wrong checksum": content[:-8] + bytes(8),
        "bomb": gzip.compress(gzip.decompress(content) + bytes(1 << 28)),
    }
    file.write_bytes(changed[kind])
    return kind


@_for(".nrrd", ".gzip.nrrd", ".nhdr", ".mha", ".zlib.mha", ".mhd")
def text_fields(files: list[Path], dice: random.Random) -> str:
    """Set fields of a header that is text to odd values, drop or repeat them."""
    head, mark, voxels = _split_header(files[0])
    lines = head.split(b"\n")
    said = []
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        k = dice.randrange(len(lines))
        name, sign, _ = lines[k].partition(b"=" if b" = " in lines[k] else b":")
        text = dice.choice(ODD_TEXT)
        kind = dice.choice(["set", "set", "set", "set", "drop", "repeat"])
        lines[k : k + 1] = {
            "set": [name + sign + b" " + text.encode()],
            "drop": [],
            "repeat": [lines[k], lines[k]],
        }[kind]
        said.append(f"{kind} {name.decode(errors='replace').strip()}{f' = {text[:40]!r}' if kind == 'set' else ''}")
        if not lines:
            break
    files[0].write_bytes(b"\n".join(lines) + mark + voxels)
    return ", ".join(said)


@_for(".nrrd", ".nhdr", ".mha", ".mhd")
def further_fields(files: list[Path], dice: random.Random) -> str:
    """Add fields that formats know and that are hardly ever used."""
    head, mark, voxels = _split_header(files[0])
    if files[0].suffix in (".mha", ".mhd"):
        names = ("HeaderSize", "CompressedDataSize", "ElementNumberOfChannels", "ElementByteOrderMSB", "ElementMin")
        names += ("ElementToIntensityFunctionSlope", "Modality", "DistanceUnits", "Comment", "ElementSize", "Rotation")
        field = f"{dice.choice(names)} = {dice.choice(ODD_TEXT)}".encode()
        first, *rest = head.split(b"\n")
        lines = [first, field, *rest]
    else:
        names = ("byte skip", "line skip", "block size", "min", "max", "units", "thicknesses", "sample units", "labels")
        field = f"{dice.choice(names)}: {dice.choice(ODD_TEXT)}".encode()
        lines = [*head.split(b"\n"), field]
    files[0].write_bytes(b"\n".join(lines) + mark + voxels)
    return field.decode()[:80]


@_for(".nhdr", ".mhd", ".mha", ".nrrd")
def other_data_file(files: list[Path], dice: random.Random) -> str:
    """Let the header name another file, a list or a pattern for the voxels."""
    head, _, _ = _split_header(files[0])
    name = dice.choice(ODD_FILES)
    is_meta = files[0].suffix in (".mha", ".mhd")
    lines = [line for line in head.split(b"\n") if not line.startswith((b"ElementDataFile", b"data file"))]
    lines.append((f"ElementDataFile = {name}\n" if is_meta else f"data file: {name}\n\n").encode())
    if name == "slice%03d.raw 1 10 1":
        for k in range(dice.choice([9, 10])):
            (files[0].parent / f"slice{k + 1:03d}.raw").write_bytes(bytes(88 * 72 * 2))
    files[0].write_bytes(b"\n".join(lines))
    return repr(name)


VOLUME_DAMAGES = [
    nifti_fields,
    nifti_fields,
    nifti_extension,
    gzip_stream,
    text_fields,
    further_fields,
    other_data_file,
]


def _split_header(file: Path) -> tuple[bytes, bytes, bytes]:
    """Return the lines of a header without their end, that end, and the voxels that follow."""
    content = file.read_bytes()
    if content.startswith(b"NRRD"):
        head, mark, voxels = content.partition(b"\n\n")
        return head, mark or b"\n\n", voxels
    start = content.index(b"ElementDataFile")
    end = content.index(b"\n", start)
    return content[:end], b"\n", content[end + 1 :]
