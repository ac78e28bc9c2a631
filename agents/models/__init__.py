"""What answers for a role: the port to a language model, and its adapters.

Here belong the port, the rules that answer without a model, the script that tests use, and the client of
any OpenAI-compatible endpoint. Here does not belong a prompt's text or what an answer may cause.
"""
