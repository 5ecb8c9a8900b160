"""nbval executes the notebooks; course/workshop/collect.py watches (its hooks, for pytest to find)."""

import os

from course.workshop.collect import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)

os.environ.setdefault("NGPU_PROGRESS", "off")  # a test is no learner: kernels keep nothing
