"""Two nodes of one process each, on this machine: they train together, and one of them writes."""

import json
import socket
import subprocess
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from test_two_ranks import CONFIGS, ROOT, SMALL
from tiny_cases import write_case


def start_node(node, port, folder, data):
    """Start the torchrun of a node, with folders of its own, so that what each one writes is seen."""
    places = ["--ckpt_dir", folder / "models", "--output_dir", folder / "train", "--dataset_dir", data]
    files = str([str(CONFIGS / name) for name in ("train.json", "multi_gpu_train.json")])
    launcher = ["--nnodes", "2", "--node_rank", str(node), "--nproc_per_node", "1"]
    master = ["--master_addr", "127.0.0.1", "--master_port", str(port)]
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        *launcher,
        *master,
        "-m",
        "monai.bundle",
        "run",
        "training",
    ]
    options = ["--epochs", "2", "--batch_size", "2", "--network_def#backbone", "resnet18"]
    return subprocess.Popen(
        [*command, "--config_file", files, *SMALL, *options, *map(str, places)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_two_nodes_train_together_also_where_one_has_no_case_of_its_own(tmp_path):
    case = write_case(tmp_path / "data", "case_0")
    path = tmp_path / "data" / case["label"]
    label = nib.load(path)
    mask = np.asarray(label.dataobj).astype(np.uint8)
    lesion = np.flatnonzero(mask.any(axis=(0, 1)))
    mask[..., lesion[3:]] = 0  # three slices of one case for two ranks
    nib.save(nib.Nifti1Image(mask, label.affine), path)
    (tmp_path / "data" / "dataset.json").write_text(json.dumps({"training": [case], "validation": [case]}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = [tmp_path / "node_0", tmp_path / "node_1"]
    nodes = [start_node(node, port, folder, tmp_path / "data") for node, folder in enumerate(folders)]
    try:
        for node in nodes:
            output, _ = node.communicate(timeout=600)
            assert node.returncode == 0, output[-3000:]
    finally:
        for node in nodes:
            node.kill()
    assert (folders[0] / "models" / "model.pt").is_file()
    assert pd.read_csv(folders[0] / "train" / "metrics.csv")["epoch"].tolist() == [0, 1, 2]
    assert [path for path in folders[1].rglob("*") if path.is_file()] == []
