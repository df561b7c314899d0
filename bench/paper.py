"""A receipt as tagged PDF: with the compiler that a worker keeps, beside a fresh one; and beside weasyprint if there.

Called by `python -m bench`. The ways take turns; the first sheet of each is not counted.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench.verdict import Verdicts, table
from portal.app import TEMPLATES, TRANSLATIONS
from portal.delivery.paper import Paper
from portal.domain.document import ReceiptFacts

SHEETS = 15
KEPT_MS_MAX = 25
WEASYPRINT_RATIO_MIN = 4
FACTS = ReceiptFacts(
    organisation_name="Harbor Receivables",
    customer_name="Maria Lopez",
    account_reference="HR-20417",
    receipt_number="7K3M-9QXT-2FHC",
    confirmation="8X4K2MZP",
    amount_cents=123_456,
    paid_at=datetime(2026, 11, 2, 15, 0, tzinfo=UTC),
    time_zone="America/New_York",
    card_brand="Visa",
    card_last4="4242",
    balance_left_cents=50_000,
    settled=True,
    organisation_color="#0b6e5f",
    help_phone="(212) 555-0100",
    help_email="help@harbor.example",
    help_hours="Monday to Friday, 9 a.m. to 5 p.m.",
)


def measure(verdicts: Verdicts) -> None:
    """Milliseconds a sheet, by way."""
    kept = Paper(TEMPLATES, TRANSLATIONS)
    ways: dict[str, Callable[[], object]] = {
        "compiler kept": lambda: kept.receipt(FACTS, "en"),
        "compiler made anew": lambda: Paper(TEMPLATES, TRANSLATIONS).receipt(FACTS, "en"),
    }
    if importlib.util.find_spec("weasyprint"):
        ways["weasyprint, plain page"] = _weasyprint()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(SHEETS + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if turn:
                times[name].append(1000 * (time.perf_counter() - began))
    middle = {name: statistics.median(each) for name, each in times.items()}
    first = middle["compiler kept"]
    rows = [(name, middle[name], max(each), f"{middle[name] / first:.1f}") for name, each in times.items()]
    table("A receipt on paper", ("way", "median ms", "most ms", "ratio"), [tuple(row) for row in rows])
    anew = middle["compiler made anew"]
    verdicts.judge(
        first <= KEPT_MS_MAX,
        f"a receipt takes {first:.1f} ms with the compiler kept, {anew:.1f} ms with a fresh one"
        f" ({anew / first:.1f} times), goal at most {KEPT_MS_MAX} ms",
    )
    if "weasyprint, plain page" in middle:
        other = middle["weasyprint, plain page"]
        verdicts.judge(
            other >= WEASYPRINT_RATIO_MIN * first,
            f"weasyprint takes {other:.1f} ms, {other / first:.1f} times as long,"
            f" goal at least {WEASYPRINT_RATIO_MIN} times",
        )


def _weasyprint() -> Callable[[], object]:
    """The same facts as an HTML page, for whoever has it installed; it is no requirement of ours."""
    weasyprint = importlib.import_module("weasyprint")
    facts = [(name, str(getattr(FACTS, name))) for name in ReceiptFacts.__slots__]
    rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts)
    return lambda: weasyprint.HTML(string=f"<h1>Receipt</h1><table>{rows}</table>").write_pdf(pdf_variant="pdf/ua-1")
