"""`python -m demo`: everything on one desk, started, watched and stopped together.

Never imported by portal/ or simulator/.
"""
