"""The card gateway. The only room that knows the Braintree SDK."""
