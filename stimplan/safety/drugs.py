"""Medications: recognised by ingredient code or exact name, never by a part of one; then looked up in the lists."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

import attrs

from stimplan.errors import ResourceError
from stimplan.safety.personal import finding
from stimplan.safety.screening_rules import DrugRule, Outcome, read_data
from stimplan.safety.subject import Medication, Subject
from stimplan.safety.values import Finding

SEIZURE_CLASSES = frozenset({"strong", "relative", "withdrawal"})


@attrs.frozen
class Drug:
    """An ingredient, or a group of them.

    Attributes
    ----------
    name : str
    names : tuple of str
        Its name and its synonyms.
    atc : tuple of str
        ATC codes of the ingredient (level 5).
    atc_groups : tuple of str
        Codes of whole groups (level 4), each of whose members belongs to it.
    rxnorm : str or None
    classes : tuple of (class, access)
        The lists it is on, and how far we got to each list; empty where it is on none.
    note : str or None
    """

    name: str
    names: tuple[str, ...]
    atc: tuple[str, ...]
    atc_groups: tuple[str, ...]
    rxnorm: str | None
    classes: tuple[tuple[str, str], ...]
    note: str | None


@attrs.frozen
class Match:
    """What a medication was recognised as.

    Attributes
    ----------
    drugs : tuple of Drug
        Empty where it is not recognised.
    is_conflict : bool
        Its name and its codes lead to different drugs.
    nearest : tuple of str
        Names that look alike, where the name is not known; nothing is judged by them.
    """

    drugs: tuple[Drug, ...]
    is_conflict: bool
    nearest: tuple[str, ...]

    @property
    def classes(self) -> frozenset[str]:
        """Every list that one of the drugs is on."""
        return frozenset(name for drug in self.drugs for name, _ in drug.classes)


@cache
def load_drugs() -> tuple[Drug, ...]:
    """Every drug of `safety/drugs.json`, ingredients first.

    Raises
    ------
    ResourceError
        The file is damaged.
    """
    tree = read_data("drugs.json")
    try:
        return tuple(
            Drug(
                name=raw["name"],
                names=(raw["name"], *raw["synonyms"]),
                atc=tuple(raw.get("atc", ())),
                atc_groups=tuple(raw.get("atc_groups", ())),
                rxnorm=raw.get("rxnorm"),
                classes=tuple((one["class"], one["access"]) for one in raw["classes"]),
                note=raw["note"],
            )
            for raw in (*tree["ingredients"], *tree["groups"])
        )
    except (KeyError, TypeError) as error:
        raise ResourceError(f"safety/drugs.json is damaged ({error!r}); install stimplan again") from error


def recognise(medication: Medication) -> Match:
    """The drug that a medication is, by its codes and by its exact name.

    Notes
    -----
    A name is compared after Unicode normalisation, without regard to case and to the width of blanks, with whole names
    only: neither "chlorpropamide" nor "Amitriptylin 25 mg" is found. A code that is not in the table says nothing.
    """
    by_key = [
        _by_rxnorm().get(medication.rxnorm or "", ()),
        _by_atc(medication.atc),
        _by_name().get(normalised(medication.name or ""), ()),
    ]
    found = [drugs for drugs in by_key if drugs]
    every = tuple(dict.fromkeys(drug for drugs in found for drug in drugs))
    is_conflict = any(not set(one) & set(other) for one in found for other in found)
    nearest = () if found or not medication.name else _nearest(medication.name)
    return Match(every, is_conflict, nearest)


def normalised(name: str) -> str:
    """A name without the differences that mean nothing: case, composed letters, runs of blanks, dashes."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"\s+", " ", re.sub(r"[‐-―−]", "-", text)).strip()


@cache
def _by_name() -> Mapping[str, tuple[Drug, ...]]:
    return MappingProxyType({normalised(name): (drug,) for drug in load_drugs() for name in drug.names})


@cache
def _by_rxnorm() -> Mapping[str, tuple[Drug, ...]]:
    return MappingProxyType({drug.rxnorm: (drug,) for drug in load_drugs() if drug.rxnorm})


def _by_atc(code: str | None) -> tuple[Drug, ...]:
    """Drugs with a code of level 5: the ingredient, and the groups it belongs to."""
    if code is None:
        return ()
    return tuple(drug for drug in load_drugs() if code in drug.atc or code[:5] in drug.atc_groups)


