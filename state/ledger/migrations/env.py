"""How alembic is run here: on the connection of whoever opens the ledger, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
