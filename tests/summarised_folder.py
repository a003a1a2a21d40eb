"""A folder as ``infnet segment`` leaves it: a record of one scan, without its masks."""

from infnet_monai.inference.record import MadeBy, ScanRecord
from infnet_monai.inference.settings import SegmentationSettings
from infnet_monai.inference.statistics import LesionStatistics
from infnet_monai.scans.source import ScanIdentity


def write_summarised_folder(folder, names=("ct_1",)):
    """Write a record for each name: 20 ml of lesion in 4000 ml of lung."""
    volumes = {"lesion_volume_ml": 20.0, "lung_volume_ml": 4000.0}
    volumes |= {"right_lung_volume_ml": 2200.0, "left_lung_volume_ml": 1800.0}
    percents = {f"lesion_percent_of_{part}": 0.5 for part in ("lung", "right_lung", "left_lung")}
    counts = {"slices": 5, "slices_with_lesion": 2, "lesion_count": 1}
    others = {"largest_lesion_ml": 20.0, "mean_lesion_hu": -300.0, "lesion_touches_border": False}
    statistics = LesionStatistics(**volumes, **percents, **counts, **others)
    settings = SegmentationSettings((352, 352), "auto", True, 0.5, False)
    for name in names:
        scan = ScanIdentity(f"/data/{name}.nii", "", 10, 1.5, "ab12")
        made_by = MadeBy(scan, "infnet_vgg16", "0.1.0", "cd34", settings)
        ScanRecord(name, made_by, "hu", True, (), statistics).write(folder / f"{name}.json")
