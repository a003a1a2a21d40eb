"""Small DICOM series and multi-frame files of a phantom, and odd values for their tags."""

from __future__ import annotations

import functools
import random
import tempfile
from pathlib import Path

import numpy as np
from dicom_series import new_series, write_enhanced, write_slices
from fuzzed_volumes import phantom
from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

TAGS = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "RescaleSlope"),
    *("RescaleIntercept", "RescaleType", "PhotometricInterpretation", "InstanceNumber", "SeriesNumber", "Modality"),
    *("SeriesInstanceUID", "StudyInstanceUID", "SOPInstanceUID", "SOPClassUID", "ImageType", "SeriesDescription"),
    *("SpecificCharacterSet", "NumberOfFrames", "PixelData", "PlanarConfiguration", "AcquisitionNumber"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PatientID", "PixelPaddingValue"),
)
NESTED = {
    "ImagePositionPatient": ("PerFrameFunctionalGroupsSequence", "PlanePositionSequence"),
    "ImageOrientationPatient": ("SharedFunctionalGroupsSequence", "PlaneOrientationSequence"),
    "PixelSpacing": ("SharedFunctionalGroupsSequence", "PixelMeasuresSequence"),
    "SliceThickness": ("SharedFunctionalGroupsSequence", "PixelMeasuresSequence"),
    "RescaleSlope": ("SharedFunctionalGroupsSequence", "PixelValueTransformationSequence"),
    "RescaleIntercept": ("SharedFunctionalGroupsSequence", "PixelValueTransformationSequence"),
}
ODD_TEXT = (
    *(b"", b" ", b"0", b"-1", b"1", b"abc", b"nan", b"inf", b"-inf", b"1e308", b"-1e308", b"1e-308", b"1000000000"),
    *(
        b"99999999999999999999",
        b"1,5",
        b"0\\0",
        b"1\\1",
        b"0\\0\\0",
        b"1\\0\\0\\0\\1\\0",
        b"1e9\\1e9\\1e9",
        b"1\\2\\3\\4",
    ),
    *(
        b"nan\\nan\\nan",
        b"\\\\\\",
        b"1" * 2000,
        b"\xff\xfe\x00\x01",
        b"\xc3\xa9\xe4",
        b"\n\r\x1b[2J<script>",
        b"2" * 17,
    ),
    *(
        b"0\\0\\0\\0\\0\\0",
        b"2\\0\\0\\0\\2\\0",
        b"1\\0\\0\\1\\0\\0",
        b"0\\0\\1\\0\\1\\0",
        b"-4\\-4",
        b"4\\400",
        b"1e-5\\1e-5",
    ),
)
ODD_BYTES = (
    b"\x00\x00",
    b"\x01\x00",
    b"\xff\xff",
    b"\x00\x01",
    b"\x08\x00",
    b"\x20\x00",
    b"\x00" * 8,
    b"\xff" * 7,
    b"\x48",
)
VRS = ("DS", "IS", "US", "SS", "UL", "FD", "LO", "CS", "UI", "SQ", "OB", "AT", "PN", "OW")
CHARACTER_SETS = (
    b"ISO_IR 999",
    b"\\ISO 2022 IR 87",
    b"GB18030",
    b"ISO_IR 192",
    b"utf-8",
    b"\xff\xff",
    b"ISO 2022 IR 149",
)


def write_dicom_scan(folder: Path, kind: str) -> list[Path]:
    """Write the phantom as a series of images, another such series, or one multi-frame file.

    Args:
        folder: Folder to write to.
        kind: ``"series"``, ``"other series"`` or ``"enhanced"``.
    """
    folder.mkdir(exist_ok=True)
    files = _scan_files(kind)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


