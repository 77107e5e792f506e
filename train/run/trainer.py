"""Builds a Composer trainer from a run's config, at the position where the run should go on.

Composer runs the loop, the ranks and the micro-batches. What it would decide by itself is decided here instead: the
learning rate and the order of data belong to the schedule, checkpoints are ours, a run is one epoch of the schedule's
samples, and gradients are weighted by loss-bearing tokens over all ranks.
"""

from __future__ import annotations

import gc
import sys
from functools import partial

from composer import Trainer
from composer.core import Callback, DataSpec, Precision, Time, TimeUnit
from composer.devices import Device
from composer.utils import dist

from common import heartbeat
from common.errors import InputError
from schemas.schedule import Schedule
from train.callbacks.audit import Audit
from train.callbacks.checkpointing import Checkpointing
from train.callbacks.fault_log import FaultLog
from train.callbacks.fault_policy import Faults
from train.callbacks.graceful_stop import Leaving
from train.callbacks.gradients import Gradients
from train.callbacks.held_out_loss import Evaluating
from train.callbacks.learning_rate import ScheduledRate
from train.callbacks.metrics_log import Metrics
from train.callbacks.progress import Progress
from train.callbacks.step_facts import StepRecord
from train.callbacks.working_parts import WorkingParts
from train.checkpoint import config_changes, load
from train.checkpoint.folder import FOLDER
from train.checkpoint.save import CheckpointStore
from train.checkpoint.start_point import drop_trunk, starting_point
from train.checkpoint.upload_queue import Uploads
from train.config.run_config import RunConfig
from train.loader.cache.download import Patience
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset
from train.loader.held_out import HeldOut
from train.loader.rows.batch import samples_in_batch, tokens_in_batch
from train.loader.rows.microbatches import Microbatches
from train.models import fp8
from train.models.attention import check_flash
from train.models.build import build_model
from train.models.cost import fp8_share, work_done
from train.models.decoder import Block
from train.models.sharding import mesh_of, shard
from train.models.towers import Shapes
from train.models.vlm import VisionLanguageModel
from train.run.loggers import build_loggers
from train.run.microbatch_search import search
from train.run.optimizer import build_optimizer
from train.run.sharded_start import build_sharded
from train.run.step_plan import Steps
from train.tokenizer_check import checked_tokenizer


def build_trainer(run: RunConfig, schedule: Schedule, device: Device) -> tuple[Trainer, ScheduleDataset] | None:
    """A trainer that is ready to `fit`, and its dataset; None if the run is already at its end.

    Raises:
        InputError: config, schedule, data and checkpoint do not fit each other.
    """
    heartbeat.at("looking for a checkpoint")
    ranks = dist.get_world_size()
    steps = Steps.of(run, schedule, ranks)
    begin = starting_point(run, schedule)
    run = config_changes.settled(run, begin[1] if begin else None)
    start = begin[1].position if begin else 0
    stop = steps.stop_from(start)
    if start >= stop:
        return None
    if run.tokenizer is not None:
        checked_tokenizer(run.tokenizer, schedule.tokenizer)
    precision = Precision(run.precision)
    if precision is not Precision.FP32 and device.name != "gpu":
        raise InputError(f"{run.precision} needs a GPU", field="precision", remedy="use fp32")
    if run.fp8:
        fp8.check(run.fp8, device.name == "gpu", schedule.seq_len)
    if run.attention == "flash":
        check_flash(device.name == "gpu")

    heartbeat.at("reading the datasets' indices")
    rows = steps.most_rows
    dataset = ScheduleDataset(
        schedule,
        steps.rows_of(dist.get_global_rank()),
        global_batch=steps.global_batch,
        start=start,
        stop=stop,
        cache=str(run.cache or run.out / "cache"),
        cache_limit=run.cache_limit,
        ahead=run.ahead,
        patience=Patience(run.remote_patience),
    )
    decoder_only = begin is not None and begin[1].decoder_only(run, schedule)
    make = partial(_placed_model, run, schedule, begin[1].towers if begin and not decoder_only else None, device)
    heartbeat.at("building the model")
    model = make()
    if run.microbatch == "auto":
        heartbeat.at("looking for the largest micro-batch")
        microbatch, used = search(model, schedule, rows, device, precision, run.parallel, run.out)
        if used:
            del model
            gc.collect()  # a sharded model is full of cycles
            heartbeat.at("building the model again")
            model = make()
    else:
        microbatch = min(run.microbatch, rows)
    optimizer = build_optimizer(model, run.optimizer)
    if begin:
        heartbeat.at("reading the checkpoint")
        load.load_weights(begin[0], model, decoder_only=decoder_only)
        load.load_optimizer(begin[0], model, optimizer)
        drop_trunk(run)

    if dist.get_global_rank() == 0:
        config_changes.record(run.out, begin[1] if begin else None, run)
        if begin:
            print(config_changes.described(*begin, run, schedule, ranks), file=sys.stderr, flush=True)
        if run.fp8:
            share = fp8_share(model.decoder.config, schedule.tokenizer.embedding_rows, schedule.seq_len)
            how = " (emulated)" if run.fp8 == "emulated" else ""
            print(f"fp8{how}: {share:.0%} of the decoder's operations; no MFU is given", file=sys.stderr, flush=True)
    past = (begin[1].samples, begin[1].drawn) if begin else (None, "")
    record = StepRecord(schedule, *past, mask_documents=model.mask_documents, end_opens=model.end_opens)
    rate = ScheduledRate(schedule)
    gradients = Gradients(model, schedule, record, run.optimizer.clip)
    own = begin is not None and begin[0].parent == run.out / FOLDER
    metrics = Metrics(schedule, run.out, record, rate, gradients, goes_on=own)
    work = None if run.fp8 else partial(work_done, model.decoder.config, model.decoder.embed_tokens.num_embeddings)
    heartbeat.at("building Composer's trainer")
    store = CheckpointStore(run.out, model, run, schedule)
    trainer = Trainer(
        model=model,
        optimizers=optimizer,
        train_dataloader=_data_spec(dataset, rows, run.workers, device),
        max_duration=Time(stop, TimeUnit.SAMPLE),
        device=device,
        precision=precision,
        device_train_microbatch_size=microbatch,
        accumulate_train_batch_on_tokens=True,
        spin_dataloaders=False,
        seed=run.seed,
        run_name=run.name,
        callbacks=[
            record,
            WorkingParts(
                model, schedule, record, run.parallel, global_batch=steps.global_batch, most_rows=rows, stop=steps.stop
            ),
            rate,
            Audit(schedule, record),
            gradients,
            metrics,
            Faults(run.faults, FaultLog(run.out), metrics),
            *_held_out(run, schedule, model, record, microbatch, stop),
            Leaving(record),
            Progress(metrics, run.log_every, stop, work),
            Checkpointing(store, schedule, record, run.checkpoint, stop, Uploads.of(run)),
        ],
        loggers=build_loggers(run.loggers),
        progress_bar=False,
        auto_log_hparams=False,
    )
    if begin:
        trainer.state.timestamp = begin[1].timestamp
    return trainer, dataset


