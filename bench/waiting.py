"""What other people's pages lose while some wait for a slow gateway, send their forms slowly, or all write at once.

Called by `python -m bench`. The same page is asked for alone and in company, in turns; the ratio is what is kept.
"""

from concurrent.futures import ThreadPoolExecutor

from bench.desk import Desk
from bench.load import Group, Phase, Seen, drive
from bench.payer import Payer
from bench.verdict import Verdicts, table
from portal.storage import account
from portal.usecases import agreement, checkout, contact, visit
from portal.usecases.checkout import Choice
from portal.usecases.payment_link import find, make

CLIENTS = 8
WAITING = 16
SLOW = 32
WRITERS = 16
GATEWAY_SECONDS = 0.5
ROUNDS = 3
SECONDS = 1.5
PAYMENTS = 150  # enough that no payer runs out of visits
KEPT_MIN_WAITING = 0.7
KEPT_MIN_SLOW = 0.5
P99_MS_MAX_WAITING = 100
P99_MS_MAX_WRITING = 150


def measure_company(desk: Desk, verdicts: Verdicts) -> None:
    """Payers who wait for the gateway, payers who pay by it, and phones that send slowly: beside the page alone."""
    payer = Payer(desk.url).walk_to("amount", desk.link(desk.account_with_offers()), desk.house.nonce())
    root = payer.path.rpartition("/")[0]
    page = payer.request(f"{root}/contact")
    token = payer.request(f"{root}/amount/client-token")
    slow = payer.request(f"{root}/contact", "POST", payer.hidden()).replace("Content-Length: ", "Content-Length: 9")
    paying = _payments(desk, PAYMENTS)
    for operation in ("client_token", "sale"):
        desk.house.simulator.faults("slow", operation=operation, seconds=GATEWAY_SECONDS, times=0)
    others = Group("others", desk.port, CLIENTS, [page], server_pid=desk.portal.pid)
    seen = drive(
        [
            Phase("alone", SECONDS, [others]),
            Phase("waiting", SECONDS, [others, Group("company", desk.port, WAITING, [token])]),
            Phase("slow senders", SECONDS, [others, Group("company", desk.port, SLOW, [slow], "slow")]),
            Phase("paying", SECONDS, [others, Group("company", desk.port, WAITING, paying, "once")]),
        ],
        ROUNDS,
    )
    desk.house.simulator.clear_faults()
    alone = seen["alone", "others"]
    rows: list[tuple[object, ...]] = []
    for name in ("alone", "waiting", "slow senders", "paying"):
        its, beside = seen[name, "others"], seen.get((name, "company"), Seen())
        its.only(200)
        beside.only(200, 303)
        rows.append((name, *_figures(its), beside.per_second, beside.percentile(0.5), f"{_kept(its, alone):.2f}"))
    heads = ("others' page", "req/s", "p50 ms", "p99 ms", "company/s", "its p50 ms", "kept")
    table(f"In company, {desk.database_name}, {CLIENTS} clients on the contact page", heads, rows)
    company = seen["paying", "company"]
    waiting, slowly, pays = (seen[name, "others"] for name in ("waiting", "slow senders", "paying"))
    verdicts.judge(
        _kept(waiting, alone) >= KEPT_MIN_WAITING,
        f"{WAITING} clients waiting {GATEWAY_SECONDS * 1000:.0f} ms on the gateway: others keep"
        f" {_kept(waiting, alone):.2f} of their requests a second ({waiting.per_second:.0f} of {alone.per_second:.0f}),"
        f" goal {KEPT_MIN_WAITING}",
    )
    verdicts.judge(
        waiting.percentile(0.99) <= P99_MS_MAX_WAITING,
        f"meanwhile their p99 is {waiting.percentile(0.99):.0f} ms ({alone.percentile(0.99):.0f} alone),"
        f" goal {P99_MS_MAX_WAITING}",
    )
    verdicts.judge(
        _kept(slowly, alone) >= KEPT_MIN_SLOW,
        f"{SLOW} slow senders: others keep {_kept(slowly, alone):.2f} ({slowly.per_second:.0f} of"
        f" {alone.per_second:.0f} requests a second, p99 {slowly.percentile(0.99):.0f} ms,"
        f" {alone.percentile(0.99):.0f} alone), goal {KEPT_MIN_SLOW}",
    )
    print(
        f"  told    {WAITING} payers who pay again at once share one process with the others: {company.per_second:.0f}"
        f" payments a second, others keep {_kept(pays, alone):.2f}. No goal: that is work, not waiting."
    )


