"""Fuzz: whatever stands in a file or a request, every parser takes it or refuses it clearly."""
