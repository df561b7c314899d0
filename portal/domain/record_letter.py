"""The facts of a letter that says on paper what an email says, for whoever wants records on paper, as plain values."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RecordLetter:
    """A letter: whose, to whom, and its paragraphs, each of one or more lines."""

    subject: str
    paragraphs: tuple[str, ...]
    organisation_name: str
    organisation_color: str
    contact: tuple[str, ...]
    addressee: tuple[str, ...]
    written_at: datetime
    time_zone: str
    check_code: str | None = None
    check_url: str | None = None
