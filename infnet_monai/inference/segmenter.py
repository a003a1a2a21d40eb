"""A trained bundle as a function from a scan to its lesions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import torch
from monai.data import MetaTensor
from monai.transforms import Orientationd, SaveImaged
from nibabel.spatialimages import SpatialImage
from numpy.typing import ArrayLike
from torch import Tensor

from infnet_monai.bundle_folder import DEFAULT_BUNDLE, find_bundle
from infnet_monai.errors import InputError, unwrapped_input_errors
from infnet_monai.inference.bundle_config import BundleConfig
from infnet_monai.inference.engines import DEFAULT_ENGINE, describe_engine
from infnet_monai.inference.scan_checks import LogWarningsd, scan_warnings
from infnet_monai.inference.segmentation import Segmentation, reoriented
from infnet_monai.lungs.crop import LungMaskd
from infnet_monai.lungs.keep_in_chest import REMOVED_ML
from infnet_monai.quality.estimate import QualityEstimate, unrated
from infnet_monai.quality.model import read_quality
from infnet_monai.quality.watch import NetworkWatch
from infnet_monai.run_record import StageTimer
from infnet_monai.scans.find import find_scans
from infnet_monai.scans.load import scan_from_array
from infnet_monai.scans.source import ScanSource
from infnet_monai.transforms.load import LoadScand

__all__ = ["PreparedScan", "Scan", "Segmenter", "segment"]

Scan = str | Path | ScanSource | SpatialImage | ArrayLike

STAGES: dict[type, str] = {LoadScand: "read", LungMaskd: "lungs"}
REMOVED_WARNING_ML = 1.0


@dataclass
class PreparedScan:
    """A scan between the stages of :meth:`Segmenter.segment`.

    Attributes:
        item: What the preprocessing has given; the prepared image in it has no voxels.
        warnings: What a user should know of the scan, one sentence each.
        volume: Prepared slices ``(1, 1, H, W, D)`` on the network's device, until the network has run.
        logits: Logits ``(1, C, H, W, D)`` in memory of the CPU, from then on until they are restored.
        watch: What the network has shown meanwhile, for the estimate of the quality.
    """

    item: dict[Any, Any]
    warnings: tuple[str, ...]
    volume: Tensor | None = None
    logits: Tensor | None = None
    watch: NetworkWatch | None = None


class Segmenter:
    """A bundle's network with what comes before and after it, loaded once for any number of scans.

    Args:
        bundle: Folder of a bundle, or the name of one of this project's.
        device: Device of the network, e.g. ``"cpu"`` or ``"cuda:0"``; a GPU where there is one by default.
        weights: File of the network's weights; the bundle's ``models/model.pt`` by default.
        **overrides: Values of the bundle's ``inference.json``, e.g. ``lung_crop=False`` or ``threshold=0.4``.

    Attributes:
        name: Name of the bundle.
        version: Version of the bundle.
        weights: File of the network's weights.
        device: Device of the network.
        settings: Values of the bundle's ``inference.json`` that decide the mask.
        acceptance: Problems of scans that are accepted: its ``accept`` and ``all_scans``.
        scheme: The lesion classes.
        quality: Estimate of how good a mask is; ``None`` without a quality file for these weights.
        engine: Name, precision and version of what runs the network.

    Raises:
        InputError: There is no such bundle, device or value, or the weights cannot be loaded.

    Example:
        >>> segmenter = Segmenter("infnet_vgg16")  # doctest: +SKIP
        >>> segmenter.segment("ct.nii.gz").statistics.lesion_volume_ml  # doctest: +SKIP
        31.4
    """

    def __init__(
        self,
        bundle: str | Path = DEFAULT_BUNDLE,
        device: str | torch.device | None = None,
        weights: str | Path | None = None,
        **overrides: Any,
    ):
        folder = find_bundle(bundle)
        values: dict[str, Any] = {"bundle_root": str(folder), **overrides}
        if device is not None:
            values["device"] = _check_device(device)
        if weights is not None:
            values["weights"] = str(weights)
        config = BundleConfig(folder, values)
        self.name, self.version = folder.name, config.version
        self.settings, self.acceptance, self.scheme = config.settings(), config.acceptance(), config.label_scheme()
        self.weights = Path(config.build("weights"))
        self.device = torch.device(config.build("device"))
        self.network = config.build("network")
        self.quality = read_quality(self.weights)
        self.engine = describe_engine(self.network)
        if self.settings.engine != DEFAULT_ENGINE:
            self.settings = replace(self.settings, precision=self.engine["precision"])
        self._inferer = config.build("inferer")
        self._preprocessing = config.preprocessing()
        self._restoring = [step for step in config.postprocessing() if not isinstance(step, SaveImaged | LogWarningsd)]

    def segment(
        self,
        scan: Scan,
        affine: ArrayLike | None = None,
        timer: StageTimer | None = None,
        on_slices: Callable[[int, int], None] | None = None,
    ) -> Segmentation:
        """Segment one scan.

        Args:
            scan: A file, the folder of a DICOM series, a nibabel image, or voxels ``(X, Y, Z)`` with their affine.
            affine: Voxel index to mm in RAS+, (4, 4), for voxels given as an array.
            timer: Takes the seconds of the stages ``read``, ``lungs``, ``prepare``, ``network`` and ``restore``.
            on_slices: Called after each batch with its number of slices and that of all slices.

        Returns:
            The lesions on the voxels of the scan.

        Raises:
            ScanSkipped: The scan is not taken for a chest CT, e.g. since no lungs were found, and ``all_scans`` is not
                set.
            InputError: The scan cannot be read or used; the message says why.
        """
        timer = timer or StageTimer(self.device)
        prepared = self.prepare(scan, affine, timer)
        self.run(prepared, timer, on_slices)
        return self.finish(prepared, timer)

    def prepare(self, scan: Scan, affine: ArrayLike | None = None, timer: StageTimer | None = None) -> PreparedScan:
        """Read and prepare one scan, the first stage of :meth:`segment`; the next is :meth:`run`.

        Each stage may run in a thread of its own, so that three scans are worked on at a time.

        Args:
            scan: See :meth:`segment`.
            affine: See :meth:`segment`.
            timer: Takes the seconds of ``read``, ``lungs`` and ``prepare``.

        Returns:
            The prepared scan.

        Raises:
            ScanSkipped: See :meth:`segment`.
            InputError: See :meth:`segment`.
        """
        timer = timer or StageTimer(self.device)
        with unwrapped_input_errors():
            item = self._prepare(self._as_item(scan, affine), timer)
        warnings = scan_warnings(item["image"], item["lungs"], self.settings.lung_crop, self.acceptance)
        with timer.stage("prepare"):
            volume = _on_device(item["image"].as_tensor()[None], self.device)
            item["image"] = _without_voxels(item["image"])
        return PreparedScan(item, warnings, volume)

    def run(
        self,
        prepared: PreparedScan,
        timer: StageTimer | None = None,
        on_slices: Callable[[int, int], None] | None = None,
    ) -> None:
        """Run the network on a prepared scan, the second stage; its volume gives way to the logits.

        Args:
            prepared: What :meth:`prepare` has returned.
            timer: Takes the seconds of ``network``.
            on_slices: Called after each batch with its number of slices and that of all slices.

        Raises:
            ValueError: The network has run already.
        """
        if prepared.volume is None:
            raise ValueError("the network has run on this scan; prepare it again")
        stage = (timer or StageTimer(self.device)).stage("network")
        with stage, NetworkWatch(self.network, self.settings.flips) as prepared.watch:
            prepared.logits = self._run_network(prepared.volume, on_slices).cpu()
        prepared.volume = None

    def finish(self, prepared: PreparedScan, timer: StageTimer | None = None) -> Segmentation:
        """Bring the logits back on the voxels of the scan, the last stage; the logits are gone afterwards.

        Args:
            prepared: A scan that :meth:`run` has run the network on.
            timer: Takes the seconds of ``restore``.

        Returns:
            The lesions on the voxels of the scan.

        Raises:
            ValueError: The network has not run yet.
        """
        if prepared.logits is None or prepared.watch is None:
            raise ValueError("the network has not run on this scan; call run() first")
        item = prepared.item
        with (timer or StageTimer(self.device)).stage("restore"):
            restored = {"image": item["image"], "pred": prepared.logits[0], "chest": item["chest"]}
            prepared.logits = None
            for step in self._restoring:  # one by one, so that no item before a step is kept
                restored = step(restored)
            mask = restored["pred"]
            lungs = reoriented(item["lungs"], "".join(nib.aff2axcodes(mask.affine)))
        removed_ml = mask.meta.get(REMOVED_ML)
        quality = self._estimate(prepared.watch, mask, bool(lungs.any()), item["image"].meta.get("spacing_known", True))
        return Segmentation(
            mask=mask[0].numpy(),
            probability=restored["probability"].numpy()[0 if self.scheme.is_single else slice(None)],
            scheme=self.scheme,
            lungs=lungs[0].numpy(),
            affine=mask.affine.numpy(),
            upright_image=item["upright"],
            intensity=item["image"].meta["intensity"],
            warnings=(
                *prepared.warnings,
                *_removal_warnings(removed_ml),
                *([quality.warning] if quality.warning else ()),
            ),
            removed_outside_chest_ml=removed_ml,
            quality=quality,
        )

    def _estimate(self, watch: NetworkWatch, mask: MetaTensor, lungs: bool, spacing_known: bool) -> QualityEstimate:
        lesion_ml = float(mask.count_nonzero()) * float(torch.linalg.det(mask.affine[:3, :3]).abs()) / 1000
        if self.quality is None:
            return unrated(watch.signals(), lesion_ml)
        signals = watch.signals(self.quality.references)
        return self.quality.estimate(
            signals, lesion_ml, lungs_missing=self.settings.lung_crop and spacing_known and not lungs
        )

    def _as_item(self, scan: Scan, affine: ArrayLike | None) -> dict[Any, Any]:
        """Return what the bundle's preprocessing starts from."""
        if isinstance(scan, str | Path):
            scan = self._only_scan(scan)
        if isinstance(scan, ScanSource):
            return {"image": self.acceptance.admit(scan)}
        if isinstance(scan, SpatialImage):
            name = scan.get_filename() or "image"
            return {"image": scan_from_array(scan.get_fdata(dtype="float32"), scan.affine, name)}
        if affine is None:
            raise InputError(
                "an array needs its affine (voxel index to mm in RAS+, 4 x 4): without one nothing is known "
                "of its spacing and orientation"
            )
        return {"image": scan_from_array(scan, affine)}

    def _only_scan(self, path: str | Path) -> ScanSource:
        """Return the one scan of a file or folder, those that would be skipped left aside."""
        sources = find_scans([path])
        accept = self.acceptance
        usable = [source for source in sources if not source.accepting(accept.codes, accept.all_scans).skip_reason]
        if len(usable) > 1:
            raise InputError(f"{path}: holds {len(usable)} scans; give one of them, or use segment_scans for all")
        return (usable or sources)[0]

    def _prepare(self, item: dict[Any, Any], timer: StageTimer) -> dict[Any, Any]:
        for step in self._preprocessing:
            with timer.stage(STAGES.get(type(step), "prepare")):
                item = step(item)
            if isinstance(step, Orientationd):
                item["upright"] = item["image"]
        item["upright"] = _in_fewest_bytes(item["upright"])
        return item

    def _run_network(self, volume: Tensor, on_slices: Callable[[int, int], None] | None) -> Tensor:
        views = 2 if self.settings.flips else 1

        def report(network: Any, inputs: tuple[Tensor, ...], logits: Tensor) -> None:
            if on_slices is not None:
                on_slices(len(logits) // views, volume.shape[-1])

        hook = self.network.register_forward_hook(report)
        try:
            with torch.inference_mode():
                return self._inferer(volume, self.network)
        finally:
            hook.remove()


def segment(
    scan: Scan,
    affine: ArrayLike | None = None,
    bundle: str | Path = DEFAULT_BUNDLE,
    device: str | torch.device | None = None,
    **overrides: Any,
) -> Segmentation:
    """Segment one scan; for several, :class:`Segmenter` loads the bundle only once.

    Args:
        scan: A file, the folder of a DICOM series, a nibabel image, or voxels ``(X, Y, Z)`` with their affine.
        affine: Voxel index to mm in RAS+, (4, 4), for voxels given as an array.
        bundle: Folder of a bundle, or the name of one of this project's.
        device: Device of the network; a GPU where there is one by default.
        **overrides: Values of the bundle's ``inference.json``, e.g. ``lung_crop=False``.

    Returns:
        The lesions on the voxels of the scan, the lungs and the statistics of both.

    Raises:
        InputError: The scan, the bundle or a value cannot be used; the message says why.
    """
    return Segmenter(bundle, device, **overrides).segment(scan, affine)


def _check_device(device: str | torch.device) -> torch.device:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was compiled with CUDA
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"device {device!r} cannot be used ({reason}); give 'cpu', or leave it out") from error
    return torch.device(device)


