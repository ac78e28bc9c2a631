"""Golden ledgers: what each version of the fold has written, kept so that every later one reads it alike."""
