import json

import pytest
from pydicom.sr.codedict import codes

from infnet_monai.errors import InputError
from infnet_monai.label_scheme import BINARY, LabelScheme, read_scheme

TWO = {"ground glass": 1, "consolidation": [2, 4]}


def test_names_give_values_columns_colours_and_codes():
    scheme = LabelScheme.from_names(TWO)
    assert [(one.column, one.value, one.labels) for one in scheme] == [
        ("ground_glass", 1, (1,)),
        ("consolidation", 2, (2, 4)),
    ]
    assert len({one.colour for one in scheme}) == 2
    assert not scheme.is_single
    assert BINARY.is_single


def test_the_code_of_pleural_effusion_is_that_of_dicom():
    (effusion,) = LabelScheme.from_names({"Pleural effusion": 3})
    known = codes.SCT.PleuralEffusion
    assert effusion.code[:2] == (known.value, known.scheme_designator)


def test_an_unknown_name_is_a_lesion_for_dicom():
    assert LabelScheme.from_names({"crazy paving": 1}).classes[0].code.value == "52988006"


def test_a_scheme_reads_back_beside_its_weights(tmp_path):
    scheme = LabelScheme.from_names({**TWO, "other": {"labels": [7], "value": 3, "colour": "#123456"}})
    scheme.write(tmp_path / "model.pt")
    assert read_scheme(tmp_path / "model.pt") == scheme


def test_weights_without_a_scheme_know_infection_only(tmp_path):
    assert read_scheme(tmp_path / "model.pt") is BINARY


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "expected names and label values"),
        ({"a": 1, "A": 2}, "name a stands for two"),
        ({"a": 1, "b": 1}, "value 1 stands for two"),
        ({"a": 1, "b": [2, 1]}, "label value 1 stands for two"),
        ({"a": 0}, "whole numbers from 1 to 255"),
        ({"a": 256}, "whole numbers from 1 to 255"),
        ({"a": "1"}, "'a' is '1'; expected a label value"),
        ({"a": {"labels": 1, "color": "#ffffff"}}, "expected a label value"),
        ({"a": {"labels": 1, "colour": "red"}}, "expected a label value"),
        ({"a": {"labels": 1, "code": ["1", "SCT"]}}, "expected a label value"),
        ({"--": 1}, "each with a name"),
    ],
)
def test_what_cannot_be_classes_is_refused(labels, message):
    with pytest.raises(InputError, match=message):
        LabelScheme.from_names(labels)


def test_a_damaged_scheme_is_one_line(tmp_path):
    (tmp_path / "classes.json").write_text("{")
    with pytest.raises(InputError, match=r"classes\.json: cannot be read"):
        read_scheme(tmp_path / "model.pt")
    (tmp_path / "classes.json").write_text(json.dumps({"a": 0}))
    with pytest.raises(InputError, match="1 to 255"):
        read_scheme(tmp_path / "model.pt")
