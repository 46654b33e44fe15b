"""Scored frames of a piece of a reel's timeline, kept in a shard's folder until the reel is joined.

    .shards/<i>-of-<n>/<reel>/<first>-<last>/
        piece.json      which frames of which reel, by which model and settings; digests
        index.npy       (n,) the frames that have a score
        residual.npy    (n, H, W)
        expected.npy    (n, C, H, W), of a scorer that expects a frame
        common.npy      (n,) float64, what the camera did to each

What a scorer says of a frame is all that is kept. What is found in it (boxes, events, what the camera did) depends on
frames before, and is found once, by the joining, in the way of an evaluation without shards.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

import numpy as np

from config import EvalConfig
from data.disk.damage import read_json, told
from data.disk.digests import check_file, files_of, with_digest
from data.disk.files import replacing_folder, write_json
from data.disk.reserve import reserved_array
from data.frames.sharing.shard import NAME, SHARDS, Shard
from data.messages import progress
from data.reel.reel import Reel
from inference.camera.watched import WatchedStretch
from inference.job import Job
from inference.scorers.nets.residual import ScoredFrame
from inference.shards.plan import Piece, pieces_of

FACTS, ARRAYS = "piece.json", ("index.npy", "residual.npy", "expected.npy", "common.npy")
AGAIN = "remove it, and run -m eval --shard I/N again"


def score_piece(job: Job, piece: Piece, shard: Shard) -> None:
    """Score the frames of a piece, if they are not there."""
    place = place_of(job, piece, shard)
    if is_there(job, piece, place):
        return
    with replacing_folder(place) as making:
        watched = WatchedStretch(job.reel, piece.begin, job.bounds, job.scorer.scaling)
        frames = job.scorer.part(watched.as_reel(), piece.begin, piece.end, piece.first, piece.last, job.settings)
        about = {"total": piece.last - piece.first, "desc": f"scoring {job.reel.name}", "unit": "frame"}
        keep(progress(frames, **about), piece.last - piece.first, making)
        facts = identity_of(job, piece) | {"files": files_of(making, ARRAYS)}
        write_json(making / FACTS, with_digest(facts))


def keep(given: Iterable[ScoredFrame], most: int, folder: Path) -> None:
    """Write at most so many scored frames to a folder. Raises OSError where they have no room."""
    frames = iter(given)
    if (first := next(frames, None)) is None:
        np.save(folder / "index.npy", np.empty(0, np.int64))
        return
    kept = {"residual": first.residual, "common": np.float64(first.common)}
    kept |= {} if first.reconstruction is None else {"expected": first.reconstruction}
    arrays = {name: reserved_array(folder / f"{name}.npy", a.dtype, (most, *a.shape)) for name, a in kept.items()}
    index = []
    for i, frame in enumerate(chain([first], frames)):
        index.append(frame.index)
        arrays["residual"][i], arrays["common"][i] = frame.residual, frame.common
        if frame.reconstruction is not None:
            arrays["expected"][i] = frame.reconstruction
    for array in arrays.values():
        array.flush()
    np.save(folder / "index.npy", np.array(index, np.int64))


def place_of(job: Job, piece: Piece, shard: Shard) -> Path:
    """The folder that a piece of a reel is written to: of a shard, by the first and last frame."""
    return shard.folder(job.run / "eval") / job.reel.name / f"{piece.first}-{piece.last}"


def identity_of(job: Job, piece: Piece) -> dict:
    """What decides the frames of a piece; the size of batches decides their last bits."""
    plain = {"job": job.identity, "batch_size": job.settings.batch_size, "piece": asdict(piece)}
    return json.loads(json.dumps(plain))


def is_there(job: Job, piece: Piece, place: Path) -> bool:
    """Whether a piece was scored for this job, in whole."""
    if not (place / FACTS).is_file():
        return False
    found = read_json(place / FACTS, AGAIN)
    return {name: found.get(name) for name in ("job", "batch_size", "piece")} == identity_of(job, piece)


def joined(job: Job) -> Job | None:
    """The job with the frames that shards have scored in place of its scorer's; None where some are not there."""
    shards = sorted({int(name[2]) for path in job.run.glob(f"eval/{SHARDS}/*") if (name := NAME.fullmatch(path.name))})
    for of in shards:
        shares = enumerate(pieces_of(job.reel, job.scorer, of, job.settings), 1)
        placed = [(piece, place_of(job, piece, Shard(i, of))) for i, share in shares for piece in share]
        if placed and all(is_there(job, piece, place) for piece, place in placed):
            return replace(job, frames=KeptFrames(job, placed))
    return None


class KeptFrames:
    """In place of a scorer's `frames`: what shards have kept of a reel."""

    def __init__(self, job: Job, placed: Sequence[tuple[Piece, Path]]):
        self.scorer, self.placed = job.scorer, placed

    def __call__(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Iterator[ScoredFrame]:
        """Every frame of the stretch [begin, end), in time order."""
        for piece, place in self.placed:
            if piece.begin == begin:
                yield from self._of(reel, place)

    def _of(self, reel: Reel, place: Path) -> Iterator[ScoredFrame]:
        with told(place, AGAIN):
            files = read_json(place / FACTS, AGAIN)["files"]
            for name, known in files.items():
                check_file(place / name, known)
            arrays = {name: np.load(place / name, mmap_mode="r", allow_pickle=False) for name in files}
        for i, index in enumerate(arrays["index.npy"].tolist()):
            frame, valid = self.scorer.shown(reel, index)
            expected = np.array(arrays["expected.npy"][i]) if "expected.npy" in arrays else None
            residual, common = np.array(arrays["residual.npy"][i]), float(arrays["common.npy"][i])
            yield ScoredFrame(index, frame, expected, residual, valid, common)
