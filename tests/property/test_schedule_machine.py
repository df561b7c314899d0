"""Any order of what customers, staff, workers, janitors, gateway and banks do keeps the books, on both databases.

Hypothesis chooses the steps, the same ones in every run; the clock stands still between them. MACHINE_EXAMPLES asks for
more of them, MACHINE_SEED for others.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from portal.storage import Database
from tests.property.machine_outside import Outside
from tests.property.machine_people import People
from tests.rig.simulator_process import SimulatorProcess

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "4"))
STEPS = 45


class ScheduleMachine(People, Outside):
    """Some schedules and payments, and everybody who may touch them."""


@pytest.mark.slow
@pytest.mark.timeout(int(os.environ.get("MACHINE_TIMEOUT", "900")))
def test_any_order_of_steps_keeps_the_books(database_url: str, world: SimulatorProcess) -> None:
    database = Database(database_url, pool_size=20)
    machine = type("Machine", (ScheduleMachine,), {"database": database, "world": world})
    asked = os.environ.get("MACHINE_SEED")
    try:
        run_state_machine_as_test(
            seed(int(asked))(machine) if asked else machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                derandomize=not asked,
                phases=[Phase.generate],  # shrinking would run the house for an hour; the steps are printed as they are
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        database.dispose()
