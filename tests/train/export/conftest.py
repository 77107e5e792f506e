"""One thread, as in the tests of evaluation."""

from tests.train.evaluation.conftest import one_thread

__all__ = ["one_thread"]
