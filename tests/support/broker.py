"""A real MQTT broker on loopback, in a process of its own, that can be stopped and started again."""

import getpass
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Broker:
    """Mosquitto where it is installed, else amqtt's, which comes with the requirements of the tests."""

    def __init__(self, folder: Path):
        self.folder, self.port, self.process = folder, free_port(), None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def command(self) -> list[str]:
        if MOSQUITTO:
            path = self.folder / "mosquitto.conf"
            path.write_text(
                f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
                f"persistence_location {self.folder}/\nuser {getpass.getuser()}\n"
            )
            return [MOSQUITTO, "-c", str(path)]
        path = self.folder / "amqtt.yaml"
        path.write_text(yaml.safe_dump({"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}}}))
        return [sys.executable, "-c", "from amqtt.scripts.broker_script import main; main()", "-c", str(path)]

    def start(self) -> None:
        with (self.folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        pytest.fail(f"no broker: {(self.folder / 'log.txt').read_text()[-500:]}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()  # Mosquitto then keeps what it has confirmed
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
