"""Packages whose names are imported at their first use offer what they say, like any other package."""

from importlib import import_module
from importlib.util import find_spec

import pytest

from infnet_monai.lazy_exports import import_at_first_use

PACKAGES = [f"infnet_monai.{name}" for name in ("inference", "lungs", "networks", "scans", "training", "transforms")]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_there_and_no_module_takes_its_place(package):
    module = import_module(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert find_spec(f"{package}.{name}") is None


def test_a_name_is_what_its_module_defines_and_modules_are_imported_as_ever():
    from infnet_monai.scans import Acceptance, find
    from infnet_monai.scans.acceptance import Acceptance as defined

    assert Acceptance is defined
    assert find is import_module("infnet_monai.scans.find")


def test_an_unknown_name_is_an_attribute_error_as_for_any_module():
    with pytest.raises(AttributeError, match=r"module 'infnet_monai\.scans' has no attribute 'Scanner'"):
        import_at_first_use("infnet_monai.scans")("Scanner")
    with pytest.raises(ImportError, match="cannot import name 'Scanner'"):
        exec("from infnet_monai.scans import Scanner")
