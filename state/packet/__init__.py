"""What a human must know to carry on where a run stopped: its escalation packet (``remit/packet/v1``).

Written by rules alone, from the task, its entries and the runbook's terms; the same material gives the same
packet. ``check_packet`` judges one, ``packet_text`` shows one on a terminal, ``raw_packet`` needs no fold.
"""

from state.packet.assemble import MAX_BYTES, option_row, packet_of
from state.packet.check import check_packet
from state.packet.claims import kept_claims
from state.packet.parts import OPTION_IDS, SCHEMA, Context, Look, Material, Notes, Option, Stop
from state.packet.raw import raw_packet
from state.packet.senders import Sender, senders_in_doubt
from state.packet.text import command_lines, packet_text

__all__ = [
    "MAX_BYTES",
    "OPTION_IDS",
    "SCHEMA",
    "Context",
    "Look",
    "Material",
    "Notes",
    "Option",
    "Sender",
    "Stop",
    "check_packet",
    "command_lines",
    "kept_claims",
    "option_row",
    "packet_of",
    "packet_text",
    "raw_packet",
    "senders_in_doubt",
]