def measure_writers(desk: Desk, verdicts: Verdicts) -> None:
    """One person who sends the contact form over and over, and sixteen who do, each in a visit of their own."""

    def walked(_: int) -> Payer:
        return Payer(desk.url).walk_to("contact", desk.link(desk.house.account(50_000)), "")

    payers = [walked(number) for number in range(WRITERS)]
    posts = [payer.request(payer.path, "POST", payer.hidden()) for payer in payers]
    one = Group("writers", desk.port, 1, posts, server_pid=desk.portal.pid)
    many = Group("writers", desk.port, WRITERS, posts, server_pid=desk.portal.pid)
    seen = drive([Phase("one", SECONDS, [one]), Phase("sixteen", SECONDS, [many])], ROUNDS)
    for its in seen.values():
        its.only(303)
    rows = [(name, *_figures(seen[name, "writers"]), seen[name, "writers"].cpu_ms) for name in ("one", "sixteen")]
    heads = ("writers", "posts/s", "p50 ms", "p99 ms", "CPU ms")
    table(f"Writing, {desk.database_name}: the contact step is sent", heads, [tuple(row) for row in rows])
    single, sixteen = seen["one", "writers"], seen["sixteen", "writers"]
    verdicts.judge(
        sixteen.percentile(0.99) <= P99_MS_MAX_WRITING,
        f"{desk.database_name}: p99 with {WRITERS} writers {sixteen.percentile(0.99):.0f} ms"
        f" ({single.percentile(0.99):.0f} ms with one), goal at most {P99_MS_MAX_WRITING}",
    )
    verdicts.judge(
        sixteen.per_second >= single.per_second,
        f"{desk.database_name}: {WRITERS} writers get {sixteen.per_second:.0f} posts a second done, one gets"
        f" {single.per_second:.0f}: waiting for each other costs nothing when it is at least as many",
    )


def _kept(its: Seen, alone: Seen) -> float:
    return its.per_second / alone.per_second


def _figures(seen: Seen) -> tuple[float, float, float]:
    return seen.per_second, seen.percentile(0.5), seen.percentile(0.99)


def _payments(desk: Desk, number: int) -> list[str]:
    """Requests that each press Pay in a visit of their own; the visits are made through the use cases, for speed."""
    payer = Payer(desk.url).open(desk.link(desk.house.account(50_000)))
    session, csrf = payer.cookies, payer.hidden()["csrf_token"]

    def one(_: int) -> str:
        visit_id, secret, digest = _ready_to_pay(desk)
        root = f"/{desk.house.slug}/pay/{visit_id}"
        own = Payer(desk.url, {**session, f"visit|{root}": (secret, root)})
        fields = {"csrf_token": csrf, "agreement": digest, "agreed": "yes"}
        return own.request(f"{root}/agreement", "POST", fields)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, range(number)))


def _ready_to_pay(desk: Desk) -> tuple[str, str, str]:
    """(visit id, its secret, digest of the agreement shown) of a visit whose next press charges."""
    house, ports = desk.house, desk.house.ports
    account_id, now = house.account(50_000), ports.clock.now()
    with ports.database.transaction(house.organisation_id) as session:
        owed = account.by_id(session, account_id)
        assert owed is not None
        found = find(session, make(session, owed, days=3, now=now, made_by="bench"), now)
        assert found is not None
        visit_id, secret = visit.start(session, found, ip="198.18.0.1", user_agent="bench", locale="en", now=now)
        walk = visit.look(session, visit_id, secret, now, locked=True)
        assert walk is not None
        contact.seen(walk, now)
    card = Choice(later=False, amount="whole", typed_amount="", method="new", save_card=False, nonce=house.nonce())
    refused = checkout.choose(ports, house.organisation_id, visit_id, secret, card, f"198.18.1.{hash(visit_id) % 250}")
    if refused:
        raise RuntimeError(f"a card was refused: {refused}")
    with ports.database.transaction(house.organisation_id) as session:
        walk = visit.look(session, visit_id, secret, now, locked=True)
        assert walk is not None
        figures = checkout.quote(walk)
        checkout.confirm(walk, figures.version, now)
        text = agreement.shown(walk, walk.organisation, figures.forgiven_cents)
    return visit_id, secret, text.digest