@functools.cache
def _scan_files(kind: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        write = _write_enhanced_scan if kind == "enhanced" else _write_regular_series
        return {file.name: file.read_bytes() for file in write(Path(folder))}


def _write_regular_series(folder: Path) -> list[Path]:
    chest = phantom()
    positions = [_corner(k) for k in range(chest.image.shape[2])]
    spacing_mm = tuple(np.linalg.norm(chest.affine[:3, axis]) for axis in (1, 0, 2))
    series = new_series(3, "Chest")
    return write_slices(folder, positions, chest.image.transpose(2, 1, 0), spacing_mm=spacing_mm, series=series)


def _write_enhanced_scan(folder: Path) -> list[Path]:
    chest, file = phantom(), folder / "ct.dcm"
    heights = [_corner(k)[2] for k in range(chest.image.shape[2])]
    write_enhanced(file, heights, chest.image.shape[1], chest.image.shape[0], spacing_mm=(4.0, 4.0, 20.0))
    image = dcmread(file)
    image.PixelData = (chest.image.transpose(2, 1, 0) + 1000).astype(np.int16).tobytes()
    for frame, k in zip(image.PerFrameFunctionalGroupsSequence, range(len(heights)), strict=True):
        frame.PlanePositionSequence[0].ImagePositionPatient = list(_corner(k))
    image.save_as(file)
    return [file]


def _corner(k: int) -> tuple[float, float, float]:
    x, y, z = (np.diag([-1.0, -1.0, 1.0, 1.0]) @ phantom().affine @ [0, 0, k, 1])[:3]
    return float(x), float(y), float(z)


def odd_tags(files: list[Path], dice: random.Random) -> str:
    """Set tags of one file, some or all files to odd values, of their own or another representation."""
    keywords = dice.choices(TAGS, k=dice.choice([1, 1, 1, 2, 4]))
    chosen = files if dice.random() < 0.5 else dice.sample(files, dice.randint(1, len(files)))
    odd = []
    for keyword in sorted(keywords, key=lambda keyword: keyword not in NESTED):  # before what they are nested in
        vr = dictionary_VR(keyword).split(" ")[0] if dice.random() < 0.7 else dice.choice(VRS)
        vr = {"SpecificCharacterSet": "CS", "PixelData": "OW"}.get(keyword, vr)  # else pydicom would not write them
        odd.append((keyword, vr, dice.choice(ODD_TEXT if dice.random() < 0.7 else ODD_BYTES)))

    def put(image: Dataset) -> None:
        for keyword, vr, value in odd:
            for each in _places(image, keyword):
                _put(each, keyword, vr, value)

    _edit(chosen, put)
    return f"{', '.join(f'{keyword} {vr} {value[:30]!r}' for keyword, vr, value in odd)} of {len(chosen)}"


def tags_deleted(files: list[Path], dice: random.Random) -> str:
    """Delete tags of one file, some or all files."""
    keywords = sorted(dice.sample(TAGS, dice.choice([1, 1, 2, 5])), key=lambda keyword: keyword not in NESTED)
    chosen = files if dice.random() < 0.5 else dice.sample(files, dice.randint(1, len(files)))

    def delete(image: Dataset) -> None:
        for keyword in keywords:
            for each in _places(image, keyword):
                if keyword in each:
                    del each[keyword]

    _edit(chosen, delete)
    return f"{', '.join(keywords)} of {len(chosen)}"


def frames_that_lie(files: list[Path], dice: random.Random) -> str:
    """Claim another number of frames, rows or bits, perhaps of compressed pixels."""
    keyword = dice.choice(["NumberOfFrames", "NumberOfFrames", "Rows", "BitsAllocated"])
    text = dice.choice([b"0", b"-3", b"1", b"2", b"9", b"11", b"1000", b"1000000000", b"999999999999"])
    number = dice.choice([0, 1, 7, 8, 12, 32, 64, 65535])
    value = text if keyword == "NumberOfFrames" else number.to_bytes(2, "little")
    syntax = dice.choice(["", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5", "1.2.3"])
    syntax = dice.choice([syntax, "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"])
    vr = "IS" if keyword == "NumberOfFrames" else "US"
    _edit(files, lambda image: _put(image, keyword, vr, value))
    if syntax:
        old = b"1.2.840.10008.1.2.1\x00"
        for file in files:  # in the bytes, since pydicom would not write it
            content = file.read_bytes()
            start = content.index(b"\x02\x00\x10\x00UI") + 6
            assert content[start + 2 :].startswith(old)
            new = syntax.encode().ljust(20 if len(syntax) <= 20 else 22, b"\x00")
            length = int.from_bytes(content[140:144], "little") + len(new) - len(old)
            meta = content[:140] + length.to_bytes(4, "little") + content[144:start]
            file.write_bytes(meta + len(new).to_bytes(2, "little") + new + content[start + 2 + len(old) :])
    return f"{keyword} {value!r}, syntax {syntax or 'unchanged'}"


def odd_texts(files: list[Path], dice: random.Random) -> str:
    """Use character sets that do not exist or do not fit, and descriptions that hold anything."""
    charset = dice.choice(CHARACTER_SETS)
    text = bytes(dice.choice([*range(256), 0x1B, 0x0A, 0x3C]) for _ in range(dice.choice([3, 64, 3000]) * 2))

    def describe(image: Dataset) -> None:
        _put(image, "SpecificCharacterSet", "CS", charset)
        for keyword in ("SeriesDescription", "PatientID", "ConvolutionKernel", "ImageType"):
            _put(image, keyword, "LO", text)

    _edit(files, describe)
    return f"{charset!r}, {text[:20]!r}"


def private_tags(files: list[Path], dice: random.Random) -> str:
    """Add private tags of any content, without a creator."""
    added = []
    for _ in range(dice.randint(1, 20)):
        tag = Tag(dice.randrange(9, 0x5000, 2), dice.randrange(0x10000))
        added.append((tag, dice.choice(VRS), bytes(dice.randrange(256) for _ in range(2 * dice.randrange(40)))))

    def add(image: Dataset) -> None:
        for tag, vr, value in added:
            image[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)

    _edit(files, add)
    return f"{len(added)} of {len(files)}"


def swapped_files(files: list[Path], dice: random.Random) -> str:
    """Put images of another series into the folder, under names of this one or beside it."""
    other = write_dicom_scan(files[0].parent.parent / ".other", "other series")
    count = dice.randint(1, 6)
    for k in range(count):
        source = dice.choice(other)
        source.rename(files[k % len(files)] if dice.random() < 0.6 else files[0].parent / f"other{k}.dcm")
        other.remove(source)
    for file in other:
        file.unlink()
    (files[0].parent.parent / ".other").rmdir()
    return f"{count} files"


def files_of_other_kinds(files: list[Path], dice: random.Random) -> str:
    """Replace one file by text, nothing, a folder or a link to itself."""
    file = dice.choice(files)
    kind = dice.choice(["text", "link"] if len(files) == 1 else ["text", "folder", "link", "nothing"])
    file.unlink()
    if kind == "text":
        file.write_bytes(b"\x00" * 128 + b"DICM" + b"not DICOM at all" * 9)
    elif kind == "folder":
        file.mkdir()
    elif kind == "link":
        file.symlink_to(file)
    return f"{file.name}: {kind}"


DICOM_DAMAGES = [
    *[odd_tags] * 5,
    *[tags_deleted] * 2,
    *[frames_that_lie] * 2,
    *[odd_texts, private_tags, swapped_files, files_of_other_kinds],
]


def _edit(files: list[Path], change) -> None:
    for file in files:
        image = dcmread(file)
        change(image)
        # said to be that of the file, so that pydicom writes the bytes as they are
        image.set_original_encoding(False, True, image._character_set)
        image.save_as(file, enforce_file_format=False)
        content = file.read_bytes()
        for keyword in TAGS:  # sequences, which pydicom would look into while it writes, are written as something else
            group, element = divmod(tag_for_keyword(keyword) or 0, 1 << 16)
            tag = group.to_bytes(2, "little") + element.to_bytes(2, "little")
            content = content.replace(tag + b"UN\x00\x00", tag + b"SQ\x00\x00")
        file.write_bytes(content)


def _places(image: Dataset, keyword: str) -> list[Dataset]:
    """The data set that has a tag, or the items of a multi-frame file that do."""
    if keyword not in NESTED or NESTED[keyword][0] not in image:
        return [image]
    groups, inner = NESTED[keyword]
    return [item[inner].value[0] for item in image[groups].value if inner in item]


def _put(image: Dataset, keyword: str, vr: str, value: bytes) -> None:
    tag = Tag(tag_for_keyword(keyword))
    value += b"\x00" * (len(value) % 2)
    vr = "UN" if vr == "SQ" else vr
    image[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
