"""Make the ledger: chains, derived tables, what stands beside them, and the triggers that guard them."""

import sqlalchemy as sa
from alembic import op

from state.ledger.sql.sqlite import GUARDS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make everything."""
    op.create_table('attempts',
    sa.Column('run', sa.Text(), nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('resource', sa.Text(), nullable=False),
    sa.Column('op', sa.Text(), nullable=False),
    sa.Column('attempt', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('run', 'position'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('attempts_resource', 'attempts', ['resource', 'at'], unique=False)
    op.create_table('claims',
    sa.Column('run', sa.Text(), nullable=False),
    sa.Column('epoch', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('worker', sa.Text(), nullable=False),
    sa.Column('released_at', sa.Text(), nullable=True),
    sa.Column('seal', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('run'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('claims_worker', 'claims', ['worker'], unique=False, sqlite_where=sa.text('released_at IS NULL'))
    op.create_table('deliveries',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('delivery', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=True),
    sa.Column('run', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('source', 'delivery'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('deliveries_run', 'deliveries', ['run'], unique=False)
    op.create_table('entries',
    sa.Column('run', sa.Text(), nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('credential', sa.Text(), nullable=False),
    sa.Column('epoch', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('fold_version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('prev', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('run', 'seq'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('heads',
    sa.Column('run', sa.Text(), nullable=False),
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.Column('epoch', sa.Integer(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('run'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('holds',
    sa.Column('resource', sa.Text(), nullable=False),
    sa.Column('run', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('resource'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('holds_run', 'holds', ['run'], unique=False)
    op.create_table('outbox',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('run', sa.Text(), nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('notice', sa.Text(), nullable=False),
    sa.Column('delivered_at', sa.Text(), nullable=True),
    sa.Column('seal', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('outbox_run', 'outbox', ['run', 'position'], unique=False)
    op.create_index('outbox_waiting', 'outbox', ['run', 'position'], unique=False, sqlite_where=sa.text('delivered_at IS NULL'))
    op.create_table('payloads',
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('digest'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('runs',
    sa.Column('run', sa.Text(), nullable=False),
    sa.Column('lane', sa.Text(), nullable=False),
    sa.Column('runbook', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('requester', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('waiting_for', sa.Text(), nullable=True),
    sa.Column('once_key', sa.Text(), nullable=True),
    sa.Column('delivery', sa.Text(), nullable=True),
    sa.Column('delivery_digest', sa.Text(), nullable=True),
    sa.Column('escalation', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Text(), nullable=False),
    sa.Column('ended_at', sa.Text(), nullable=True),
    sa.Column('due_at', sa.Text(), nullable=True),
    sa.Column('once_until', sa.Text(), nullable=True),
    sa.Column('holds', sa.Text(), nullable=False),
    sa.Column('touches', sa.Text(), nullable=False),
    sa.Column('notices', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('run'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('runs_due', 'runs', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'))
    op.create_index('runs_escalated', 'runs', ['run'], unique=False, sqlite_where=sa.text('escalation IS NOT NULL'))
    op.create_index('runs_lane', 'runs', ['lane', 'run'], unique=False)
    op.create_index('runs_live', 'runs', ['run'], unique=False, sqlite_where=sa.text('ended_at IS NULL'))
    op.create_index('runs_live_runbook', 'runs', ['ended_at', 'runbook', 'target'], unique=False, sqlite_where=sa.text('ended_at IS NULL'))
    op.create_index('runs_once', 'runs', ['once_key'], unique=False, sqlite_where=sa.text('once_key IS NOT NULL'))
    op.create_index('runs_rate', 'runs', ['runbook', 'created_at'], unique=False)
    op.create_index('runs_requester', 'runs', ['requester', 'run'], unique=False)
    op.create_index('runs_runbook', 'runs', ['runbook', 'run'], unique=False)
    op.create_index('runs_state', 'runs', ['state', 'run'], unique=False)
    op.create_index('runs_target', 'runs', ['target', 'run'], unique=False)
    op.create_table('signals',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('run', sa.Text(), nullable=False),
    sa.Column('arrival', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('folded_seq', sa.Integer(), autoincrement=False, nullable=True),
    sa.Column('seal', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('signals_run', 'signals', ['run', 'arrival'], unique=False)
    op.create_index('signals_waiting', 'signals', ['run'], unique=False, sqlite_where=sa.text('folded_seq IS NULL'))
    op.create_table('stops',
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('scope'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('payload_key',
    sa.Column('mark', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('mark'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('tallies',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('seal', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_table('touches',
    sa.Column('resource', sa.Text(), nullable=False),
    sa.Column('run', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('resource', 'run'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    op.create_index('touches_run', 'touches', ['run'], unique=False)
    op.create_table('workers',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('boot_id', sa.Text(), nullable=False),
    sa.Column('pid_ns', sa.Text(), nullable=False),
    sa.Column('pid', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('start_time', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('uid', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('lock_file', sa.Text(), nullable=False),
    sa.Column('lease_until', sa.Text(), nullable=False),
    sa.Column('lease_ms', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('seal', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sqlite_strict=True,
    sqlite_with_rowid=False
    )
    for guard in GUARDS.values():
        op.execute(sa.DDL(guard.replace("%", "%%")))


def downgrade() -> None:
    """Refuse: a ledger is never taken apart."""
    raise NotImplementedError("a ledger is never taken apart")

