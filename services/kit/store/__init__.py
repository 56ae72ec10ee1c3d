"""The store: a small port, its SQLite and in-memory adapters."""