def _placed_model(run: RunConfig, schedule: Schedule, towers: Shapes | None, device: Device) -> VisionLanguageModel:
    """The run's model with its initial weights, on its device, compiled and sharded as the run asks."""
    place = partial(_placed, run=run, device=device)
    if run.parallel.strategy == "fsdp" and dist.get_world_size() > 1:
        return build_sharded(partial(build_model, run, schedule), place, towers, device)
    model = build_model(run, schedule, towers)
    place(model)
    return device.module_to_device(model)


def _placed(model: VisionLanguageModel, run: RunConfig, device: Device) -> None:
    """Round, compile, recompute and shard the blocks of `model`, and cut its loss, as the run asks."""
    model.loss_chunk = run.loss_chunk
    for block in model.decoder.layers:
        block.recompute = run.recompute
        block.self_attn.flash = run.attention == "flash"
        block.mlp.fused = run.fused_gate
    if run.fp8:
        fp8.convert(model.decoder, emulate=run.fp8 == "emulated")
    if run.compile:
        for block in model.blocks():  # in place: a wrapper around a block would hide FSDP's hooks
            # Few numbers of rows occur, and attention is compiled for each; numbers of images are many.
            block.compile(dynamic=False if isinstance(block, Block) else None)
        model.decoder.norm.compile(dynamic=False)
    if run.parallel.strategy == "fsdp":
        mesh = mesh_of(run.parallel, dist.get_world_size(), "cuda" if device.name == "gpu" else device.name)
        model.lockstep = True
        shard(model, model.blocks(), run.parallel, mesh, run.precision)


def _held_out(
    run: RunConfig, schedule: Schedule, model: VisionLanguageModel, record: StepRecord, rows: int, last: int
) -> list[Callback]:
    if run.evaluation is None:
        return []
    terms = partial(
        HeldOut,
        tokenizer=schedule.tokenizer,
        geometry=schedule.geometry,
        conversation=schedule.conversation_format,
        seq_len=schedule.seq_len,
    )
    sources = {name: terms(path, limit=run.evaluation.rows) for name, path in run.evaluation.sources.items()}
    return [Evaluating(model, sources, schedule, record, run.out, rows=rows, last=last)]


def _data_spec(dataset: ScheduleDataset, rows: int, workers: int, device: Device) -> DataSpec:
    loader = ScheduleLoader(dataset, workers, pin_memory=device.name == "gpu")
    return DataSpec(
        loader,
        split_batch=Microbatches(rows),  # type: ignore[arg-type]
        get_num_samples_in_batch=samples_in_batch,
        get_num_tokens_in_batch=tokens_in_batch,  # type: ignore[arg-type]
    )
