"""Run revisions on the connection ``qunflow.store.migrate`` hands over, inside its transaction."""

from alembic import context

from qunflow.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite rolls table changes back too, as long as somebody began the transaction; the store did.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
