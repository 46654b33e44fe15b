"""How much memory a packed table takes once it is read, told before it is: a few kilobytes may announce gigabytes."""

import zipfile
from pathlib import Path
from typing import Any

import pandas as pd

from data.messages import logger
from data.sources.archive_file.unpacked import too_large
from data.sources.base import TableError

log = logger(__name__)

ROW_BYTES, CELL_BYTES = 128, 32  # that a series takes at most while it is made (measured), beside its file's text
ORC_ROWS = 256  # that are unpacked at once


def refuse_large_parquet(path: Path, max_input_mb: float) -> None:
    """Raises TableError by a file's own header, and by its texts, of which each distinct one is stored once."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    meta = pq.read_metadata(path)
    groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
    cells = sum(group.column(j).num_values for group in groups for j in range(group.num_columns))
    needed = max(sum(group.total_byte_size for group in groups), meta.num_rows * ROW_BYTES + cells * CELL_BYTES)
    _refuse(needed, max_input_mb)
    texts = [name for name, kind in zip(meta.schema.names, _physical(meta), strict=True) if kind == "BYTE_ARRAY"]
    file = pq.ParquetFile(path, read_dictionary=texts)
    for name in texts:
        for i in range(meta.num_row_groups):
            for chunk in file.read_row_group(i, columns=[name]).column(0).chunks:
                if hasattr(chunk, "dictionary"):  # texts in lists have none, and are stored as often as they come
                    lengths = pc.binary_length(chunk.dictionary)
                    needed += pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0
                _refuse(needed, max_input_mb)


def _physical(meta: Any) -> list[str]:
    return [meta.schema.column(i).physical_type for i in range(meta.num_columns)]


def refuse_large_feather(path: Path, max_input_mb: float) -> None:
    """Raises TableError by the number of rows, which is told by headers alone, and then batch by batch."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    with pa.memory_map(str(path)) as stream:
        begin = stream.read(6)
        if begin.startswith(b"FEA1"):  # of the first version, which packs nothing
            return
        if begin != b"ARROW1":
            raise TableError("it is no Arrow file but a stream, or broken; pyarrow.feather.write_feather writes a file")
        columns = len(pa.ipc.open_file(stream).schema)
        _refuse(ds.dataset(path, format="feather").count_rows() * (ROW_BYTES + columns * CELL_BYTES), max_input_mb)
        reader, needed = pa.ipc.open_file(stream), 0
        for i in range(reader.num_record_batches):
            needed += reader.get_batch(i).nbytes
            _refuse(needed, max_input_mb)


def read_orc(path: Path, max_input_mb: float) -> pd.DataFrame:
    """The table of an ORC file, as `refuse_large_feather` a batch at a time: texts may be stored once for many rows."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow import orc

    file = orc.ORCFile(path)
    needed = file.nrows * (ROW_BYTES + len(file.schema) * CELL_BYTES)
    _refuse(needed, max_input_mb)
    batches, schema = [], file.schema
    for batch in ds.dataset(path, format="orc").to_batches(batch_size=ORC_ROWS, batch_readahead=0):
        needed += batch.nbytes
        _refuse(needed, max_input_mb)
        batches.append(batch)
    return pa.Table.from_batches(batches, schema).to_pandas()


def shown_sheets(path: Path) -> list[str] | None:
    """The names of the sheets of a workbook that are not hidden; None for all, also where none is shown or none can
    be hidden.
    """
    if not path.name.lower().endswith((".xlsx", ".xlsm")) or not zipfile.is_zipfile(path):
        return None
    with pd.ExcelFile(path) as file:
        book: Any = file.book  # of openpyxl
        shown = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
        hidden = [sheet.title for sheet in book.worksheets if sheet.sheet_state != "visible"]
    if shown and hidden:
        log.warning(f"{path.name}: its hidden sheets are left out: {', '.join(hidden[:5])}")
    return shown or None


def refuse_large_workbook(path: Path, max_input_mb: float) -> None:
    """Raises TableError by what a zip archive announces, and by the rectangle around the cells of any sheet.

    pandas fills that rectangle, whose far corner one stray cell may be.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        _refuse(sum(member.file_size for member in archive.infolist()), max_input_mb)
    if not path.name.lower().endswith((".xlsx", ".xlsm")):
        return
    with pd.ExcelFile(path) as file:
        book: Any = file.book  # of openpyxl
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what the sheet says of itself is no bound, and would fill up its rows
            rows = width = 0
            for rows, cells in enumerate(sheet.iter_rows(values_only=True), 1):
                width = max(width, len(cells))
                _refuse(rows * (ROW_BYTES + width * CELL_BYTES), max_input_mb)


def _refuse(n_bytes: float, max_input_mb: float) -> None:
    if told := too_large(n_bytes, max_input_mb):
        raise TableError(told)
