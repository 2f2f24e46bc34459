"""The bytes of a .msh file and a place in them: numbers are taken only after they are known to be there."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NoReturn

import attrs
import numpy as np
from numpy.typing import DTypeLike, NDArray

from stimplan.errors import HeadError, Problem

# No line of the format's text parts (names, counts, field titles) comes near this.
LONGEST_LINE = 4096
# Text is turned into numbers in pieces of this many bytes, so that memory stays bounded.
_PIECE = 1 << 23

_BLANK = b" \t\r\n"
_WORD = re.compile(rb"\S+")
_WHOLE = re.compile(rb"[+-]?\d+\Z")
_REAL = re.compile(rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)\Z", re.IGNORECASE)

# First bytes of files that are met under the name .msh, and what to do about them.
_FOREIGN = (
    (b"\x1f\x8b", "is compressed with gzip; unpack it first (gunzip)"),
    (b"PK\x03\x04", "is a zip archive; unpack it first"),
    (b"BZh", "is compressed with bzip2; unpack it first"),
    (b"\x89HDF", "is an HDF5 file, such as a lead field, not a gmsh mesh"),
    (b"\xef\xbb\xbf", "starts with a byte order mark, which gmsh does not write; save it without one"),
    (b"$NOD", "is a gmsh mesh of version 1; open it in gmsh and save it as version 2.2 or 4.1"),
    (b"version https://git-lfs", "is a pointer of git-lfs, not the mesh itself; fetch it with `git lfs pull`"),
)


@attrs.define(eq=False)
class Source:
    """An open .msh file.

    Attributes
    ----------
    name : str
        The file's name, for messages.
    data : mmap or bytes
    at : int
        Where reading goes on.
    is_binary : bool
    order : "<" or ">"
        Byte order of a binary file.
    section : str
        The section being read, for messages.
    """

    name: str
    data: mmap.mmap | bytes
    at: int = 0
    is_binary: bool = False
    order: Literal["<", ">"] = "<"
    section: str = ""

    def fail(self, what: str, *, at: int | None = None) -> NoReturn:
        """Refuse the file: what is wrong, at the place reached or at byte `at`."""
        raise HeadError(Problem(self.place(at), what, file=self.name))

    def place(self, at: int | None = None) -> str:
        """The section, and the line of a text or the byte of a binary file."""
        at = self.at if at is None else at
        spot = f"byte {at}" if self.is_binary else f"line {self._line_number(at)}"
        return ", ".join(part for part in (self.section, spot) if part)

    def _line_number(self, at: int) -> int:
        pieces = range(0, min(at, len(self.data)), _PIECE)
        return 1 + sum(self.data[start : min(start + _PIECE, at)].count(b"\n") for start in pieces)

    @property
    def left(self) -> int:
        """Bytes that follow."""
        return len(self.data) - self.at

    def skip_blank(self) -> None:
        """Go past blanks and line ends."""
        while True:
            piece = self.data[self.at : self.at + LONGEST_LINE]
            step = len(piece) - len(piece.lstrip(_BLANK))
            self.at += step
            if not piece or step < len(piece):
                return

    def line(self, what: str) -> str:
        """The next line, without its end; `what` names it in the message if there is none."""
        end = self.data.find(b"\n", self.at, self.at + LONGEST_LINE)
        if end < 0 and self.left >= LONGEST_LINE:
            self.fail(f"expected {what}, found a line of more than {LONGEST_LINE} bytes")
        end = len(self.data) if end < 0 else end
        if end == self.at == len(self.data):
            self.fail(f"expected {what}, but the file ends here: it is cut off; copy or export it again")
        text = self.data[self.at : end].decode("utf-8", errors="replace").strip()
        self.at = min(end + 1, len(self.data))
        return text

    def whole(self, what: str) -> int:
        """The next line as one whole number that is not negative."""
        at = self.at
        text = self.line(what)
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            self.fail(f"expected {what} as one whole number, got {text[:40]!r}", at=at)
        return int(text)

    def open_section(self) -> str | None:
        """Name of the section that begins here, `Nodes` for `$Nodes`; None at the end of the file."""
        self.section = ""
        self.skip_blank()
        if not self.left:
            return None
        at = self.at
        text = self.line("the start of a section")
        if not re.fullmatch(r"\$[A-Za-z]{1,60}", text):
            self.fail(f"expected a section ($Nodes, $Elements, …), found {text[:40]!r}", at=at)
        if text.startswith("$End"):
            self.fail(f"found {text} without its ${text[4:]}", at=at)
        self.section = text
        return text[1:]

    def close_section(self, content: str) -> None:
        """Go past the end of the section; `content` says what was read of it."""
        self.skip_blank()
        end = f"$End{self.section[1:]}".encode()
        found = self.data[self.at : self.at + len(end)]
        if found != end:
            gone = "the file ends" if not self.left else f"found {self.data[self.at : self.at + 24]!r}"
            self.fail(
                f"expected {end.decode()} after {content}, but {gone}: the counts are wrong or the file is damaged"
            )
        self.at += len(end)

    def skip_section(self) -> None:
        """Go past a section that is not read."""
        end = f"$End{self.section[1:]}".encode()
        found = self.data.find(end, self.at)
        if found < 0:
            self.fail(f"has no {end.decode()}: the file is cut off or damaged; copy or export it again")
        self.at = found + len(end)

    def need(self, count: int, size: int, what: str) -> None:
        """Refuse a count of things of at least `size` bytes each that the rest of the file cannot hold."""
        if count * size > self.left:
            self.fail(
                f"says {count} {what}, which take at least {count * size} bytes, but only {self.left} bytes follow: "
                "the file is cut off or the count is wrong"
            )

    def take(self, dtype: DTypeLike, count: int, what: str) -> NDArray[Any]:
        """View of the next `count` items of a binary file, in its byte order."""
        item = np.dtype(dtype).newbyteorder(self.order)
        self.need(count, item.itemsize, what)
        values = np.frombuffer(self.data, dtype=item, count=count, offset=self.at)
        self.at += count * item.itemsize
        return values

    def numbers(self, dtype: DTypeLike) -> Iterator[NDArray[Any]]:
        """Numbers of a text section from here to its end, in pieces."""
        stop = self.data.find(b"$", self.at)
        if stop < 0:
            self.fail(f"has no $End{self.section[1:]}: the file is cut off or damaged; copy or export it again")
        while self.at < stop:
            end = min(self.at + _PIECE, stop)
            if end < stop:  # not through the middle of a number
                tail = self.data[end : min(end + LONGEST_LINE, stop)]
                match = re.search(rb"\s", tail)
                end += match.start() if match else len(tail)
            yield self._numbers(self.data[self.at : end], np.dtype(dtype))
            self.at = end

    def _numbers(self, text: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
        if not text.strip():
            return np.zeros(0, dtype)
        try:
            values = np.fromstring(text, dtype=dtype, sep=" ")
        except (ValueError, DeprecationWarning):  # older numpy warns instead
            values = np.zeros(0, dtype)
        solid = np.frombuffer(text, np.uint8) > 32
        words = int(np.count_nonzero(solid[1:] & ~solid[:-1])) + int(solid[0])
        if len(values) != words:  # also where numpy reads "1.2.3" as two numbers
            self._refuse_word(text, dtype)
        return values

    def _refuse_word(self, text: bytes, dtype: np.dtype[Any]) -> NoReturn:
        """Refuse the first word that is not a number."""
        fits, kind = (_WHOLE, "whole number") if dtype.kind in "iu" else (_REAL, "number")
        bad = next((word for word in _WORD.finditer(text) if not fits.match(word[0])), None)
        if bad is None:
            self.fail("holds bytes that are neither numbers nor blanks: the file is damaged")
        self.fail(f"expected a {kind}, got {bad[0][:40].decode('utf-8', 'replace')!r}", at=self.at + bad.start())


def open_source(path: Path) -> Source:
    """Open a .msh file; it is mapped, not loaded.

    Raises
    ------
    HeadError
        There is no such file, it cannot be read, is empty, or is recognised as something else.
    """
    if not path.is_file():
        what = "is a folder, not a .msh file" if path.is_dir() else "there is no such file"
        raise HeadError(Problem("", what, file=str(path)))
    try:
        with path.open("rb") as handle:
            size = handle.seek(0, 2)
            data = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise HeadError(Problem("", f"cannot be read ({error.strerror})", file=str(path))) from None
    source = Source(path.name, data)
    if not size:
        raise HeadError(Problem("", "is empty", file=path.name))
    start = data[:32]
    for magic, what in _FOREIGN:
        if start.startswith(magic):
            raise HeadError(Problem("", what, file=path.name))
    return source
