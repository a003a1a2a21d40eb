"""Training and evaluation of one run, from wherever it stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from infnet_monai.comparison.plan import Run
from infnet_monai.files import file_sha256, write_json
from infnet_monai.run_record import package_versions
from infnet_monai.training.child import bundle_command, last_words, run_child

__all__ = ["RunFailed", "complete_run"]

# Put over the bundle's evaluation.
EVALUATION = {
    "+validate#handlers": [{"_target_": "infnet_monai.comparison.examples.ExampleMasks", "output_dir": "@output_dir"}],
}


class RunFailed(RuntimeError):
    """A training or an evaluation ended with an error; the others of the comparison go on."""


def complete_run(run: Run, poll: Callable[[], None]) -> None:
    """Train and evaluate, as far as that has not been done.

    A training that was interrupted goes on from its last epoch. The state for that is removed in the end: it takes
    three times the room of the weights, which stay.

    Args:
        run: The run; its folder is made if needed.
        poll: Called about once a second.

    Raises:
        RunFailed: A process ended with an error; the message is its last line and the log's path.
    """
    if run.finished:
        return
    write_json(run.config, run.config_path)
    if not run.training_record.is_file():
        _run_workflow(run, "training", poll)
    _run_workflow(run, "evaluating", poll)
    record = {
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "evaluation": run.evaluation_facts,
        "weights_sha256": file_sha256(run.weights),
        "versions": package_versions(),
    }
    write_json(record, run.record)
    run.last_state.unlink(missing_ok=True)


def _run_workflow(run: Run, run_id: str, poll: Callable[[], None]) -> None:
    files = [*run.config_files, run.config_path]
    items: dict[str, object] = {"output_dir": run.folder / "training"}
    if run_id == "training":
        items["resume"] = str(run.last_state.is_file()).lower()
    else:
        write_json(EVALUATION, run.folder / "evaluation.json")
        files += [*run.evaluation_files, run.folder / "evaluation.json"]
        items["output_dir"] = run.evaluation
    command = bundle_command(
        run_id,
        files,
        bundle_root=run.method.bundle,
        dataset_dir=run.dataset_dir,
        ckpt_dir=run.folder / "models",
        **items,
    )
    status = run_child(command, run.log, poll)
    if status != 0:
        raise RunFailed(
            f"{run_id} ended with status {status}: {last_words(run.log)} (log: {run.log}). The same command goes on "
            f"from its last epoch; remove {run.folder} to train it anew"
        )
