import pytest

from infnet_monai.errors import InputError
from infnet_monai.inference import read_manifest


@pytest.fixture
def manifest(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "scans.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def names(path):
    return [scan.name for scan in read_manifest(path)]


def test_rows_are_scans_in_their_order_by_paths_from_the_files_own_folder(manifest, chest_file):
    (chest_file.parent / "ward").mkdir()
    (chest_file.parent / "ward" / "a.nii.gz").write_bytes(chest_file.read_bytes())
    path = manifest(
        f'note,path,name\n1,scans/chest.nii.gz,x/first\n2,scans/ward,\n3,"{chest_file}",chest\n\n', "utf-8-sig"
    )
    assert names(path) == ["x/first", "a", "chest"]
    assert [scan.path for scan in read_manifest(path)][::2] == [chest_file, chest_file]


def test_names_that_are_not_given_make_way_for_those_that_are(manifest, chest_file):
    (chest_file.parent / "other.nii.gz").write_bytes(chest_file.read_bytes())
    assert names(manifest("path,name\nscans/chest.nii.gz\nscans/other.nii.gz,chest\n")) == ["chest-2", "chest"]


def test_a_row_without_a_scan_is_a_refused_scan_with_the_reason(manifest, chest_file):
    (chest_file.parent / "b.nii.gz").write_bytes(chest_file.read_bytes())
    path = manifest("path,name\nscans/chest.nii.gz,\nscans/gone.nii.gz,\nscans,both\n")
    chest, gone, both = read_manifest(path)
    assert chest.refusal == ""
    assert gone.refusal == "no such file or folder; check the path (scans.csv, line 3)"
    assert both.refusal.startswith(
        "holds 2 scans and one name; leave it empty or name each in a row (scans.csv, line 4)"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file\na.nii\n", "has no column path; expected a CSV file with a column path"),
        ("", "has no column path"),
        ("path,name\n\n", "lists no scan"),
        ("path,name\na.nii,x\nb.nii,X\n", "the name 'x' is given twice"),
        ("path,name\na.nii,../x\n", r"line 2: the name '\.\./x' cannot be used"),
        ("path,name\na.nii,/x\n", "the name '/x' cannot be used"),
        ("path,name\na.nii,ward/.x\n", "cannot be used; expected a name such as ct_1 or ward_2/ct_1"),
        ("path,name\na.nii,x/\n", "the name 'x/' cannot be used"),
        ('path,name\na.nii,"x\ny"\n', "cannot be used"),
    ],
)
def test_a_file_that_is_no_list_of_scans_is_refused_in_one_line(manifest, text, words):
    with pytest.raises(InputError, match=words):
        read_manifest(manifest(text))


def test_a_file_that_cannot_be_read_is_refused_in_one_line(manifest, tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read \(No such file or directory\)"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is no CSV file in UTF-8"):
        read_manifest(manifest("path\nä.nii\n", "latin-1"))
