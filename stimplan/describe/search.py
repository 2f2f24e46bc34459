"""Protocols of the library by what they are for, their kind, their evidence, and words in them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import attrs

from stimplan.describe.plan_text import condition_text
from stimplan.describe.titles import title_of
from stimplan.errors import InputError, Problem
from stimplan.protocol import Protocol, condition_named, conditions, is_kind_of, read_protocol
from stimplan.protocol.model import WAVEFORM_OF

GRADES = ("A", "B", "C", "none")


@attrs.frozen
class Wanted:
    """What to look for; None or empty where it does not matter.

    Attributes
    ----------
    indication : str or None
        Id, name or other name of a condition; kinds of it are found too.
    modality : str or None
        Any case.
    evidence : tuple of str
        Grades, any of them.
    text : str or None
        Words that must all be in the title, the people, the purpose, the target, the therapy or the source.
    """

    indication: str | None = None
    modality: str | None = None
    evidence: tuple[str, ...] = ()
    text: str | None = None


def search_library(wanted: Wanted, among: Sequence[Protocol] | None = None) -> tuple[Protocol, ...]:
    """Protocols of the library that fit, sorted by id.

    Parameters
    ----------
    wanted : Wanted
    among : sequence of Protocol, optional
        Look only among these, for who has read them already.

    Raises
    ------
    InputError
        An unknown condition, modality or grade; the nearest known names are in the message.
    """
    from stimplan.protocol import list_protocols

    condition = None if wanted.indication is None else find_condition(wanted.indication)
    modality = None if wanted.modality is None else _one_of(wanted.modality, tuple(WAVEFORM_OF), "--modality")
    grades = [_one_of(grade, GRADES, "--evidence") for grade in wanted.evidence]
    words = (wanted.text or "").lower().split()
    found = [read_protocol(entry.id) for entry in list_protocols()] if among is None else among
    return tuple(
        protocol
        for protocol in found
        if (condition is None or (protocol.indication and is_kind_of(protocol.indication.condition, condition)))
        and (modality is None or protocol.modality == modality)
        and (not grades or (protocol.evidence is not None and protocol.evidence.grade in grades))
        and all(word in _searched(protocol) for word in words)
    )


def find_condition(words: str) -> str:
    """Id of the condition that an id, a name or another name means.

    Raises
    ------
    InputError
        None does; the message has the nearest names.
    """
    found = condition_named(words)
    if found is not None:
        return found
    names = {
        name.lower(): condition.id
        for condition in conditions().values()
        for name in (condition.id, condition.name, *condition.synonyms)
    }
    near = get_close_matches(words.lower().strip(), list(names), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(conditions())}"
    raise InputError(Problem("--indication", f"{words!r} is no known condition; {hint}"))


def _one_of(word: str, known: Sequence[str], option: str) -> str:
    by_lower = {name.lower(): name for name in known}
    if word.lower() in by_lower:
        return by_lower[word.lower()]
    near = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.5)
    hint = f"; did you mean {by_lower[near[0]]!r}?" if near else ""
    raise InputError(Problem(option, f"{word!r} is not known here; there is {', '.join(known)}{hint}"))


def _searched(protocol: Protocol) -> str:
    source, target, therapy = protocol.source, protocol.target, protocol.therapy
    parts = [
        protocol.id,
        title_of(protocol),
        condition_text(protocol),
        protocol.indication.note if protocol.indication else None,
        protocol.population,
        protocol.purpose,
        target.label if target else None,
        therapy.name if therapy else None,
        f"{source.citation} {source.doi}" if source else None,
    ]
    return " ".join(part for part in parts if part).lower()
