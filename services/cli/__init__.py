"""The `openchair` command."""
