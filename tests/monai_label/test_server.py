import itertools
import json
import sys
from pathlib import Path

import pytest

from infnet_monai.errors import InputError
from infnet_monai.monai_label import Server


def test_command_serves_local_models_on_loopback(tmp_path):
    command = Server(tmp_path, "scans", 8010).command(["one", "two"])
    assert command[:4] == [sys.executable, "-m", "monailabel.main", "start_server"]
    options = list(itertools.pairwise(command))
    assert ("--host", "127.0.0.1") in options
    assert ("--port", "8010") in options
    triples = list(zip(command, command[1:], command[2:], strict=False))
    assert ("--conf", "models", "one,two") in triples
    assert ("--conf", "zoo_source", "local") in triples
    assert ("--conf", "sam2", "false") in triples


def test_environment_is_offline_and_finds_the_tools_of_this_python(tmp_path):
    environment = Server(tmp_path, "scans").environment({"PATH": "/usr/bin", "HF_HUB_OFFLINE": "0", "OWN": "kept"})
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["OWN"] == "kept"
    assert environment["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"


def test_threads_wait_without_work_unless_told_otherwise(tmp_path):
    server = Server(tmp_path, "scans")
    assert server.environment({})["OMP_WAIT_POLICY"] == "PASSIVE"
    assert server.environment({"OMP_WAIT_POLICY": "ACTIVE"})["OMP_WAIT_POLICY"] == "ACTIVE"


def test_pictures_are_not_offered(tmp_path):
    extensions = json.loads(Server(tmp_path, "scans").environment({})["MONAI_LABEL_DATASTORE_FILE_EXT"])
    assert "*.nii.gz" in extensions
    assert "*.png" not in extensions


def test_address_is_that_of_the_port(tmp_path):
    assert Server(tmp_path, "scans", 8010).address == "http://127.0.0.1:8010"


def test_missing_folder_is_refused_and_an_address_is_not(tmp_path):
    with pytest.raises(InputError, match="none: no such folder"):
        Server(tmp_path, str(tmp_path / "none")).check()
    Server(tmp_path, "http://127.0.0.1:8042/dicom-web").check()
    Server(tmp_path, str(tmp_path)).check()
