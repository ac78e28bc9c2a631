"""What remit is measured against: the disk, two durable commits, LangGraph with and without its saver."""

import os
import sqlite3
import time
from pathlib import Path
from typing import TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph


def syncs(path: Path, times: int) -> float:
    """``times`` pages, each written behind the last and on the disk before the next; seconds."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    page = b"x" * 4096
    began = time.perf_counter()
    for _ in range(times):
        os.write(file, page)
        os.fdatasync(file)  # what SQLite does for a durable commit to its log
    took = time.perf_counter() - began
    os.close(file)
    return took


def bare_loop(path: Path, steps: int) -> float:
    """``steps`` times an intent and an outcome of remit's usual size, a durable commit each; seconds."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    body, cell = "x" * 700, 0
    began = time.perf_counter()
    for step in range(steps):
        for half in range(2):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO entries VALUES (?, ?)", (2 * step + half + 1, body))
            connection.execute("COMMIT")
            cell += 1
    took = time.perf_counter() - began
    connection.close()
    return took


class State(TypedDict):
    """What the peer's graph carries: where it is, and the cell."""

    step: int
    cell: int


def langgraph(path: Path | None, steps: int) -> float:
    """The same steps as a graph with a node to write and one to verify, saved FULL and durably; seconds.

    Without a ``path`` nothing is saved: what two supersteps a step cost whoever uses the library.
    """

    def write(state: State) -> State:
        return {"step": state["step"] + 1, "cell": state["step"] + 1}

    def verify(state: State) -> State:
        if state["cell"] != state["step"]:
            raise AssertionError("not verified")
        return state

    connection = sqlite3.connect(path or ":memory:", check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    graph = StateGraph(State)
    graph.add_node("write", write)
    graph.add_node("verify", verify)
    graph.add_edge(START, "write")
    graph.add_edge("write", "verify")
    graph.add_conditional_edges("verify", lambda state: END if state["step"] >= steps else "write")
    compiled = graph.compile(checkpointer=None if path is None else SqliteSaver(connection))
    config: RunnableConfig = {"configurable": {"thread_id": "1"}, "recursion_limit": 4 * steps + 10}
    began = time.perf_counter()
    compiled.invoke(State(step=0, cell=0), config, durability=None if path is None else "sync")
    took = time.perf_counter() - began
    connection.close()
    return took
