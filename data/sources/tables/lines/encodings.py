"""How the bytes of a text stand for its letters: by its mark, its zeros, UTF-8, or the words for time in it."""

import codecs
import re

FALLBACK = "cp1252"  # of text that is neither UTF-8, nor holds a word for time in another encoding
# The mark of UTF-32 begins as that of UTF-16 does.
BOMS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
BOMS |= {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Words that stand above times, or in them; what is read in another encoding holds none of them.
_WORDS = {
    "gb18030": re.compile(r"时间|日期|时刻|\d年\d+月"),
    "cp932": re.compile(r"日時|日付|時刻|時間|\d年\d+月|年月日"),
    "big5": re.compile(r"時間|日期|\d年\d+月"),
    "cp949": re.compile(r"시간|날짜|일시|시각|\d년 ?\d+월"),
    "cp1251": re.compile(r"дата|время", re.IGNORECASE),
}
_MOST_BYTES = 4096  # of the begin, where names stand


def encoding_of(sample: bytes) -> str:
    """How the begin of a text is written."""
    for mark, encoding in BOMS.items():
        if sample.startswith(mark):
            return encoding
    zeros = [sample[i::2].count(0) for i in (0, 1)]
    if max(zeros) > 0.4 * len(sample) / 2 and min(zeros) < 0.1 * max(zeros):
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return "utf-8" if _decoded(sample, "utf-8") is not None else _by_words(sample)


def is_guessed(encoding: str) -> bool:
    """Whether an encoding was taken for want of another, so that what it does not know is replaced, and said."""
    return encoding == FALLBACK or encoding in _WORDS


def _by_words(sample: bytes) -> str:
    begin = sample[:_MOST_BYTES]
    texts = ((encoding, words, _decoded(begin, encoding)) for encoding, words in _WORDS.items())
    return next((encoding for encoding, words, text in texts if text is not None and words.search(text)), FALLBACK)


def _decoded(sample: bytes, encoding: str) -> str | None:
    """The text of a begin, whose last letter may be cut; None where it is written otherwise."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return None
