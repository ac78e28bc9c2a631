"""Who judges: four roles, each with its prompt, its output schema, its tools and its credentials.

Here belong the interpreter (what was asked), the executor (go on, look, wait or stop), the verifier (is the
end state there) and the packager (what a human must know), and under ``models`` the port to a language model
and its adapters. Runs ask a model in the first two roles alone. Here does not belong the order of things
(``graph``) nor a connection to a target: a role holds a gateway, never an adapter, and none imports another.
"""
