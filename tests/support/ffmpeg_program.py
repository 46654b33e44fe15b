"""The programs ffmpeg and ffprobe as far as generators of reported inputs call them, by PyAV, where there are none."""

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BY_SUFFIX = {".gif": ("gif", "rgb8"), ".y4m": ("wrapped_avframe", "yuv420p")}
FORMATS = {".y4m": "yuv4mpegpipe", ".m2ts": "mpegts", ".ts": "mpegts"}
INSTEAD = {"libtheora": "libvpx"}  # which Ogg takes too, and every FFmpeg has
ENCODER_OPTIONS = ("g", "bf", "crf", "keyint_min", "sc_threshold")


_run = subprocess.run  # who calls `run` may have put it in its place


def run(command: list[str], **given: Any) -> subprocess.CompletedProcess:
    """subprocess.run, which computes in this process what these programs would."""
    if command[0] == "ffmpeg":
        ffmpeg(command[1:], given.get("input", b""))
        return subprocess.CompletedProcess(command, 0)
    if command[0] == "ffprobe":
        return subprocess.CompletedProcess(command, 0, ffprobe(command[1:]))
    return _run(command, **given)


def ffmpeg(words: list[str], raw: bytes) -> None:
    options, inputs = options_of(words[:-1])
    out = Path(words[-1])
    if inputs == ["-"]:
        encode(options, raw, out)
    else:
        remux(inputs, out, degrees=int(options.get("metadata:s:v:0", "rotate=0").removeprefix("rotate=")))


def options_of(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Options by name, the last one of each, and the inputs."""
    options, inputs, rest = {}, [], iter(words)
    for word in rest:
        if word == "-i":
            inputs.append(next(rest))
        elif word != "-y":
            options[word.removeprefix("-")] = next(rest)
    return options, inputs


def encode(options: dict[str, str], raw: bytes, out: Path) -> None:
    width, height = map(int, options["s"].split("x"))
    pictures = np.frombuffer(raw, np.uint8).reshape(-1, height, width)
    codec, pixels = BY_SUFFIX.get(out.suffix, (options.get("c:v", "libx264"), options["pix_fmt"]))
    codec = codec if codec in av.codecs_available else INSTEAD.get(codec, codec)
    form = options["f"] if options["f"] != "rawvideo" else FORMATS.get(out.suffix)
    encoder = {name: options[name] for name in ENCODER_OPTIONS if name in options}
    with av.open(str(out), "w", format=form) as container:
        stream = container.add_stream(codec, rate=int(options["r"]), options=encoder)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="gray")
            frame.pts, frame.time_base = i, Fraction(1, int(options["r"]))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def remux(inputs: list[str], out: Path, degrees: int) -> None:
    files = [av.open(path) for path in inputs]
    with av.open(str(out), "w") as container:
        streams = [container.add_stream_from_template(file.streams.video[0]) for file in files]
        if degrees:
            streams[0].set_display_rotation(degrees)
        for file, stream in zip(files, streams, strict=True):
            for packet in file.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)


def ffprobe(words: list[str]) -> str:
    with av.open(words[-1]) as container:
        return "".join(f"{packet.size},{packet.pos}\n" for packet in container.demux(video=0) if packet.size)
