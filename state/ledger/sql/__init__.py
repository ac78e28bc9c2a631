"""The ledger on SQL: schema, writer, reads. The only part of this room that imports SQLAlchemy.

``store`` puts the parts together; ``sqlite`` holds everything that is true of SQLite alone.
"""
