"""The end of the TensorBoard server that a training starts."""

import signal
import subprocess
import sys

from training import monitor

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def test_a_server_that_does_not_end_when_asked_is_killed(monkeypatch):
    monkeypatch.setattr(monitor, "SERVER_END_S", 0.1)
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as server:
        server.stdout.readline()
        monitor.end(server)
        assert server.returncode == -signal.SIGKILL
