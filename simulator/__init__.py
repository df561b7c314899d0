"""The outside world on a developer's desk: a card gateway, a mail server and an SMS carrier in one process.

Started with `python -m simulator`, reached over HTTP and SMTP only. It keeps its own append-only truth, fails on
cue, and never imports `portal`, nor does `portal` import it.
"""
