"""The command as users start it: `composer -n 2 train/main.py RUN.yaml`, killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.helpers import synthetic
from tests.helpers.small_runs import facts
from train.checkpoint.folder import complete

ROOT = Path(__file__).resolve().parents[2]
COMPOSER = Path(sys.executable).with_name("composer")
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}


def write_run(root: Path, name: str, *further: str) -> Path:
    """A run over the synthetic schedule, with further lines; returns its YAML file."""
    schedule = root / "schedule.json"
    if not schedule.exists():
        synthetic.schedule(root, lengths=(160, 120, 104)).save(schedule)
    run = root / f"{name}.yaml"
    run.write_text(
        f"schedule: {schedule}\n"
        f"out: {root / name}\n"
        "model:\n"
        "  decoder: {width: 16, layers: 1, heads: 2, kv_heads: 2, head_width: 8, mlp_width: 24}\n"
        "  encoder: {width: 8}\n"
        "microbatch: 2\n"
        "threads: 1\n"
        "checkpoint: {every: 4}\n" + "".join(f"{line}\n" for line in further)
    )
    return run


def start(run: Path, *, start_new_session: bool = False, **environment: str) -> subprocess.Popen[str]:
    argv = [str(COMPOSER), "-n", "2", str(ROOT / "train/main.py"), str(run)]
    return subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**ENVIRONMENT, **environment},
        cwd=run.parent,
        start_new_session=start_new_session,
    )


def lines(out: Path) -> int:
    metrics = out / "metrics.jsonl"
    return metrics.read_bytes().count(b"\n") if metrics.exists() else 0


@pytest.mark.soak
def test_a_killed_run_goes_on_to_the_last_bit(tmp_path):
    whole = start(write_run(tmp_path, "whole"), SWITCHPOINT_HEARTBEAT_S="0.05")
    output, _ = whole.communicate(timeout=600)
    assert whole.returncode == 0, output
    assert "tuning" in output
    assert "\nimporting Composer: " in output, (
        "the start is no silence: of its parts this one takes seconds on any machine"
    )

    run = write_run(tmp_path, "killed")
    for least, number in ((9, signal.SIGKILL), (30, signal.SIGTERM)):
        process = start(run)
        deadline = time.monotonic() + 600
        while lines(tmp_path / "killed") < least and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.005)
        assert process.poll() is None, process.communicate()[0]
        ranks = [p for p in psutil.Process(process.pid).children() if any("main.py" in part for part in p.cmdline())]
        assert len(ranks) == 2
        ranks[1].send_signal(number)
        output, _ = process.communicate(timeout=600)
        assert process.returncode != 0
        if number == signal.SIGTERM:  # one rank was told; both saved the same step
            assert "asked to leave: saved" in output
            assert complete(tmp_path / "killed" / "checkpoints")[-1].name == f"{lines(tmp_path / 'killed') * 8:015d}"
        assert least <= lines(tmp_path / "killed") < 48
    last = start(run)
    output, _ = last.communicate(timeout=600)
    assert last.returncode == 0, output
    assert facts(tmp_path / "killed") == facts(tmp_path / "whole")
    newest = [complete(tmp_path / name / "checkpoints")[-1] for name in ("whole", "killed")]
    for file in ("model.safetensors", "optimizer.safetensors"):
        assert (newest[0] / file).read_bytes() == (newest[1] / file).read_bytes()


@pytest.mark.soak
def test_ctrl_c_saves_like_any_other_signal(tmp_path):
    """A terminal signals its whole foreground group: the launcher, both ranks, and their loader workers."""
    synthetic.schedule(tmp_path, lengths=(1600, 1200, 1040)).save(tmp_path / "schedule.json")
    process = start(write_run(tmp_path, "run", "workers: 1"), start_new_session=True)
    deadline = time.monotonic() + 300
    while lines(tmp_path / "run") < 9 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert "asked to leave: saved" in output
    assert "error:" not in output
    assert complete(tmp_path / "run" / "checkpoints")[-1].name == f"{lines(tmp_path / 'run') * 8:015d}"


@pytest.mark.soak
@pytest.mark.parametrize("rank", [0, 1])
def test_a_loader_worker_that_is_killed_is_heard_and_ends_every_rank(tmp_path, rank):
    """As the system does where memory runs out; the checkpoints are good, and a run goes on from them."""
    out = tmp_path / "run"
    synthetic.schedule(tmp_path, lengths=(1600, 1200, 1040)).save(tmp_path / "schedule.json")
    process = start(write_run(tmp_path, "run", "workers: 1"))
    deadline = time.monotonic() + 300
    while lines(out) < 9 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    found: list[psutil.Process] = []
    while not found and time.monotonic() < deadline and process.poll() is None:
        launched = psutil.Process(process.pid).children(recursive=True)
        ranks = {one.pid for one in launched if one.ppid() == process.pid}
        mine = [one for one in launched if one.ppid() in ranks and one.environ()["RANK"] == str(rank)]
        found = [one for one in mine if "main.py" in str(one.cmdline())]
    assert found, process.communicate(timeout=120)[0]
    worker = found[0]
    worker.kill()
    killed = time.monotonic()
    output, _ = process.communicate(timeout=120)
    assert time.monotonic() - killed < 10 * (1 + os.getloadavg()[0] / 2)
    assert process.returncode == 2, output
    said = f"error: workers: loader worker 0 (process {worker.pid}) was ended by signal 9 (SIGKILL); most likely memory"
    assert next(line for line in output.splitlines() if line.startswith("error:")).startswith(said), output
    assert output.count("error:") == 1
    assert "Traceback" not in output
    assert not psutil.wait_procs(launched, timeout=20)[1]
    assert complete(out / "checkpoints")[-1].name >= f"{8 * 8:015d}"


def test_mistakes_get_one_line(tmp_path):
    run = tmp_path / "run.yaml"
    run.write_text("schedule: none.json\nout: out\nmodel: {size: demo}\nmicrobatch: 2\nmicrobatches: 3\n")
    done = subprocess.run(
        [sys.executable, str(ROOT / "train/main.py"), str(run)], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("run.yaml:5: microbatches: unknown key; did you mean 'microbatch'?")


def test_help_is_quick():
    begun = time.monotonic()
    done = subprocess.run([sys.executable, str(ROOT / "train/main.py"), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "RUN.yaml" in done.stdout
    assert time.monotonic() - begun < 10


def launched(tmp_path: Path, *yaml: str) -> subprocess.CompletedProcess[str]:
    """What `composer -n 2 train/main.py RANK.yaml` says; the launcher fills in each rank's number."""
    for number, text in enumerate(yaml):
        (tmp_path / f"{number}.yaml").write_text(text)
    argv = [str(COMPOSER), "-n", "2", str(ROOT / "train/main.py"), "$RANK.yaml" if len(yaml) > 1 else "0.yaml"]
    return subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT, cwd=tmp_path, timeout=300
    )


