"""`python -m frontend.build`: what a browser is sent, made once. Never imported by portal/."""
