"""Seats: kept without an account, a name or an address; waitlists, check-in, slips, head counts."""
