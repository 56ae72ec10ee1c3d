"""What every service shares, without a word of the domain: store, bus, server, auth, clock, logs, settings."""
