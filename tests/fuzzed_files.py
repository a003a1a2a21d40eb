"""Random damages of scans: the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzzed_dicom import DICOM_DAMAGES, write_dicom_scan
from fuzzed_volumes import VOLUME_DAMAGES, write_volume_file

VOLUME_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".gzip.nrrd", ".nhdr", ".mha", ".zlib.mha", ".mhd")
HEADER_BYTES = {".nii": 352, ".nii.gz": 600, ".nrrd": 450, ".gzip.nrrd": 450, ".nhdr": 450, ".dcm": 1400}
LONGEST_RUN = 3000


@dataclass(frozen=True)
class Damage:
    """One damaged scan.

    Attributes:
        name: Folder of the scan among the others.
        what: What was done to it.
        shows: Whether a result without a warning would be wrong: the files were cut, so that voxels are missing.
    """

    name: str
    what: str
    shows: bool = False


def write_damaged(folder: Path, seed: int) -> Damage:
    """Write a scan into a folder of its own and damage it.

    Args:
        folder: Folder of all scans.
        seed: Decides the kind of scan and the damage.
    """
    dice = random.Random(seed)
    kind = dice.choice([*VOLUME_ENDINGS, "series", "series", "series", "enhanced", "enhanced"])
    name = f"damaged-{seed}-{kind.strip('.').replace('.', '-')}"
    own = folder / name
    own.mkdir(parents=True)
    if kind in ("series", "enhanced"):
        files = write_dicom_scan(own, kind)
        damages: list[Callable] = [*DICOM_DAMAGES]
    else:
        files = write_volume_file(own, kind)
        damages = [damage for damage in VOLUME_DAMAGES if damage.fits(kind)]
    in_bytes = [flip_in_header, flip_anywhere, cut, fill_a_run]
    damage = dice.choice(damages if dice.random() < 0.6 else in_bytes)
    what = damage(files, dice)
    return Damage(name, f"{damage.__name__}: {what}", shows=damage is cut)


def flip_in_header(files: list[Path], dice: random.Random) -> str:
    """Flip some bits of the beginning of a file, or of all files alike."""
    chosen, said = _some(files, dice)
    length = HEADER_BYTES.get(files[0].suffix, 300)
    places = [(dice.randrange(length), 1 << dice.randrange(8)) for _ in range(dice.choice([1, 1, 2, 8]))]
    for file in chosen:
        content = bytearray(file.read_bytes())
        for place, bit in places:
            content[place % len(content)] ^= bit
        file.write_bytes(content)
    return f"{places} of {said}"


def flip_anywhere(files: list[Path], dice: random.Random) -> str:
    """Replace some bytes of a file."""
    file = dice.choice(files)
    content = bytearray(file.read_bytes())
    places = [dice.randrange(len(content)) for _ in range(dice.choice([1, 4, 50]))]
    for place in places:
        content[place] = dice.randrange(256)
    file.write_bytes(content)
    return f"{len(places)} bytes of {file.name}, from {min(places)}"


def cut(files: list[Path], dice: random.Random) -> str:
    """Cut a file off somewhere."""
    file = dice.choice(files)
    content = file.read_bytes()
    length = dice.choice([0, 1, dice.randrange(400), dice.randrange(len(content)), len(content) - dice.randint(1, 9)])
    file.write_bytes(content[: max(0, length)])
    return f"{file.name} at {length} of {len(content)}"


def fill_a_run(files: list[Path], dice: random.Random) -> str:
    """Overwrite a part of a file by zeros or ones."""
    file = dice.choice(files)
    content = bytearray(file.read_bytes())
    start = dice.choice([0, dice.randrange(600), dice.randrange(len(content))]) % len(content)
    end = min(len(content), start + dice.randint(1, LONGEST_RUN))
    content[start:end] = bytes([dice.choice([0, 255])]) * (end - start)
    file.write_bytes(content)
    return f"{file.name}, {start} to {end}"


def _some(files: list[Path], dice: random.Random) -> tuple[list[Path], str]:
    if len(files) == 1 or dice.random() < 0.5:
        file = dice.choice(files)
        return [file], file.name
    return files, "all files"