def _on_device(volume: Tensor, device: torch.device) -> Tensor:
    """Copy a volume to the network's device, beside what that is doing where it is a GPU."""
    if device.type != "cuda":
        return volume.to(device)
    return volume.pin_memory().to(device, non_blocking=True)


def _without_voxels(image: MetaTensor) -> MetaTensor:
    """What is known of an image and its transforms, to invert these, without the memory of its voxels."""
    empty = torch.zeros(1).expand(image.shape)
    return MetaTensor(empty, meta=image.meta, applied_operations=image.applied_operations)


def _in_fewest_bytes(image: MetaTensor) -> MetaTensor:
    """Return an image as int16 where that changes no value, as of HU; a large scan is kept while the network runs."""
    voxels, limits = image.as_tensor(), torch.iinfo(torch.int16)
    in_numpy = voxels.numpy()  # torch would copy an image whose slices are the first axis in memory
    if not limits.min <= in_numpy.min() <= in_numpy.max() <= limits.max:
        return image
    whole = voxels.to(torch.int16)
    same = all(torch.equal(one, other.to(one.dtype)) for one, other in zip(voxels[0], whole[0], strict=True))
    return MetaTensor(whole, meta=image.meta) if same else image


def _removal_warnings(removed_ml: float | None) -> tuple[str, ...]:
    if removed_ml is None or removed_ml <= REMOVED_WARNING_ML:
        return ()
    return (f"{removed_ml:.1f} ml that the network took for lesion outside the chest were removed",)
