"""Tests of `faults.jsonl`: what is written is read again, a torn line is cut off, a damaged one is refused."""

from pathlib import Path

import pytest

from common.errors import InputError
from train.callbacks.fault_log import Fault, FaultLog


def fault(start: int, stop: int) -> Fault:
    facts = {"step": 1, "reason": "r", "loss": float("nan"), "gradient_norm": float("inf"), "action": "skip"}
    return Fault.model_validate({"start": start, "stop": stop, **facts})


def test_faults_are_on_disk_at_once_where_they_are_written_and_read_again(tmp_path: Path) -> None:
    log = FaultLog(tmp_path)
    log.read()
    assert log.faults == []
    log.add(fault(8, 16), write=True)
    log.add(fault(24, 32), write=False)
    again = FaultLog(tmp_path)
    again.read()
    assert [(one.start, one.stop) for one in again.faults] == [(8, 16)]
    assert str(again.faults[0].loss) == "nan"
    assert again.faults[0].gradient_norm == float("inf")


def test_a_torn_last_line_is_cut_off_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    log = FaultLog(tmp_path)
    log.add(fault(8, 16), write=True)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + whole[:-1])
    log.read()
    assert (len(log.faults), log.path.read_bytes()) == (1, whole)
    log.path.write_bytes(b"{}\n" + whole)
    with pytest.raises(InputError, match=r"faults.jsonl: not a list of faults; delete it to start without one"):
        log.read()


@pytest.mark.parametrize(("start", "stop", "covered"), [(0, 8, False), (0, 9, True), (15, 24, True), (16, 24, False)])
def test_a_step_is_covered_where_it_shares_a_sample(tmp_path: Path, start: int, stop: int, covered: bool) -> None:
    log = FaultLog(tmp_path)
    log.add(fault(8, 16), write=False)
    assert log.covers(start, stop) is covered
