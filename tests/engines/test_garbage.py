"""What the garbage collector of a role looks at."""

import subprocess
import sys

from app import garbage
from tests.application import ROOT

SETTLED = """
import gc
from app import garbage, graph
schema = graph.build()
garbage.settle()
print(gc.get_freeze_count() > 50_000, gc.get_threshold()[0])
left, found = [object, {}], []
left.append(left)
gc.callbacks.append(lambda phase, told: phase == "stop" and found.append(told["collected"]))
del left
gc.collect()
print(sum(found) > 0)
"""


def test_what_is_there_at_the_start_is_not_looked_at_and_what_comes_later_is() -> None:
    """The schema alone is 50,000 objects; a circle made afterwards is found and freed."""
    command = [sys.executable, "-c", SETTLED]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert shown == ["True", str(garbage.YOUNG), "True"]
