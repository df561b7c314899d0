"""What the carrier's words about a text mean: Twilio's statuses and its error codes, as tables.

Read by the use case that hears them.
"""

STATUSES = frozenset(
    {"accepted", "scheduled", "queued", "sending", "sent", "delivered", "undelivered", "failed", "read"}
)
FAILED = frozenset({"undelivered", "failed"})
# The number itself will not do: unknown, a landline, not a mobile. 30003 (switched off) and 30007 (filtered) may pass.
HARD = frozenset({"30005", "30006", "21211", "21612", "21614"})
STOPPED = "21610"
