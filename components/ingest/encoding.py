"""Which encoding a text is in, and the text as a stream of UTF-8."""

from __future__ import annotations

import codecs
import io
from typing import IO, cast

from components.errors import InputError

# Each block becomes a table: larger ones take more memory, smaller ones more time.
_BLOCK_BYTES = 1 << 23
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def detect_encoding(sample: bytes, source: str) -> str:
    """Encoding of a text from its first bytes: by its byte-order mark, else UTF-8, else CP949.

    Raises:
        InputError: the bytes are no text in any of these.
    """
    for mark, encoding in _BOMS:
        if sample.startswith(mark):
            return encoding
    # A logger that lost power leaves a few zero bytes; more of them mean that this is no text.
    if sample.count(b"\x00") > len(sample) // 20:
        raise InputError(source, "this is no text file (it holds zero bytes)", "give a CSV, Excel or Parquet file")
    for encoding in ("utf-8", "cp949"):
        if _decodes(sample, encoding):
            return encoding
    raise InputError(source, "its text is neither UTF-8 nor CP949", "save the file as UTF-8 (in Excel: CSV UTF-8)")


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        # Not final: the sample may end within a character.
        codecs.getincrementaldecoder(encoding)("strict").decode(sample, final=False)
    except UnicodeDecodeError:
        return False
    return True


class Utf8Stream(io.RawIOBase):
    """Reads bytes of any encoding as UTF-8 without a byte-order mark; what can't be decoded becomes U+FFFD."""

    def __init__(self, binary: IO[bytes], encoding: str) -> None:
        super().__init__()
        self._binary = binary
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._rest = b""

    def readable(self) -> bool:
        """A stream to read from."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fills the buffer with as much as there is; 0 at the end."""
        view = memoryview(cast(bytearray, buffer)).cast("B")
        while not self._rest:
            block = self._binary.read(_BLOCK_BYTES)
            self._rest = self._decoder.decode(block, final=not block).encode()
            if not block and not self._rest:
                return 0
        part, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Closes the file beneath."""
        self._binary.close()
        super().close()
