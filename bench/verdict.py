"""Verdicts: one line for each goal, with both figures, kept for the summary. Called by every benchmark here."""

from dataclasses import dataclass, field


@dataclass
class Verdicts:
    """What was judged in this run. A missed goal is told, never raised: a time is no test."""

    lines: list[str] = field(default_factory=list)

    def judge(self, met: bool, sentence: str) -> None:
        """One goal, with the figures in the sentence."""
        line = f"{'met   ' if met else 'MISSED'}  {sentence}"
        self.lines.append(line)
        print(f"  {line}", flush=True)


def table(title: str, heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Columns wide enough for what stands in them; numbers to the right."""
    cells = [[f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(line[place]) for line in [list(heads), *cells]) for place in range(len(heads))]
    print(f"\n{title}")
    for line in [list(heads), *cells]:
        first, *rest = zip(line, widths, strict=True)
        print("  " + "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]), flush=True)
