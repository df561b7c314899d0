"""The law of the house: contracts, names, sizes, settings and what the documentation promises."""
