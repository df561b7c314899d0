"""The crash rig: real processes, killed, frozen and raced around one charge; truth, ledger and messages compared."""
