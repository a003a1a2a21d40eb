"""A site's process: what NVFLARE's Client API runs from the first round to the last."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import nvflare.client as flare
import torch
from nvflare.apis.fl_constant import FLMetaKey
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType

from infnet_monai.errors import InputError
from infnet_monai.federated.plan import FederatedPlan, SitePlaces
from infnet_monai.federated.site import FederatedSite, LocalUpdate
from infnet_monai.files import write_json

__all__ = ["SITES_VARIABLE", "run_site", "update_message"]

SITES_VARIABLE = "INFNET_SITES"
SENT = "sent.json"


def update_message(update: LocalUpdate) -> FLModel:
    """Return what is sent: differences of tensors, the number of steps, and two metrics.

    Args:
        update: What the site has done in a round.
    """
    return FLModel(
        params=update.difference,
        params_type=ParamsType.DIFF,
        metrics=update.metrics,
        meta={FLMetaKey.NUM_STEPS_CURRENT_ROUND: update.steps},
    )


def record_of_message(message: FLModel, round_index: int) -> dict[str, Any]:
    """Return the record of what is sent, for the site to read: names, shapes and bytes, and all other values.

    Args:
        message: The message.
        round_index: Number of rounds before this one.
    """
    tensors = {name: {"shape": list(array.shape), "bytes": array.nbytes} for name, array in message.params.items()}
    metrics = {name: repr(value) for name, value in message.metrics.items()}
    total = sum(array.nbytes for array in message.params.values())
    steps = message.meta[FLMetaKey.NUM_STEPS_CURRENT_ROUND]
    return {"round": round_index, "bytes": total, "steps": steps, "metrics": metrics, "tensors": tensors}


def run_site(plan_text: str, sites_file: str = "") -> None:
    """Train the rounds that the server asks for.

    Args:
        plan_text: The plan as :meth:`FederatedPlan.as_text` gives it.
        sites_file: File that says where the site keeps its data; by default what the environment variable
            ``INFNET_SITES`` names.

    Raises:
        InputError: The site's data set cannot be used.
    """
    flare.init()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    logging.getLogger("monai").setLevel(logging.WARNING)
    name = flare.get_site_name()
    file = sites_file or os.environ.get(SITES_VARIABLE, "")
    if not file:
        raise InputError(f"{SITES_VARIABLE}: not set; name the JSON file that says where {name} keeps its data")
    places = SitePlaces.read(file, name)
    Path(places.folder).mkdir(parents=True, exist_ok=True)
    site = FederatedSite(FederatedPlan.from_text(plan_text), places)
    while flare.is_running():
        received = flare.receive()
        if received is None:
            break
        message = update_message(site.train(received.params, received.current_round))
        write_json(record_of_message(message, received.current_round), places.folder / SENT)
        flare.send(message)
