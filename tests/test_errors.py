import os
import signal
import sys

import pytest

from infnet_monai.errors import (
    InputError,
    find_input_error,
    one_line,
    printable_lines,
    report_errors_in_one_line,
    terminate_like_ctrl_c,
)


def raised(error, cause=None):
    try:
        if cause is not None:
            raise error from cause
        raise error
    except type(error) as caught:
        return caught


def test_input_error_is_found_behind_wrappers():
    cause = InputError("a.nii: bad")
    assert find_input_error(raised(RuntimeError("applying transform"), raised(cause))) is cause
    assert find_input_error(raised(RuntimeError("x"))) is None
    assert find_input_error(None) is None


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (InputError("a.nii: bad"), "Error: a.nii: bad\n"),
        (KeyboardInterrupt(), "Interrupted.\n"),
    ],
)
def test_what_is_the_users_is_one_line(error, printed, capsys, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    report_errors_in_one_line()
    sys.excepthook(type(error), error, None)
    assert capsys.readouterr().err == printed


def test_other_errors_keep_their_traceback(capsys, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    report_errors_in_one_line()
    error = raised(ZeroDivisionError("x"))
    sys.excepthook(type(error), error, error.__traceback__)
    assert "Traceback" in capsys.readouterr().err


def test_sigterm_ends_like_ctrl_c():
    before = signal.getsignal(signal.SIGTERM)
    try:
        terminate_like_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_messages_lose_what_could_steer_a_terminal_and_keep_their_lines():
    assert one_line("scan\n\x1b[2J\u202e\u2028name\udce9") == "scan  [2J  name "
    assert printable_lines("c1\x1b: bad\nc2: bad") == "c1 : bad\nc2: bad"
