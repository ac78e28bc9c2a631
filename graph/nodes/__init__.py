"""The nodes: each performs the pending move, one kind of them, then asks for the next one."""

from graph.nodes.close import close
from graph.nodes.execute import execute
from graph.nodes.hydrate import hydrate
from graph.nodes.package import package
from graph.nodes.verify import verify
from graph.nodes.wait import wait

__all__ = ["close", "execute", "hydrate", "package", "verify", "wait"]
