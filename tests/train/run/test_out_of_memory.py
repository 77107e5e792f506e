"""Out of memory names what to change."""

import pytest
import torch

from tests.helpers import ranks
from train.config.run_config import RunConfig
from train.run.out_of_memory import advice


def config(**changes) -> RunConfig:
    return RunConfig.model_validate(ranks.settings("s", "o", **changes))


def test_an_allocation_that_fails_names_the_remedies():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    text = str(advice(caught.value, config(microbatch=8)))
    assert text.startswith("microbatch: out of memory (")
    assert "`microbatch: 4`" in text
    assert "fsdp" in text


def test_an_answer_of_the_search_that_no_longer_fits_is_named_by_its_file():
    text = str(advice(torch.OutOfMemoryError("CUDA out of memory."), config(microbatch="auto")))
    assert "; delete o/microbatch.json, so that the micro-batch is searched anew; or set" in text


def test_on_a_gpu_precision_is_among_them():
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")
    text = str(advice(error, config(microbatch=1, parallel={"strategy": "fsdp", "replicas": 2})))
    assert text == (
        "microbatch: out of memory (CUDA out of memory); set `precision: amp_bf16`; or lower `parallel.replicas` from 2"
    )


@pytest.mark.parametrize("said", ["CUBLAS_STATUS_ALLOC_FAILED when calling X", "CUDNN_STATUS_ALLOC_FAILED"])
def test_a_library_of_the_gpu_that_finds_no_memory_counts(said):
    text = str(advice(RuntimeError(f"cuda error: {said}"), config(microbatch=8)))
    assert "`microbatch: 4`" in text
    assert "amp_bf16" in text


def test_other_errors_are_not_taken_for_it():
    assert advice(RuntimeError("shapes do not match"), config()) is None
