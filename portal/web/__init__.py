"""Where people come in: pages, their guards and their errors. Called by portal/app.py; never touches SQL or
the gateway.
"""
