"""Forms: each item answered yes, no or unknown, and compared with the rest of the subject file."""

from __future__ import annotations

from stimplan.protocol.conditions import conditions, is_kind_of
from stimplan.safety.implants import group_of
from stimplan.safety.personal import finding, sentence
from stimplan.safety.screening_rules import FormItem
from stimplan.safety.subject import Subject
from stimplan.safety.values import Finding


def form_findings(items: tuple[FormItem, ...], subject: Subject) -> list[Finding]:
    """One finding for each item of the forms that belong to the stimulation."""
    return [_judged(item, subject) for item in items]


def _judged(item: FormItem, subject: Subject) -> Finding:
    given = subject.answer_to(item.form, item.item)
    noted = f" Noted: {sentence(given.detail)}" if given.detail else ""
    fact = _fact(item, subject)
    match given.answer:
        case "yes":
            missing = "" if given.detail else f" Nothing is noted about it ({item.hint})." if item.hint else ""
            if (item.implants or item.fact == "medications") and fact == "":
                missing += " The list of the subject file names none: what is not listed is not judged."
            return finding(item, "broken", said=f"Yes to item {item.item}: {item.message}{noted}{missing}")
        case "no" if fact:
            said = f"Item {item.item} is answered no, but the subject file lists {fact}: correct one of them."
            return finding(item, "broken", said=said + noted)
        case "no":
            return finding(item, "holds", said=f"No to item {item.item}.{noted}")
    return finding(item, "unknown", said=f"Not judged: item {item.item} is not answered.{noted} {item.text}")


def _fact(item: FormItem, subject: Subject) -> str:
    """What the rest of the subject file holds that is a yes to this item, in words; "" where there is nothing."""
    found = [implant.kind for implant in subject.implants or () if group_of(implant.kind) in item.implants]
    found += [
        one.id for one in subject.conditions or () if any(is_condition(one.id, wanted) for wanted in item.conditions)
    ]
    if item.fact == "medications":
        found += [medication.label for medication in subject.medications or ()]
    elif item.fact == "pregnant" and subject.pregnant == "yes":
        found.append("a pregnancy")
    elif item.fact == "hearing_problem" and subject.hearing_problem == "yes":
        found.append("a hearing problem")
    return ", ".join(found)


def is_condition(condition: str, wanted: str) -> bool:
    """Whether a condition is the wanted one or belongs to it; ids of this folder have no parents."""
    return condition == wanted or (condition in conditions() and is_kind_of(condition, wanted))
