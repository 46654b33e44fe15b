"""A net of PyTorch as ONNX."""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch._dynamo.exc import UserError
from torch.overrides import TorchFunctionMode

from models.parts.separate import Part


def median_by_comparing(x: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """torch.median(x, dim), which ONNX has not: the lower one of two in the middle, and its place.

    By a sorting network, of which only what leads to the middle is computed: a tenth of the time of ONNX's sorting.
    """
    middle, rows = (x.shape[dim] - 1) // 2, list(x.split(1, dim))
    for i, j in comparators(len(rows), middle):
        rows[i], rows[j] = torch.minimum(rows[i], rows[j]), torch.maximum(rows[i], rows[j])
    return _kept(rows[middle], x.argsort(dim).narrow(dim, middle, 1), dim, keepdim)


def comparators(n: int, wanted: int) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of n rows: exchanged in this order where they are not, they put `wanted` where it belongs.

    Source: Batcher's odd-even merge sort (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M).
    """
    network, merged = [], 1
    while merged < n:
        step = merged
        while step:
            firsts = [j + i for j in range(step % merged, n - step, 2 * step) for i in range(min(step, n - j - step))]
            network += [(i, i + step) for i in firsts if i // (2 * merged) == (i + step) // (2 * merged)]
            step //= 2
        merged *= 2
    needed, kept = {wanted}, []
    for pair in reversed(network):
        if needed.intersection(pair):
            needed.update(pair)
            kept.append(pair)
    return kept[::-1]


def nanmedian_by_sorting(x: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """torch.nanmedian(x, dim); NaN where nothing else is."""
    known = ~x.isnan()
    count = known.sum(dim, keepdim=True)
    values, places = torch.where(known, x, torch.inf).sort(dim)
    middle = ((count - 1) // 2).clamp(min=0)
    found = torch.where(count > 0, values.gather(dim, middle), torch.nan)
    return _kept(found, places.gather(dim, middle), dim, keepdim)


def cummax_by_table(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """torch.cummax(x, dim) of integers, by a table of all pairs of places; of equal ones the place is the first."""
    values = x.movedim(dim, -1)
    n = values.shape[-1]
    later = torch.ones(n, n, dtype=torch.bool).triu(1)  # [i, j]: j comes after i
    table = torch.where(later, torch.iinfo(x.dtype).min, values.unsqueeze(-2))
    found, places = table.max(-1)
    return found.movedim(-1, dim), places.movedim(-1, dim)


def cummin_by_table(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """torch.cummin(x, dim) of integers; see `cummax_by_table`."""
    values, places = cummax_by_table(-x, dim)
    return -values, places


def rfft_by_table(x: Tensor, dim: int) -> Tensor:
    """torch.fft.rfft(x, dim=-1), as products with waves: OpenVINO 2026.4 reads ONNX's own along another axis."""
    assert dim == -1
    T = x.shape[-1]
    # Whole turns are left out while numbers are exact, and waves are made by NumPy, whose results the trace holds.
    turns = 2 * np.pi / T * (np.arange(T)[:, None] * np.arange(T // 2 + 1) % T)
    return torch.complex(*(x @ torch.tensor(part).to(x.dtype) for part in (np.cos(turns), -np.sin(turns))))


def _kept(values: Tensor, places: Tensor, dim: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    return (values, places) if keepdim else (values.squeeze(dim), places.squeeze(dim))


class Rewriting(TorchFunctionMode):
    """Within it, what the exporter of ONNX does not know is computed in other ways, so that no trace has it."""

    others: ClassVar[dict[Callable, Callable]] = {
        Tensor.median: median_by_comparing,
        Tensor.nanmedian: nanmedian_by_sorting,
        Tensor.cummax: cummax_by_table,
        Tensor.cummin: cummin_by_table,
        torch.fft.rfft: rfft_by_table,
    }

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        found = self.others.get(func, func)(*args, **(kwargs or {}))
        is_pair = func in self.others and isinstance(found, tuple)
        return getattr(torch.return_types, func.__name__)(found) if is_pair else found


def as_onnx(net: nn.Module, shape: tuple[int, ...], outputs: Sequence[str] = ("reconstruction",)) -> bytes:
    """A file of ONNX for windows of this shape (C, T, H, W): any number of them, or one where the net needs it."""
    try:
        return _traced(net, {"windows": torch.rand(2, *shape)}, outputs, ({0: torch.export.Dim.DYNAMIC},))
    except UserError:  # it computes with the number of windows
        return _traced(net, {"windows": torch.rand(1, *shape)}, outputs, (None,))


def part_as_onnx(part: Part) -> bytes:
    """A file of ONNX for one of several nets, with inputs of any size where it is free."""
    return _traced(part.net, part.inputs, [part.output], tuple(part.free.values()))


def _traced(net: nn.Module, examples: dict[str, Tensor], outputs: Sequence[str], free: tuple[Any, ...]) -> bytes:
    """The file for inputs like the examples; free: what may have another size, by axis, of each."""
    with quietly("torch.onnx", "onnxscript", "onnx_ir"), torch.no_grad():
        given = tuple(examples.values())
        with Rewriting():
            program = torch.export.export(net.eval(), given, dynamic_shapes=free)
        made = torch.onnx.export(
            program, given, dynamo=True, verbose=False, input_names=list(examples), output_names=list(outputs)
        )
    assert made is not None  # nothing was asked to be written to a file
    return made.model_proto.SerializeToString()


@contextmanager
def quietly(*names: str) -> Iterator[None]:
    """Without warnings, and what these loggers tell of the insides of libraries."""
    loud, silent = [logging.getLogger(name) for name in names], logging.NullHandler()
    levels = [each.level for each in loud]
    for each in loud:
        each.setLevel(logging.ERROR)
        each.addHandler(silent)  # of a root logger without any, logging makes one that stays
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(loud, levels, strict=True):
            each.setLevel(level)
            each.removeHandler(silent)
