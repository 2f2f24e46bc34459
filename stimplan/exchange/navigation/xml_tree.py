"""XML with line numbers, and without anything that could reach outside the file or blow it up."""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat

import attrs

from stimplan.errors import InputError, Problem

_MAX_DEPTH = 50


@attrs.define
class Element:
    """An element: its tag, attributes, children and the line it starts on."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = attrs.Factory(list)

    def all(self, tag: str) -> Iterator[Element]:
        """Every element of that tag below this one, in the order of the file."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.all(tag)

    def child(self, tag: str) -> Element | None:
        """The first child of that tag."""
        return next((child for child in self.children if child.tag == tag), None)


def parse_xml(text: str, *, file: str) -> Element:
    """Root of an XML text.

    Raises
    ------
    InputError
        Not XML (with line and column), nested too deep, or with entities of its own.
    """
    parser = expat.ParserCreate()
    root = Element("", {}, 0)
    stack = [root]

    def fail(what: str) -> None:
        raise InputError(Problem(f"line {parser.CurrentLineNumber}", what, file=file))

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) > _MAX_DEPTH:
            fail(f"nested more than {_MAX_DEPTH} deep")
        element = Element(tag, attributes, parser.CurrentLineNumber)
        stack[-1].children.append(element)
        stack.append(element)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.EntityDeclHandler = lambda *_: fail("the file declares entities of its own, which no navigator writes")
    try:
        parser.Parse(text.encode("utf-8"), True)
    except expat.ExpatError as error:
        what = f"not XML at column {error.offset + 1}: {expat.ErrorString(error.code)}"
        raise InputError(Problem(f"line {error.lineno}", what, file=file)) from None
    except (ValueError, LookupError) as error:  # an encoding that does not exist, half of a surrogate pair
        raise InputError(Problem("", f"not XML: {error}", file=file)) from None
    return root.children[0]
