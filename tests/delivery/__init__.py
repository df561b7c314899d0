"""Messages and paper: wording, mail, texts, PDF, against a real SMTP server and a real HTTP server."""