def _nearest(name: str) -> tuple[str, ...]:
    return tuple(get_close_matches(normalised(name), _by_name()))


def drug_findings(rules: tuple[DrugRule, ...], subject: Subject) -> list[Finding]:
    """Findings about the list of medications, about what is not recognised, and one for each class of drugs."""
    if subject.medications is None:
        said = "Not judged: the subject file has no list of medications ([] says none)."
        return [finding(rule, "unknown", said=said) for rule in rules if rule.only_when == "listed"]
    matched = [(one, recognise(one)) for one in subject.medications]
    found = []
    for rule in rules:
        if rule.only_when == "listed":
            count = len(matched)
            said = f"{count} listed." if count else "No medication is listed."
            found.append(finding(rule, "holds", said=said))
        elif matched:
            found += _of_rule(rule, matched)
    return found


def _of_rule(rule: DrugRule, matched: list[tuple[Medication, Match]]) -> list[Finding]:
    """One finding for the medications with the same outcome; each that is not recognised has one of its own."""
    asked = [(one, match, _OUTCOME[rule.only_when](rule, one, match)) for one, match in matched]
    if rule.only_when == "recognised":
        return [
            finding(rule, "unknown", said=_stranger(one, match), place=one.label) for one, match, out in asked if out
        ]
    found = []
    for outcome in ("broken", "unknown"):
        group = [(one, match) for one, match, out in asked if out == outcome]
        if group:
            found.append(_grouped(rule, outcome, group))
    return found or [finding(rule, "holds", said="Nothing found among the medications that are recognised.")]


def _grouped(rule: DrugRule, outcome: Outcome, group: list[tuple[Medication, Match]]) -> Finding:
    names = ", ".join(one.label for one, _ in group)
    listed = "; ".join(_listed(rule, one, match) for one, match in group)
    if outcome == "unknown":
        what = "the dose was changed" if rule.only_when == "dose-changed" else "it is being stopped"
        return finding(rule, "unknown", said=f"Not judged: whether {what} ({names}).", place=names)
    return finding(rule, "broken", said=f"{listed}: {rule.message}", place=names)


def _listed(rule: DrugRule, one: Medication, match: Match) -> str:
    """A medication with the ingredient it was recognised as, and what is to be known about its place on the list."""
    drugs = [
        drug for drug in match.drugs if rule.drug_class in ("", "seizure") or rule.drug_class in dict(drug.classes)
    ]
    names = [drug.name for drug in drugs if normalised(drug.name) != normalised(one.label)]
    notes = [drug.note for drug in drugs if drug.note and rule.drug_class in dict(drug.classes)]
    notes += ["on this list from memory" for drug in drugs if dict(drug.classes).get(rule.drug_class) == "recalled"]
    inside = [", ".join(names), *dict.fromkeys(notes)]
    words = "; ".join(part.rstrip(".") for part in inside if part)
    return f"{one.label} ({words})" if words else one.label


def _stranger(one: Medication, match: Match) -> str:
    hint = f" Names that look alike, not judged: {', '.join(match.nearest)}." if match.nearest else ""
    return f"{one.label}: not recognised, not judged. Give the name of the ingredient or its ATC code.{hint}"


def _taken(rule: DrugRule, one: Medication, match: Match) -> Outcome | None:
    return "broken" if rule.drug_class in match.classes else None


def _if_so(answer: str) -> Outcome | None:
    return {"yes": "broken", "unknown": "unknown"}.get(answer)  # type: ignore[return-value]


def _withdrawn(rule: DrugRule, one: Medication, match: Match) -> Outcome | None:
    return _if_so(one.withdrawn) if rule.drug_class in match.classes else None


def _dose_changed(rule: DrugRule, one: Medication, match: Match) -> Outcome | None:
    return _if_so(one.dose_changed) if match.classes & SEIZURE_CLASSES else None


def _recognised(rule: DrugRule, one: Medication, match: Match) -> Outcome | None:
    return None if match.drugs else "unknown"


def _agreeing(rule: DrugRule, one: Medication, match: Match) -> Outcome | None:
    return "broken" if match.is_conflict else None


_OUTCOME: Mapping[str, Callable[[DrugRule, Medication, Match], Outcome | None]] = {
    "taken": _taken,
    "withdrawn": _withdrawn,
    "dose-changed": _dose_changed,
    "recognised": _recognised,
    "agreeing": _agreeing,
}
