"""Rules and words. Imports nothing of ours; knows neither rows nor pages."""
