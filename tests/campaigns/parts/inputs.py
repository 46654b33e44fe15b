"""One small input of each kind that prep reads: {kind: files as (name, content)}."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from PIL import Image

from tests.support.fits_files import counts, fits_bytes, header, write_tar
from tests.support.videos import write_video

N = 12
TIMES = np.datetime64("2024-01-01T00:00:00") + 60 * np.arange(N)
TABLE = pd.DataFrame({"time": TIMES.astype(str), "v": np.sin(np.arange(N)), "w": np.arange(N) * 2.0})
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
BOOK = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
}


def csv(path: Path) -> None:
    TABLE.to_csv(path, index=False)


def parquet(path: Path) -> None:
    TABLE.to_parquet(path)


def feather(path: Path) -> None:
    TABLE.to_feather(path)


def jsonl(path: Path) -> None:
    TABLE.to_json(path, orient="records", lines=True)


def xlsx(path: Path) -> None:
    rows = [TABLE.columns.tolist(), *TABLE.to_numpy().tolist()]
    cells = ["".join(_cell(value) for value in row) for row in rows]
    sheet = SHEET.format("".join(f"<row>{row}</row>" for row in cells))
    with zipfile.ZipFile(path, "w") as book:
        for name, text in (BOOK | {"xl/worksheets/sheet1.xml": sheet}).items():
            book.writestr(name, text)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"<c><v>{value!r}</v></c>"
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def npz(path: Path) -> None:
    np.savez(path, time=TIMES, v=TABLE["v"].to_numpy())


def npy(path: Path) -> None:
    np.save(path, TABLE[["v", "w"]].to_numpy())


def h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["v"] = TABLE["v"].to_numpy()
        file["w"] = TABLE["w"].to_numpy()


def fits(path: Path) -> None:
    path.write_bytes(fits_bytes(counts(0), header(0.0, 171)))


def plain_fits(path: Path) -> None:
    path.write_bytes(fits_bytes(counts(0), header(0.0, 304), "primary"))


def tar(path: Path) -> None:
    write_tar(path, {f"{i}.fits": fits_bytes(counts(i), header(12.0 * i, 193)) for i in range(4)})


def tgz(path: Path) -> None:
    write_tar(path, {f"{i}.fits": fits_bytes(counts(i), header(12.0 * i, 211)) for i in range(4)}, "w:gz")


def pictures_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(4):
            archive.writestr(f"{i}.png", picture(i, "png"))


def picture(i: int, form: str) -> bytes:
    """A picture of 16 x 12 pixels."""
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(i).integers(0, 255, (12, 16), np.uint8)).save(stream, form)
    return stream.getvalue()


def png(path: Path) -> None:
    path.write_bytes(picture(0, "png"))


def jp2(path: Path) -> None:
    path.write_bytes(picture(0, "jpeg2000"))


def tif(path: Path) -> None:
    path.write_bytes(picture(0, "tiff"))


def bmp(path: Path) -> None:
    path.write_bytes(picture(0, "bmp"))


def gif(path: Path) -> None:
    first, *others = (Image.open(io.BytesIO(picture(i, "png"))) for i in range(4))
    first.save(path, save_all=True, append_images=others)


def mp4(path: Path) -> None:
    write_video(path, 6)


def mkv(path: Path) -> None:
    write_video(path, 6)


KINDS: dict[str, Callable[[Path], None]] = {
    "csv": csv, "parquet": parquet, "feather": feather, "jsonl": jsonl, "xlsx": xlsx, "npz": npz, "npy": npy, "h5": h5,
    "fits": fits, "plain.fits": plain_fits, "tar": tar, "tgz": tgz, "zip": pictures_zip, "png": png, "jp2": jp2,
    "tif": tif, "bmp": bmp, "gif": gif, "mp4": mp4, "mkv": mkv,
}  # fmt: skip


def write_all(folder: Path) -> dict[str, Path]:
    """A sample of each kind: {kind: file}."""
    folder.mkdir()
    for kind, write in KINDS.items():
        write(folder / f"sample.{kind}")
    return {kind: folder / f"sample.{kind}" for kind in KINDS}
