"""Each step of the payment link beside a bare page of the same bytes: requests a second, p50, p99, processor time.

Called by `python -m bench`. Eight clients; a page and its bare twin take turns, so a disturbance meets both.
"""

from dataclasses import dataclass

from bench.desk import Desk
from bench.load import Group, Phase, Seen, drive
from bench.payer import Payer
from bench.statements import count_statements
from bench.verdict import Verdicts, table

CLIENTS = 8
ROUNDS = 4
SECONDS = 0.6
RATIO_MIN = 0.8
STATEMENTS_MAX = 5
STEPS = ("contact", "offer", "amount", "check", "agreement")


@dataclass(frozen=True)
class Page:
    """A page to measure: the request for it, and how many bytes it answers."""

    name: str
    path: str
    request: str
    weight: int


def pages_of(desk: Desk) -> tuple[list[Page], Payer]:
    """The landing page, every step and the result, each opened once by a payer; and that payer."""
    payer = Payer(desk.url)
    payer.walk_to("agreement", desk.link(desk.account_with_offers()), desk.house.nonce())
    paid = Payer(desk.url).walk_to("result", desk.link(desk.account_with_offers()), desk.house.nonce())
    root = payer.path.rpartition("/")[0]
    places = [("landing", Payer(desk.url), desk.link(desk.account_with_offers()))]
    places += [(step, payer, f"{root}/{step}") for step in STEPS]
    places.append(("result", paid, paid.path))
    found = []
    for name, person, path in places:
        weight = len(person.open(path).body.encode())
        if person.path != path:
            raise RuntimeError(f"{path} leads to {person.path}")
        found.append(Page(name, path, person.request(path), weight))
    return found, payer


def measure(desk: Desk, verdicts: Verdicts, rounds: int = ROUNDS) -> None:
    """The table of one database, and its verdicts."""
    pages, payer = pages_of(desk)
    phases = []
    for page in pages:
        phases.append(_phase(page.name, desk.port, page.request, desk.portal.pid))
        twin = f"/bare/{desk.house.organisation_id}/{payer.visit_id}/{page.weight}"
        phases.append(_phase(f"{page.name} bare", desk.bare_port, payer.request(twin), desk.bare.pid))
    statements = count_statements(desk, {page.name: page for page in pages})
    seen = drive(phases, rounds)
    for its in seen.values():
        its.only(200)
    rows: list[tuple[object, ...]] = []
    ratios, cpu = {}, {}
    for page in pages:
        ours, bare = seen[(page.name, "clients")], seen[(f"{page.name} bare", "clients")]
        ratios[page.name] = ours.per_second / bare.per_second
        cpu[page.name] = bare.cpu_ms / ours.cpu_ms
        rows.append(
            (
                page.name,
                page.weight,
                statements[page.name],
                *_figures(ours),
                *_figures(bare),
                f"{ratios[page.name]:.2f}",
                f"{cpu[page.name]:.2f}",
            )
        )
    heads: tuple[str, ...] = ("page", "bytes", "SQL", "req/s", "p50 ms", "p99 ms", "CPU ms")
    heads += ("bare req/s", "p50 ms", "p99 ms", "CPU ms", "ratio", "by CPU")
    table(f"Pages, {desk.database_name}, {CLIENTS} clients", heads, rows)
    worst = min(ratios, key=lambda name: ratios[name])
    verdicts.judge(
        ratios[worst] >= RATIO_MIN,
        f"{desk.database_name}: slowest step beside the bare page of its weight: {worst} {ratios[worst]:.2f},"
        f" goal at least {RATIO_MIN}",
    )
    dearest = min(cpu, key=lambda name: cpu[name])
    print(f"  told    by processor time, which a busy machine disturbs less, the worst is {dearest} {cpu[dearest]:.2f}")
    most = max(statements, key=lambda name: statements[name])
    verdicts.judge(
        statements[most] <= STATEMENTS_MAX,
        f"{desk.database_name}: most SQL statements: {most} {statements[most]}, goal at most {STATEMENTS_MAX} a page",
    )


def _phase(name: str, port: int, request: str, pid: int) -> Phase:
    return Phase(name, SECONDS, [Group("clients", port, CLIENTS, [request], server_pid=pid)])


def _figures(seen: Seen) -> tuple[float, float, float, float]:
    return seen.per_second, seen.percentile(0.5), seen.percentile(0.99), seen.cpu_ms
