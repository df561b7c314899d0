"""The merchants this gateway serves: their keys, their merchant accounts and what is switched on for each.

The wire asks it who is calling; `POST /simulator/merchants` adds or changes one while running.
"""

from dataclasses import dataclass, field, fields
from typing import Any

from simulator.journal import Journal


@dataclass
class Merchant:
    """One merchant. `duplicate_seconds` 0 turns duplicate checking off; times are seconds."""

    id: str
    public_key: str
    private_key: str
    accounts: list[str] = field(default_factory=list)  # the first is the default
    currency: str = "USD"
    api_request_key_allowed: bool = True
    duplicate_seconds: float = 0
    avs_rules: bool = False
    cvv_rules: bool = False
    fraud_tools: bool = False
    custom_fields: list[str] = field(default_factory=list)
    search_lag_seconds: float = 0
    settle_after_seconds: float | None = None  # None: settles only when a test helper says so
    webhook_url: str = ""  # empty: this merchant is told nothing
    webhook_retry_seconds: float = 2  # the real gateway waits an hour
    retry_declines_after_seconds: float | None = None  # the gateway's own retries of soft declines; None: off
    retries_keep_order_id: bool = True

    def __post_init__(self) -> None:
        if not self.accounts:
            self.accounts = [f"{self.id}_usd"]


def _integration(prefix: str, **settings: Any) -> Merchant:
    return Merchant(
        id=f"{prefix}_merchant_id",
        public_key=f"{prefix}_public_key",
        private_key=f"{prefix}_private_key",
        accounts=["sandbox_credit_card", "sandbox_credit_card_non_default"],
        **settings,
    )


def _demo(name: str) -> Merchant:
    return Merchant(id=name, public_key=f"{name}_public_key", private_key=f"{name}_private_key")


def first_merchants() -> list[Merchant]:
    """Who exists in a fresh world."""
    return [
        _integration("integration", custom_fields=["store_me"]),
        _integration("dup_checking_integration", duplicate_seconds=30),
        _integration("processing_rules", avs_rules=True, cvv_rules=True),
        _integration("advanced_fraud_integration", fraud_tools=True),
        _demo("demo_supervision"),
        _demo("demo_receivables"),
        _demo("demo_therapy"),
        _demo("demo_two_screens"),
    ]


class UnknownSetting(ValueError):
    """A merchant was described with a setting that does not exist or has the wrong type."""


class MerchantBook:
    """Merchants by id and by public key."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.by_id: dict[str, Merchant] = {}
        self.by_public_key: dict[str, Merchant] = {}
        self.forget()

    def forget(self) -> None:
        """Back to the first merchants."""
        self.by_id.clear()
        self.by_public_key.clear()
        for merchant in first_merchants():
            self._keep(merchant)

    def put(self, settings: dict[str, Any]) -> Merchant:
        """Add a merchant or change the named settings of one; keys follow the id unless given.

        Raises UnknownSetting.
        """
        known = {item.name: item.type for item in fields(Merchant)}
        unknown = settings.keys() - known.keys()
        merchant_id = settings.get("id")
        if unknown or not isinstance(merchant_id, str) or not merchant_id:
            raise UnknownSetting(f"unknown settings: {sorted(unknown)}" if unknown else "id is required")
        for name, value in settings.items():
            if not _fits(value, str(known[name])):
                raise UnknownSetting(f"{name} has the wrong type")
        old = self.by_id.get(merchant_id)
        before = (
            vars(old)
            if old
            else {"public_key": f"{merchant_id}_public_key", "private_key": f"{merchant_id}_private_key"}
        )
        merchant = Merchant(**{**before, **settings})
        self._keep(merchant)
        self._journal.append("merchant", merchant)
        return merchant

    def replay(self, record: dict[str, Any]) -> None:
        """Take back a merchant from the journal."""
        self._keep(Merchant(**record))

    def _keep(self, merchant: Merchant) -> None:
        old = self.by_id.get(merchant.id)
        if old:
            self.by_public_key.pop(old.public_key, None)
        self.by_id[merchant.id] = merchant
        self.by_public_key[merchant.public_key] = merchant


def _fits(value: object, annotation: str) -> bool:
    if "bool" in annotation:
        return isinstance(value, bool)
    if "list" in annotation:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if "float" in annotation:
        return (value is None and "None" in annotation) or (
            isinstance(value, (int, float)) and not isinstance(value, bool)
        )
    return isinstance(value, str)
