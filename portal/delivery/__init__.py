"""Delivery: email, SMS and paper. Turns facts into words and sends them; reads no database and decides no rule."""
