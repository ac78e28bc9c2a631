"""The command line: what each command takes and prints. Nothing here decides; the rooms behind are asked."""
