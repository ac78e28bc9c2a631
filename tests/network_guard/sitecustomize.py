"""Python reads this at its start: a process that a test starts is guarded like the test itself.

``tests/conftest.py`` puts this folder on PYTHONPATH. What starts with ``-I``, ``-E`` or an emptied
environment is not reached; a test that starts such a process answers for it.
"""

import network_guard

network_guard.install()
