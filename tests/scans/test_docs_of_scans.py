"""The page about scans names every code of a problem, with the words of the code, and no other."""

import re
from pathlib import Path

from infnet_monai.scans.source import PROBLEM_CODES

PAGE = Path(__file__).parents[2] / "docs" / "scans.md"


def test_the_table_of_codes_is_that_of_the_package():
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| .+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert dict(rows) == PROBLEM_CODES
    assert len(rows) == len(PROBLEM_CODES)
