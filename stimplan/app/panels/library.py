"""The library: published protocols by words and kind, and protocols from a file."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.app.panels.common import Latest, lay_out, shown_problems, words
from stimplan.describe import title_of
from stimplan.describe.search import Wanted, search_library
from stimplan.errors import InputError, Problem, ProtocolError
from stimplan.protocol import Protocol, conditions, read_protocol
from stimplan.protocol.library import library_ids
from stimplan.protocol.model import WAVEFORM_OF
from stimplan.strict_json import MAX_BYTES

if TYPE_CHECKING:
    from stimplan.app.plan import Plan
    from stimplan.app.session import Session

# The whole message of the page must stay below the server's limit.
LARGEST_FILE = 800_000
_MOST_PROBLEMS = 50


@cache
def _library() -> tuple[Protocol, ...]:
    return search_library(Wanted())


def search_rows(text: str, modality: str = "") -> list[dict[str, str]]:
    """Protocols of the library that have all the words, each as a row for the page.

    Raises
    ------
    InputError
        There is no such kind of stimulation.
    """
    found = search_library(Wanted(text=text, modality=modality or None), _library())
    return [_row(protocol) for protocol in found]


def _row(protocol: Protocol) -> dict[str, str]:
    evidence, indication = protocol.evidence, protocol.indication
    condition = conditions()[indication.condition].name if indication else "no condition"
    grade = f"evidence {evidence.grade}" if evidence and evidence.grade != "none" else "evidence not graded"
    return {
        "id": protocol.id,
        "title": title_of(protocol),
        "note": " · ".join((protocol.modality, condition, grade)),
    }


def read_upload(name: str, text: str, size: int) -> Protocol:
    """A protocol from the text of an uploaded file, by the strict reader.

    Parameters
    ----------
    name : str
        For the messages.
    text : str
        As the browser decoded it.
    size : int
        Bytes of the file: another number than the text's means that it was not UTF-8.

    Raises
    ------
    ProtocolError
        Every fault with its place.
    """
    if size > min(LARGEST_FILE, MAX_BYTES):
        raise ProtocolError(_naming(name, f"has {size:,} bytes; a protocol has a few thousand"))
    if len(text.encode("utf-8", "surrogatepass")) != size or "\ufffd" in text:
        raise ProtocolError(_naming(name, "is not UTF-8; save it as UTF-8 without a byte order mark"))
    if not text.lstrip().startswith("{"):
        raise ProtocolError(_naming(name, "expected a protocol as a JSON object {…}"))
    return read_protocol(text)


def _naming(name: str, what: str) -> Problem:
    return Problem("$", f"{name[:80]} {what}")


class _Library:
    """The panel's part of the session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        state = session.state
        state.library_kinds = list(WAVEFORM_OF)
        state.library_words, state.library_modality = "", ""
        state.library_faults, state.library_file = [], ""
        state.library_largest = LARGEST_FILE
        self._search("", "")
        self._show(session.plan)
        session.on_plan(self._show)
        session.handler("library_search", Latest(session, self._search))
        session.handler("library_load", self._load)
        session.handler("library_upload", self._upload)

    def _show(self, plan: Plan, by: str = "") -> None:
        self._session.state.library_shown = plan.protocol.id

    def _search(self, text: Any, modality: Any) -> None:
        rows = search_rows(words(text, 200), words(modality, 20))
        state = self._session.state
        state.library_words, state.library_modality, state.library_rows = text, modality, rows
        state.library_count = f"{len(rows)} of {len(library_ids())} protocols"

    def _load(self, identifier: Any) -> None:
        if identifier not in library_ids():
            raise InputError(Problem("library", f"there is no protocol {str(identifier)[:60]!r}"))
        self._session.state.library_faults = []
        self._take(read_protocol(identifier), "library", by="library")

    def _upload(self, name: Any, text: Any, size: Any) -> None:
        name = words(name, 255)
        state = self._session.state
        state.library_file, state.library_faults = name, []
        try:
            protocol = read_upload(name, words(text, MAX_BYTES), size if isinstance(size, int) else -1)
        except InputError as error:
            state.library_faults = shown_problems(error)[:_MOST_PROBLEMS]
            return
        self._take(protocol, name, by="file")
        self._session.say(f"{name} is open: {title_of(protocol)}", "success")

    def _take(self, protocol: Protocol, origin: str, *, by: str) -> None:
        self._session.change(attrs.evolve(self._session.plan, protocol=protocol, origin=origin), by=by)


def build(session: Session) -> None:
    """Lay the library out."""
    _Library(session)
    lay_out("library")
