"""Make the ledger: chains, derived tables, what stands beside them, and the triggers that guard them."""

import sqlalchemy as sa
from alembic import op

from state.ledger.sql.postgres_schema import trigger_commands
from state.ledger.sql.sqlite import TRIGGERS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INTEGER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def where(condition):
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Make everything."""
    op.create_table('attempts',
    sa.Column('run', TEXT, nullable=False),
    sa.Column('position', INTEGER, autoincrement=False, nullable=False),
    sa.Column('resource', TEXT, nullable=False),
    sa.Column('op', TEXT, nullable=False),
    sa.Column('attempt', INTEGER, autoincrement=False, nullable=False),
    sa.Column('at', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('run', 'position'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('attempts_resource', 'attempts', ['resource', 'at'], unique=False)
    op.create_table('claims',
    sa.Column('run', TEXT, nullable=False),
    sa.Column('epoch', INTEGER, autoincrement=False, nullable=False),
    sa.Column('worker', TEXT, nullable=False),
    sa.Column('released_at', TEXT, nullable=True),
    sa.Column('seal', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('run'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('claims_worker', 'claims', ['worker'], unique=False, **where('released_at IS NULL'))
    op.create_table('deliveries',
    sa.Column('source', TEXT, nullable=False),
    sa.Column('delivery', TEXT, nullable=False),
    sa.Column('digest', TEXT, nullable=True),
    sa.Column('run', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('source', 'delivery'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('deliveries_run', 'deliveries', ['run'], unique=False)
    op.create_table('entries',
    sa.Column('run', TEXT, nullable=False),
    sa.Column('seq', INTEGER, autoincrement=False, nullable=False),
    sa.Column('at', TEXT, nullable=False),
    sa.Column('kind', TEXT, nullable=False),
    sa.Column('role', TEXT, nullable=False),
    sa.Column('actor', TEXT, nullable=False),
    sa.Column('credential', TEXT, nullable=False),
    sa.Column('epoch', INTEGER, autoincrement=False, nullable=False),
    sa.Column('code', TEXT, nullable=False),
    sa.Column('fold_version', INTEGER, autoincrement=False, nullable=False),
    sa.Column('prev', TEXT, nullable=False),
    sa.Column('body', TEXT, nullable=False),
    sa.Column('hash', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('run', 'seq'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('heads',
    sa.Column('run', TEXT, nullable=False),
    sa.Column('seq', INTEGER, autoincrement=False, nullable=False),
    sa.Column('hash', TEXT, nullable=False),
    sa.Column('epoch', INTEGER, autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('run'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('holds',
    sa.Column('resource', TEXT, nullable=False),
    sa.Column('run', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('resource'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('holds_run', 'holds', ['run'], unique=False)
    op.create_table('outbox',
    sa.Column('id', TEXT, nullable=False),
    sa.Column('run', TEXT, nullable=False),
    sa.Column('position', INTEGER, autoincrement=False, nullable=False),
    sa.Column('notice', TEXT, nullable=False),
    sa.Column('delivered_at', TEXT, nullable=True),
    sa.Column('seal', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('outbox_run', 'outbox', ['run', 'position'], unique=False)
    op.create_index('outbox_waiting', 'outbox', ['run', 'position'], unique=False, **where('delivered_at IS NULL'))
    op.create_table('payloads',
    sa.Column('digest', TEXT, nullable=False),
    sa.Column('text', TEXT, nullable=True),
    sa.PrimaryKeyConstraint('digest'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('runs',
    sa.Column('run', TEXT, nullable=False),
    sa.Column('lane', TEXT, nullable=False),
    sa.Column('runbook', TEXT, nullable=False),
    sa.Column('version', INTEGER, autoincrement=False, nullable=False),
    sa.Column('target', TEXT, nullable=False),
    sa.Column('requester', TEXT, nullable=False),
    sa.Column('source', TEXT, nullable=False),
    sa.Column('state', TEXT, nullable=True),
    sa.Column('reason', TEXT, nullable=True),
    sa.Column('waiting_for', TEXT, nullable=True),
    sa.Column('once_key', TEXT, nullable=True),
    sa.Column('delivery', TEXT, nullable=True),
    sa.Column('delivery_digest', TEXT, nullable=True),
    sa.Column('escalation', TEXT, nullable=True),
    sa.Column('created_at', TEXT, nullable=False),
    sa.Column('ended_at', TEXT, nullable=True),
    sa.Column('due_at', TEXT, nullable=True),
    sa.Column('once_until', TEXT, nullable=True),
    sa.Column('holds', TEXT, nullable=False),
    sa.Column('touches', TEXT, nullable=False),
    sa.Column('notices', TEXT, nullable=False),
    sa.Column('attempts', INTEGER, autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('run'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('runs_due', 'runs', ['due_at'], unique=False, **where('due_at IS NOT NULL'))
    op.create_index('runs_escalated', 'runs', ['run'], unique=False, **where('escalation IS NOT NULL'))
    op.create_index('runs_lane', 'runs', ['lane', 'run'], unique=False)
    op.create_index('runs_live', 'runs', ['run'], unique=False, **where('ended_at IS NULL'))
    op.create_index('runs_live_runbook', 'runs', ['ended_at', 'runbook', 'target'], unique=False, **where('ended_at IS NULL'))
    op.create_index('runs_once', 'runs', ['once_key'], unique=False, **where('once_key IS NOT NULL'))
    op.create_index('runs_rate', 'runs', ['runbook', 'created_at'], unique=False)
    op.create_index('runs_requester', 'runs', ['requester', 'run'], unique=False)
    op.create_index('runs_runbook', 'runs', ['runbook', 'run'], unique=False)
    op.create_index('runs_state', 'runs', ['state', 'run'], unique=False)
    op.create_index('runs_target', 'runs', ['target', 'run'], unique=False)
    op.create_table('signals',
    sa.Column('id', TEXT, nullable=False),
    sa.Column('run', TEXT, nullable=False),
    sa.Column('arrival', INTEGER, autoincrement=False, nullable=False),
    sa.Column('kind', TEXT, nullable=False),
    sa.Column('by', TEXT, nullable=False),
    sa.Column('at', TEXT, nullable=False),
    sa.Column('body', TEXT, nullable=False),
    sa.Column('folded_seq', INTEGER, autoincrement=False, nullable=True),
    sa.Column('seal', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('signals_run', 'signals', ['run', 'arrival'], unique=False)
    op.create_index('signals_waiting', 'signals', ['run'], unique=False, **where('folded_seq IS NULL'))
    op.create_table('stops',
    sa.Column('scope', TEXT, nullable=False),
    sa.Column('by', TEXT, nullable=False),
    sa.Column('at', TEXT, nullable=False),
    sa.Column('why', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('scope'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('payload_key',
    sa.Column('mark', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('mark'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('tallies',
    sa.Column('name', TEXT, nullable=False),
    sa.Column('number', INTEGER, autoincrement=False, nullable=False),
    sa.Column('digest', TEXT, nullable=False),
    sa.Column('seal', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('name'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('touches',
    sa.Column('resource', TEXT, nullable=False),
    sa.Column('run', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('resource', 'run'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('touches_run', 'touches', ['run'], unique=False)
    op.create_table('workers',
    sa.Column('id', TEXT, nullable=False),
    sa.Column('boot_id', TEXT, nullable=False),
    sa.Column('pid_ns', TEXT, nullable=False),
    sa.Column('pid', INTEGER, autoincrement=False, nullable=False),
    sa.Column('start_time', INTEGER, autoincrement=False, nullable=False),
    sa.Column('uid', INTEGER, autoincrement=False, nullable=False),
    sa.Column('lock_file', TEXT, nullable=False),
    sa.Column('lease_until', TEXT, nullable=False),
    sa.Column('lease_ms', INTEGER, autoincrement=False, nullable=False),
    sa.Column('seal', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        triggers = trigger_commands(bind.exec_driver_sql("SELECT current_schema()").scalar_one())
    else:
        triggers = TRIGGERS.values()
    for trigger in triggers:
        op.execute(sa.DDL(trigger.replace("%", "%%")))


def downgrade() -> None:
    """Refuse: a ledger is never taken apart."""
    raise NotImplementedError("a ledger is never taken apart")

