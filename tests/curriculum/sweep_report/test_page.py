"""The report's page: every part is there, it needs nothing from elsewhere, and a browser lays it out."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from common import seal
from curriculum.__main__ import main
from curriculum.sweep_report.read_runs import read
from schemas.run_log import Step

pytestmark = pytest.mark.slow  # every test draws the figures


def test_the_page(swept, capsys):
    assert main(["report", str(swept)]) == 0
    printed = capsys.readouterr().out
    assert "12 of 12 runs scored, 6 configurations" in printed
    assert "appears: images from 80 % on" in printed
    html = (swept / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["']https?:""", html)
    assert html.count("<svg") == 2
    for title in ("Score against switch point", "Score against image share", "Realised mix", "Runs", "Tasks"):
        assert f"<h2>{title}</h2>" in html
    assert sorted(path.name for path in (swept / "figures").iterdir()) == ["image_share.svg", "switch.svg"]
    assert "(schedule:" not in html
    before = html
    assert main(["report", str(swept)]) == 0
    assert (swept / "report.html").read_text() == before


def test_realised_mixes(swept):
    sweep = read(swept)
    for run in sweep.runs:
        assert all(due == counted for due, counted in run.mix.values())
        assert sum(due for due, _ in run.mix.values()) * 128 == run.tokens
    run = sweep.runs[0]
    log = run.folder / "out/metrics.jsonl"
    step = Step.model_validate_json(log.read_text())
    wrong = step.model_copy(update={"samples": {**step.samples, "text": step.samples["text"] + 1}})
    log.write_text(wrong.model_dump_json() + "\n")
    main(["report", str(swept)])
    assert html_cell(swept, step.samples["text"]) in (swept / "report.html").read_text()


def html_cell(swept: Path, due: int) -> str:
    return f"{due + 1:,} (schedule: {due:,})"


def test_half_a_sweep(swept):
    runs = read(swept).runs
    for run in runs[6:]:
        shutil.rmtree(run.folder / "scores")
    (runs[-1].folder / "out/metrics.jsonl").unlink()
    assert main(["report", str(swept), "-o", str(swept / "half.html")]) == 0
    html = (swept / "half.html").read_text()
    assert "6 of 12 runs scored" in html
    assert "to come" in html
    assert "verdict bad" in html


def test_a_trained_run_without_scores_is_not_in_training(swept):
    first, second, *_ = read(swept).runs
    shutil.rmtree(first.folder / "scores")
    shutil.rmtree(second.folder / "scores")
    log = second.folder / "out/metrics.jsonl"
    step = Step.model_validate_json(log.read_text())
    log.write_text(step.model_copy(update={"position": step.position - 8}).model_dump_json() + "\n")
    assert main(["report", str(swept)]) == 0
    html = (swept / "report.html").read_text()
    assert f"<td>{first.name}</td><td>trained, not scored</td>" in html
    assert f"<td>{second.name}</td><td>training</td>" in html


@pytest.mark.parametrize("place", [0, 3])
def test_a_task_that_some_runs_lack_is_named(swept, capsys, place):
    run = read(swept).runs[place]
    results = json.loads((run.folder / "scores/results.json").read_text())
    del results["tasks"]["pope"]
    (run.folder / "scores/results.json").write_text(json.dumps(results))
    assert main(["report", str(swept)]) == 0
    said = f"'pope' is in the table of runs alone: 1 of 12 scored runs lack it ({run.name})"
    assert said in capsys.readouterr().out
    html = (swept / "report.html").read_text()
    assert said.replace("'", "&#x27;") in html
    assert "left out: 1 runs lack it" in html


def test_a_parameter_without_an_axis_is_named(swept, capsys):
    told = seal.opened((swept / "sweep.json").read_text())
    for number, run in enumerate(told["runs"]):
        run["settings"]["peak"] = number // 6
    (swept / "sweep.json").write_text(json.dumps(told))
    assert main(["report", str(swept)]) == 0
    assert "table of configurations: peak; draw with --axis peak." in capsys.readouterr().out
    assert main(["report", str(swept), "--axis", "peak", "--axis", "switch"]) == 0
    assert "neither drawn" not in capsys.readouterr().out
    html = (swept / "report.html").read_text()
    assert html.count("Score against switch point</h2>") == html.count("Score against peak</h2>") == 1
    assert main(["report", str(swept), "--axis", "paek"]) == 2
    assert "--axis paek: no run sets it; name one of: image_share, peak, seed, switch" in capsys.readouterr().err


