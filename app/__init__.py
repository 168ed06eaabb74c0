"""Puts it together: opens every engine and store once and hands them in."""
