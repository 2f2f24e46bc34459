"""What a run's report says although no rule judges it."""

from __future__ import annotations

import attrs

from stimplan.head.lesion import lesion_notices
from stimplan.head.space import has_mni
from stimplan.head.tissues import in_words
from stimplan.protocol import Block
from stimplan.runs.result import RunResult


def with_notices(result: RunResult) -> RunResult:
    """The result, whose report says what no rule judges: lesions, sizes that are another head's, what was assumed."""
    sentences = lesion_notices(result.head) + _placement_notices(result)
    target = result.protocol.target
    if target is not None and target.mni_m is not None and result.target_metrics is None:
        sentences += (f"The target, {target.label}, {_why_no_target(result)}: no field is given for it.",)
    return attrs.evolve(result, report=attrs.evolve(result.report, not_judged=(*result.report.not_judged, *sentences)))


def _placement_notices(result: RunResult) -> tuple[str, ...]:
    if result.coil is None:
        return tuple(getattr(result.placement, "notices", ()))
    found: list[str] = []
    if result.coil.stand_in is not None:
        found.append(result.coil.stand_in.sentence)
        if result.subject is not None and not result.coil.stand_in.is_near:
            found.append(
                f"No figure of the field here is that of {result.subject.id}: it is that of a stand-in, not of the "
                "coil this person is treated with; give that one with --coil."
            )
    for block in result.coil.blocks:
        name = f"{block.label}: " if len(result.coil.blocks) > 1 else ""
        if block.drive.basis != "protocol":
            found.append(f"{name}{block.drive.sentence}")
        found += [f"{name}{note}." for note in block.pose.notices]
        if result.protocol.magnetic is not None:
            found += _other_pulses(name, result.protocol.magnetic.blocks[block.number - 1])
    return tuple(found)


def _other_pulses(name: str, block: Block) -> list[str]:
    """That pulses of the stimulus have other intensities than the block's, for which the field is given."""
    stimulus = block.timing.stimulus
    if stimulus.intensities and any(one is not None for one in stimulus.intensities):
        return [
            f"{name}the field is that of the block's intensity; pulses of the stimulus have intensities of their own."
        ]
    if set(stimulus.relative_intensities) - {1.0}:
        sizes = ", ".join(f"{one:g}" for one in stimulus.relative_intensities)
        return [f"{name}the field is that of the block's intensity; the pulses have {sizes} times that field."]
    return []


def _why_no_target(result: RunResult) -> str:
    """Why nothing was measured at a target that has a position."""
    if not has_mni(result.head):
        return "is a place in MNI space, to which this head has no way"
    if result.coil is not None:
        return "is far from the coil, or nothing of it is left in this head"
    return f"has no {in_words(result.tissue)} left in this head"
