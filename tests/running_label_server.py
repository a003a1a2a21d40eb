"""A MONAI Label server in its own process, and what its clients ask of it."""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 600
TRAINING_TIMEOUT_S = 900
# Python imports this before all else, in the server and in the trainings that it starts.
GUARD = """
import os, socket

def note(text):
    with open(os.environ["CONNECTION_LOG"], "a") as log:
        log.write(text + "\\n")

def guarded(function):
    def call(*arguments, **options):
        address = arguments[0] if function is look_up else arguments[1]
        host = address[0] if isinstance(address, tuple) else address
        local = host is None or str(host).startswith(("127.", "::1", "localhost", "/", "0.0.0.0"))
        if not local:
            note(f"outside: {address}")
            raise OSError("the outside is out of reach in this test")
        return function(*arguments, **options)
    return call

look_up = socket.getaddrinfo
socket.getaddrinfo = guarded(look_up)
for name in ("connect", "connect_ex"):
    setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
note("guarded")
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class LabelServer:
    """Started by workflows/label_server.py with the Python of MONAI Label's environment; stopped by `stop`."""

    def __init__(self, python, folder, bundles):
        self.python, self.folder, self.bundles = python, folder, bundles
        self.studies, self.app = folder / "studies", folder / "app"
        self.log, self.connections = folder / "server.log", folder / "connections.txt"
        self.process = None

    def start(self):
        guard = self.folder / "guard"
        guard.mkdir(exist_ok=True)
        (guard / "sitecustomize.py").write_text(GUARD)
        self.port = free_port()
        models = [word for bundle in self.bundles for word in ("--models", str(bundle))]
        command = [self.python, ROOT / "workflows" / "label_server.py", self.studies, *models]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*map(str, command), "--app", str(self.app), "--port", str(self.port)],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ
                | {"PYTHONPATH": str(guard), "CONNECTION_LOG": str(self.connections), "OMP_NUM_THREADS": "1"}
                | {"MONAI_LABEL_SESSION_PATH": str(self.folder / "sessions"), "PYTHONUNBUFFERED": "1"},
            )
        self.wait(lambda: self.get("/info/"))
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)

    def wait(self, question, seconds=START_TIMEOUT_S):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            with contextlib.suppress(OSError):
                if answer := question():
                    return answer
            time.sleep(0.5)
        raise TimeoutError(self.log.read_text()[-3000:])

    def ask(self, method, path, body=None, headers=None, **query):
        """Return the status, the headers and the body of the answer."""
        address = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(address, data=body, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()

    def get(self, path, **query):
        status, _, body = self.ask("GET", path, **query)
        return json.loads(body) if status == 200 else None

    def post_json(self, path, content):
        body, headers = json.dumps(content).encode(), {"Content-Type": "application/json"}
        status, _, answer = self.ask("POST", path, body, headers)
        assert status == 200, answer
        return json.loads(answer)

    def infer(self, model, image, suffix=".nii.gz"):
        status, _, body = self.ask("POST", f"/infer/{model}", image=image, output="image")
        assert status == 200, self.log.read_text()[-3000:]
        path = self.folder / f"{model}_{image}{suffix}"
        path.write_bytes(body)
        return path

    def save_label(self, image, path):
        head = f'--LIMIT\r\nContent-Disposition: form-data; name="label"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + b"\r\n--LIMIT--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=LIMIT"}
        return self.ask("PUT", "/datastore/label", body, headers, image=image, tag="final")

    def train(self, model, **options):
        """Train and return the finished task."""
        task = self.post_json(f"/train/{model}", {"device": "cpu", **options})

        def finished():
            last = self.get("/train/")
            return last if last["id"] == task["id"] and last["status"] in ("DONE", "ERROR") else None

        return self.wait(finished, TRAINING_TIMEOUT_S)

    def weights(self, model):
        return self.app / "model" / model / "models" / "model.pt"

    def read_log(self):
        return self.log.read_text(encoding="utf-8", errors="replace")
