"""iCalendar (RFC 5545) into rows of an import. Pure; to be run where a hostile file can do no harm (`packed`)."""
