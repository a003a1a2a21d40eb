"""What :class:`infnet_monai.inference.supervised.SupervisedProcess` starts: scans in, what became of them out.

Started as ``python -m infnet_monai.inference.scan_process DESCRIPTOR PARENT`` with one end of a pair of sockets that
only parent and child know.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from multiprocessing.connection import Connection

from infnet_monai.errors import InputError, terminate_like_ctrl_c
from infnet_monai.inference.scan_worker import ScanWorker

__all__ = ["serve"]

INTERRUPTED = 130


def serve(connection: Connection) -> None:
    """Take a job, answer with the facts of its run or an InputError, then segment scans until the other end closes.

    Args:
        connection: Connection to the parent.
    """
    job = connection.recv()
    try:
        worker = ScanWorker(job)
    except InputError as error:
        connection.send(error)
        return
    connection.send(worker.facts)
    while True:
        try:
            scan = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(worker.segment(scan))


def _end_with(parent: int) -> None:
    """End this process when its parent has been killed, also in the middle of a scan."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    terminate_like_ctrl_c()
    logging.basicConfig(format="%(levelname)s: %(message)s")
    threading.Thread(target=_end_with, args=[int(sys.argv[2])], daemon=True).start()
    try:
        serve(Connection(int(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
