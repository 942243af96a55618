"""An exporter for Prometheus, read as Prometheus reads it."""

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from conftest import EXAMPLES, MODELS, SAMPLES

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)*)\})? ([0-9.e+-]+)')


def ask(url):
    # No proxy stands between.
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=60)


def test_an_exporter_serves_what_an_engine_says_of_itself(tmp_path):
    script, panel = EXAMPLES / "prometheus.py", SAMPLES / "rusty-panel.jpg"
    command = [sys.executable, script, "--port", "0", "--models", MODELS, panel, panel]
    exporter = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    try:
        url = exporter.stdout.readline().strip()
        with ask(url) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            lines = answer.read().decode().splitlines()
        samples, types = {}, {}
        for line in lines:
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                types[name] = kind
            elif not line.startswith("# HELP "):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                samples[name, labels] = float(value)
        assert {name for name, _ in samples} == set(types)
        assert types["derust_calls_total"] == "counter" and types["derust_waiting"] == "gauge"
        assert samples["derust_calls_total", None] == 2
        assert samples["derust_failures_total", None] == samples["derust_waiting", None] == 0
        spent = {labels: value for (name, labels), value in samples.items() if name == "derust_seconds_total"}
        assert set(spent) == {f'phase="{phase}"' for phase in ("wait", "reduce", "network", "compose")}
        assert spent['phase="network"'] > 0 and spent['phase="compose"'] > 0
        (model,) = [labels for name, labels in samples if name == "derust_model_info"]
        pattern = 'filter="segment-rust",name="red-is-rust",version="1.0.0",digest="[0-9a-f]{64}",device="[a-z0-9:]+",serves="1"'
        assert re.fullmatch(pattern, model)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(url.replace("metrics", "secrets"))
        exporter.send_signal(signal.SIGINT)
        assert exporter.wait(60) == 0
    finally:
        exporter.kill()
        exporter.wait()
        exporter.stdout.close()
