"""What must always hold, judged from a ledger and from what targets kept themselves; nothing here decides."""
