"""The store: a small port, and its adapters for SQLite, MongoDB and memory."""
