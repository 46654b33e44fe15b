"""What a training shows while it runs: TensorBoard curves and image strips, a progress bar, a TensorBoard server."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from data.messages import logger, progress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

log = logger(__name__)

STRIP_FRAMES = 8
STRIP_SIDE_PX = 128
RESIDUAL_GAIN = 4
CURVES, CURVE_PX = 8, (640, 80)
CURVE_GREY, CURVE_BLUE = (134, 142, 150), (28, 111, 179)
SERVER_START_S, SERVER_END_S = 60.0, 5.0


class Monitor:
    """TensorBoard files and printed lines of one run; silent on all but the main process."""

    def __init__(self, folder: Path, step: int, is_main: bool):
        """step: finished steps of a resumed run; what was logged after them is taken back."""
        from torch.utils.tensorboard import SummaryWriter  # takes half a second, and methods of one step need it not

        self.is_main = is_main
        self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step) if is_main else None

    def step(self, step: int, loss: float, lr: float, grad_norm: float) -> None:
        if self.writer:
            for name, value in (("loss", loss), ("lr", lr), ("grad_norm", grad_norm)):
                self.writer.add_scalar(f"step/{name}", value, step)

    def epoch(self, row: dict[str, float], epochs: int, example: tuple[Tensor, Tensor] | None) -> None:
        """Log a row of metrics.csv and an example, a window (C, T, H, W) and its reconstruction; print a line."""
        if not self.writer:
            return
        for name in ("train_loss", "val_loss", "lr", "grad_norm", "frames_per_s"):
            self.writer.add_scalar(f"epoch/{name}", row[name], row["step"])
        if example:
            self._show(self.writer, *example, int(row["step"]))
        self.writer.flush()
        log.info(
            f"epoch {row['epoch']}/{epochs}  train {row['train_loss']:.5f}  val {row['val_loss']:.5f}  "
            f"lr {row['lr']:.2e}  {row['frames_per_s']:.0f} frames/s"
        )

    @staticmethod
    def _show(writer: "SummaryWriter", x: Tensor, recon: Tensor, step: int) -> None:
        if x.shape[2:] == (1, 1):
            image = curves(x[..., 0, 0], recon[..., 0, 0])
            writer.add_image("input (grey), reconstruction (blue)", image, step, dataformats="HWC")
        else:
            tag = f"input, reconstruction, residual x{RESIDUAL_GAIN}"
            writer.add_image(tag, image_strip(x, recon), step, dataformats="HW")

    def progress(self, title: str, total: int, first: int) -> tqdm:
        """A progress bar over the batches of an epoch, for the main process."""
        settings = {"desc": title, "unit": "batch", "leave": False, "disable": not self.is_main}
        return progress(total=total, initial=first, **settings)

    def close(self) -> None:
        if self.writer:
            self.writer.close()


def image_strip(x: Tensor, recon: Tensor) -> Tensor:
    """Rows of input, reconstruction and absolute residual for frames spread over a window, channels below each other.

    x, recon: (C, T, H, W). Returns (3 C h, n w) in 0..1, with h and w at most STRIP_SIDE_PX.
    """
    from torchvision.utils import make_grid  # late: importing it takes 1.5 s, which only those who see pictures pay

    chosen = torch.linspace(0, x.shape[1] - 1, min(STRIP_FRAMES, x.shape[1])).round().long().tolist()
    x, recon = (v[:, chosen].float().cpu() for v in (x, recon))  # (C, n, H, W)
    rows = torch.stack([x, recon, RESIDUAL_GAIN * (x - recon).abs()], dim=1).flatten(0, 1)  # (3 C, n, H, W)
    shrink = max(1.0, max(rows.shape[2:]) / STRIP_SIDE_PX)
    small = F.interpolate(rows, size=[max(1, round(side / shrink)) for side in rows.shape[2:]], mode="area")
    return make_grid(small.flatten(0, 1)[:, None], nrow=len(chosen), padding=0)[0].clamp(0, 1)


def curves(x: Tensor, recon: Tensor) -> np.ndarray:
    """The variables of a window of a series (C, T), at most CURVES of them: grey, with their reconstructions in blue.

    Drawn by OpenCV as an image (rows, CURVE_PX[0], 3) uint8: a figure of matplotlib takes as long as a short epoch.
    """
    width, height = CURVE_PX
    canvas = np.full((min(len(x), CURVES) * height, width, 3), 255, np.uint8)
    for row, lines in enumerate(zip(recon[:CURVES], x[:CURVES], strict=True)):
        lines = np.stack([line.float().cpu().numpy() for line in lines])  # (2, T)
        low, high = lines[1].min(), lines[1].max()
        share = np.clip((lines - low) / max(high - low, 1e-9), -0.5, 1.5)
        y = (row + 0.85 - 0.7 * share) * height
        at = np.linspace(0, width - 1, lines.shape[1])
        for line, colour in zip(y[::-1], (CURVE_GREY, CURVE_BLUE), strict=True):
            points = np.stack([at, line], axis=1).round().astype(np.int32)
            cv2.polylines(canvas, [points], False, colour, 1, cv2.LINE_AA)
    return canvas


@contextmanager
def tensorboard_server(folder: Path) -> Iterator[str]:
    """Serve a run's TensorBoard on a free loopback port while the context lasts, and print its address.

    Raises ChildProcessError with TensorBoard's own words when it doesn't start.
    """
    said = folder / "tensorboard.log"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder / "tensorboard")]
    said.unlink(missing_ok=True)  # through a link it would be written elsewhere
    with said.open("x") as out:
        server = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", "0"], stdout=out, stderr=out)
    try:
        address = _wait_for_address(server, said)
        log.info(f"TensorBoard: {address}")
        yield address
    finally:
        end(server)


def end(server: subprocess.Popen) -> None:
    """End a process: it is asked to, and killed after SERVER_END_S. TensorBoard passes over a SIGTERM now and then."""
    server.terminate()
    try:
        server.wait(SERVER_END_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _wait_for_address(server: subprocess.Popen, log_file: Path) -> str:
    end = time.monotonic() + SERVER_START_S
    while time.monotonic() < end:
        # Read after poll, or the last words of a server that ends in between would be missed.
        ended = server.poll() is not None
        said = log_file.read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"http://\S+", said):
            return found.group()
        if ended:
            break
        time.sleep(0.1)
    raise ChildProcessError(
        f"TensorBoard did not start; train without --tensorboard. It said: {said.strip() or 'nothing'}"
    )