BAD = "schedule: none.json\nout: out\nmodel: {size: demo}\nmicrobatch: 2\nmicrobatches: 3\n"


def test_under_the_launcher_a_mistake_is_told_once_and_not_buried(tmp_path):
    done = launched(tmp_path, BAD)
    assert done.returncode == 2
    line = "error: 0.yaml:5: microbatches: unknown key; did you mean 'microbatch'?"
    assert done.stdout.count("microbatches") == 1
    lines = done.stdout.splitlines()
    assert line in lines
    rest = [one for one in lines if one != line]
    # The launcher's own words, of which there are few: that it waits for the ranks, and which ended how.
    assert len(rest) <= 4, done.stdout
    assert all("composer.cli.launcher:" in one or one.startswith(("Waiting", "Global rank 0")) for one in rest)


@pytest.mark.soak
def test_a_launchers_port_that_is_taken_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        argv = [str(COMPOSER), "-n", "2", "--master_port", port, str(ROOT / "train/main.py")]
        argv.append(str(write_run(tmp_path, "run")))
        done = subprocess.run(argv, capture_output=True, text=True, env=ENVIRONMENT, cwd=tmp_path, timeout=300)
    assert done.returncode == 2
    said = done.stdout + done.stderr
    assert f"error: --master_port: port {port} is taken on this machine; take another" in said
    assert "Traceback" not in said


@pytest.mark.soak
def test_a_rank_that_fails_alone_is_heard(tmp_path):
    """Rank 0 waits for it meanwhile."""
    schedule = tmp_path / "schedule.json"
    synthetic.schedule(tmp_path, lengths=(16, 8, 8)).save(schedule)
    done = launched(tmp_path, BAD.replace("none.json", str(schedule)).replace("microbatches: 3\n", ""), BAD)
    assert done.returncode != 0
    assert "error: 1.yaml:5: microbatches: unknown key" in done.stdout
