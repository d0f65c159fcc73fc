"""From the rows of a part of a list to their verdicts, and to what they come to in the database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from worker.csv_records import Record, Reject
from worker.parts import PartPayload

from .rules import kind_of, reasons_against
from .schema import ADD_PART, ADD_VERDICTS

Effect = tuple[str, list[Any]]


@dataclass(frozen=True)
class Verdict:
    line: int
    verdict: Literal["valid", "invalid", "unchecked"]
    kind: str | None
    reasons: list[str]
    entry: Any
    """The row, or the beginning of what could not be read as one."""
    own: str | None
    """What no other row of the list may have."""


def verdicts_of(records: Sequence[Record]) -> Iterator[Verdict]:
    for record in records:
        outcome = record.outcome
        if isinstance(outcome, Reject):
            yield Verdict(outcome.line, "invalid", None, [outcome.reason], outcome.raw, None)
            continue
        kind = kind_of(outcome.values)
        if kind is None:
            reason = f"there are no rules for a list with the columns {', '.join(outcome.values)}"
            yield Verdict(outcome.line, "unchecked", None, [reason[:1_000]], outcome.values, None)
            continue
        reasons = reasons_against(kind, outcome.values)
        # Only a row that is right by itself claims the value: a broken one must not take it from it.
        own = outcome.values[kind.unique] if kind.unique and not reasons else None
        yield Verdict(outcome.line, "invalid" if reasons else "valid", kind.name, reasons, outcome.values, own)


def effects_of(part: PartPayload, records: Sequence[Record], run: str) -> list[Effect]:
    found = list(verdicts_of(records))
    rows = [
        {"line": v.line, "verdict": v.verdict, "kind": v.kind, "reasons": v.reasons, "entry": v.entry, "own": v.own}
        for v in found
    ]
    return [
        (ADD_VERDICTS, [part["file"], rows]),
        (ADD_PART, [part["file"], part["part"], len(found), run]),
    ]
