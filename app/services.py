"""Everything a role works with, opened once and closed with it."""
