"""Opens a page in headless Chromium and lists what is wrong with its layout."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_SCRIPT = """
<script>addEventListener('load', () => {
  const wrong = [], wide = document.documentElement.clientWidth;
  const scrolls = e => e && (getComputedStyle(e).overflowX === 'auto' || scrolls(e.parentElement));
  for (const e of document.body.querySelectorAll('*')) {
    if (e.closest('svg') && e.tagName !== 'svg') continue;
    const box = e.getBoundingClientRect();
    if (box.width && (box.right > wide + 1 || box.left < -1) && !scrolls(e.parentElement) && !scrolls(e))
      wrong.push(e.tagName + ' from ' + box.left + ' to ' + box.right + ' of ' + wide);
    if (e.tagName === 'IMG' && !e.naturalWidth) wrong.push('IMG without a picture');
  }
  document.querySelectorAll('svg').forEach((svg, n) => {
    const whole = svg.getBoundingClientRect();
    if (whole.width < 250) wrong.push('svg ' + n + ' is ' + whole.width + ' wide');
    svg.querySelectorAll('[id^="text_"]').forEach(label => {
      const box = label.getBoundingClientRect(), name = 'svg ' + n + ': label ' + label.id;
      const across = box.left < whole.left - 1 || box.right > whole.right + 1;
      if (across || box.top < whole.top - 1 || box.bottom > whole.bottom + 1) wrong.push(name + ' is cut off');
      if (box.width && Math.max(box.height, box.width) < 5) wrong.push(name + ' is tiny');
    });
  });
  const fetched = performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:'));
  if (fetched.length) wrong.push('fetched ' + fetched[0].name);
  document.title = 'WRONG ' + JSON.stringify(wrong) + ' END';
})</script></body>"""


def arguments(folder: Path, width: int) -> list[str]:
    """Chromium's command line, without the page."""
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
             "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
    return [str(CHROMIUM), *quiet, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900"]


def faults_of(html: str, folder: Path, width: int) -> list[str]:
    """What overflows, is cut off, tiny or fetched on the page `html` at `width` pixels.

    A window cannot be narrower than 500 pixels: the page is shown in a frame of `width`.
    """
    (folder / "page.html").write_text(html.replace("</body>", _SCRIPT), encoding="utf-8")
    frame = (
        '<title>waiting</title><body style="margin:0">'
        f'<iframe src="page.html" style="border:0;width:{width}px;height:900px"></iframe>'
        "<script>addEventListener('load', () => setTimeout(() => {"
        "document.title = document.querySelector('iframe').contentDocument.title}, 500))</script></body>"
    )
    (folder / "frame.html").write_text(frame, encoding="utf-8")
    argv = [*arguments(folder, max(width, 500)), "--allow-file-access-from-files", "--virtual-time-budget=5000",
            "--dump-dom", (folder / "frame.html").as_uri()]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    said = re.search(r"<title>WRONG (.*) END</title>", done.stdout, re.DOTALL)
    assert said, done.stderr[-2000:]
    found: list[str] = json.loads(unescape(said[1]))
    return found
