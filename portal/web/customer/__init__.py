"""The signed-in portal of customers: signing in, the first page, and what stands behind it. A file per page."""