def test_a_sweep_without_signal_says_so(swept, capsys):
    for run in read(swept).runs:
        told = json.loads((run.folder / "scores/results.json").read_text())
        told["tasks"] = {"pope": told["tasks"]["pope"]}
        (run.folder / "scores/results.json").write_text(json.dumps(told))
    assert main(["report", str(swept)]) == 0
    assert "No vision task moves above its noise" in capsys.readouterr().out
    html = (swept / "report.html").read_text()
    assert "no signal" in html
    assert "so it is not drawn: noise-filtered score, vision." in html


def test_verdicts_and_what_they_rest_on(swept):
    """Two seeds: p, and how it was corrected. One seed: no verdict, and intervals that are said to be of items."""
    assert main(["report", str(swept)]) == 0
    html = (swept / "report.html").read_text()
    assert "corrected for the 5 findings tried" in html
    assert html.count("<td>no verdict</td>") == 0
    for run in read(swept).runs:
        if run.settings["seed"] != 7:
            shutil.rmtree(run.folder / "scores")
    assert main(["report", str(swept)]) == 0
    html = (swept / "report.html").read_text()
    assert html.count("<td>no verdict</td>") == 5
    assert "they need a second seed of some configuration" in html
    assert "intervals over items alone (one seed)" in html


def test_seeds_that_share_a_trunk_are_named(swept, capsys):
    assert main(["report", str(swept)]) == 0
    assert "Seeds of one configuration share" not in capsys.readouterr().out
    told = seal.opened((swept / "sweep.json").read_text())
    first, second = told["runs"][:2]
    assert first["settings"] == {**second["settings"], "seed": first["settings"]["seed"]}
    nodes = {node["id"]: node for node in told["nodes"]}
    trunk = {**nodes[first["node"]], "id": "trunk", "parent": None, "tokens": first["tokens"] // 4, "ends": []}
    told["nodes"].insert(0, trunk)
    for run in (first, second):
        nodes[run["node"]].update(parent="trunk", tokens=run["tokens"] * 3 // 4)
    (swept / "sweep.json").write_text(json.dumps(told))
    assert main(["report", str(swept)]) == 0
    assert "Seeds of one configuration share up to 25% of their training" in capsys.readouterr().out


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_shows_it(swept, tmp_path):
    """Figures have a size on the page, text is laid out, nothing was fetched."""
    assert main(["report", str(swept)]) == 0
    html = (swept / "report.html").read_text()
    script = (
        "<script>addEventListener('load', () => { const sizes = [...document.querySelectorAll('svg')].map(s => {"
        "const b = s.getBoundingClientRect(); return Math.round(b.width) + 'x' + Math.round(b.height)});"
        "document.title = 'SIZES ' + sizes.join(' ') + ' FETCHED ' + performance.getEntriesByType('resource').length"
        "})</script></body>"
    )
    (tmp_path / "probe.html").write_text(html.replace("</body>", script))
    argv = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,900", "--virtual-time-budget=5000", "--dump-dom",
        (tmp_path / "probe.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    title = re.search(r"<title>SIZES (.*) FETCHED (\d+)</title>", done.stdout)
    assert title, done.stderr[-2000:]
    sizes = [tuple(map(int, size.split("x"))) for size in title[1].split()]
    assert len(sizes) == 2
    assert all(width > 400 and height > 200 for width, height in sizes)
    assert title[2] == "0"


def test_a_part_of_a_sweep_is_drawn_and_mistakes_are_one_line(swept, capsys):
    out = swept / "part/report.html"
    assert main(["report", str(swept), "--where", "image_share=10%", "--where", "switch=0%,80%", "-o", str(out)]) == 0
    assert "4 of 4 runs scored, 2 configurations" in capsys.readouterr().out
    assert sorted(path.name for path in (swept / "part/figures").iterdir()) == ["switch.svg"]
    for text, remedy in (
        ("switch=30%", "choose among 0%, 80%, 100%"),
        ("swich=0%", "name one of"),
        ("switch", "choose among 0%"),
    ):
        assert main(["report", str(swept), "--where", text]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"--where: no run has {text}; {remedy}" in line


def test_scores_as_measured_and_above_chance_have_different_names(swept):
    main(["report", str(swept)])
    html = (swept / "report.html").read_text()
    assert html.count("<th>vqav2</th>") == 1
    assert html.count("<th>vqav2, as scored</th>") == 1
