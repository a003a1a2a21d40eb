import zlib

import pytest

from infnet_monai.errors import InputError
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.load import load_scan
from infnet_monai.scans.text_header import read_text_header

META = [
    *["ObjectType = Image", "NDims = 3", "BinaryData = True", "BinaryDataByteOrderMSB = False"],
    *["CompressedData = False", "TransformMatrix = 1 0 0 0 1 0 0 0 1", "Offset = 0 0 0", "ElementSpacing = 2 2 5"],
    *["DimSize = 4 3 2", "ElementType = MET_SHORT", "ElementDataFile = LOCAL"],
]
VOXELS = bytes(range(48))


def write_meta(path, voxels=VOXELS, **changes):
    """Write a MetaImage of 4 x 3 x 2 shorts, with some of its fields changed."""
    fields = dict(line.split(" = ", 1) for line in META) | changes
    data_file = fields.pop("ElementDataFile")
    lines = [f"{name} = {value}" for name, value in (fields | {"ElementDataFile": data_file}).items()]
    path.write_bytes("\n".join(lines).encode() + b"\n" + voxels)
    return path


def test_the_voxels_of_a_whole_file_are_found(tmp_path):
    header = read_text_header(write_meta(tmp_path / "ct.mha"))
    assert (header.data_file, header.data_bytes, header.encoding) == (tmp_path / "ct.mha", 48, "raw")
    assert load_scan(tmp_path / "ct.mha").shape == (1, 4, 3, 2)


@pytest.mark.parametrize(
    ("data_file", "words"),
    [
        ("../secret.raw", "outside its folder"),
        ("/etc/passwd", "outside its folder"),
        ("C:\\secret.raw", "outside its folder"),
        ("..\\secret.raw", "outside its folder"),
        ("LIST", "several files"),
        ("slice%s%n.raw 1 9 1", "several files"),
        ("missing.raw", "is missing beside it"),
        (".", "is missing beside it"),
    ],
)
def test_voxels_from_elsewhere_are_refused(tmp_path, data_file, words):
    (tmp_path / "secret.raw").write_bytes(VOXELS)
    (tmp_path / "scans").mkdir()
    (scan,) = find_scans([write_meta(tmp_path / "scans" / "ct.mhd", b"", ElementDataFile=data_file)])
    assert words in scan.refusal
    with pytest.raises(InputError, match=words):
        load_scan(scan)


def test_voxels_in_a_folder_below_are_read(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "ct.raw").write_bytes(VOXELS)
    path = write_meta(tmp_path / "ct.mhd", b"", ElementDataFile="raw/ct.raw")
    assert load_scan(path).shape == (1, 4, 3, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"BinaryData": "no", "CompressedData": "True"}, "written as text"),
        ({"DimSize": "100000 100000 100"}, "truncated: ct.mha has 48 bytes"),
        ({"DimSize": "4 3 3"}, "truncated: ct.mha has 48 bytes, and its voxels take 72"),
        ({"Comment": "A" * 600}, "line 11 of the header"),
        ({"Comment": "\x1b[2J"}, "line 11 of the header"),
    ],
)
def test_headers_that_itk_cannot_be_trusted_with_are_refused(tmp_path, changes, words):
    (scan,) = find_scans([write_meta(tmp_path / "ct.mha", **changes)])
    assert words in scan.refusal


def test_a_field_that_is_there_twice_is_refused(tmp_path):
    path = write_meta(tmp_path / "ct.mha")
    path.write_bytes(path.read_bytes().replace(b"NDims = 3\n", b"NDims = 3\nNDims = 3\n"))
    with pytest.raises(InputError, match="'ndims' twice"):
        read_text_header(path)


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
def test_compressed_voxels_that_are_damaged_are_refused(tmp_path, ending):
    deflated = zlib.compress(VOXELS)
    path = tmp_path / f"ct{ending}"
    if ending == ".mha":
        write_meta(path, deflated, CompressedData="True", CompressedDataSize=str(len(deflated)))
    else:
        head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 3 2\nencoding: gzip\nendian: little\n\n"
        path.write_bytes(head.encode() + deflated)
    read_text_header(path).check_stream()
    content = path.read_bytes()
    for damaged in (content[:-20] + bytes([content[-20] ^ 4]) + content[-19:], content[:-5]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"ct\{ending}: (truncated|the compressed voxels are damaged)"):
            read_text_header(path).check_stream()


@pytest.mark.parametrize("changes", [{"NDims": "88 72"}, {"NDims": "4294967296"}, {"NDims": "4"}, {"DimSize": "4 3"}])
def test_other_sizes_than_dimensions_are_refused(tmp_path, changes):
    (scan,) = find_scans([write_meta(tmp_path / "ct.mha", **changes)])
    assert "expected NDims = 3 and three sizes" in scan.refusal


def test_more_bytes_than_voxels_are_a_warning(tmp_path):
    (scan,) = find_scans([write_meta(tmp_path / "ct.mha", VOXELS + b"surplus")])
    assert "holds 55 bytes of voxels and its header tells of 48" in scan.warnings[0]
