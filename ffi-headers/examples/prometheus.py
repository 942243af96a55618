#!/usr/bin/env python3
"""Tells Prometheus how an engine fares.

    prometheus.py [--port PORT] [--models FOLDER] [PICTURE ...]

Looks at the pictures, if there are any, and then serves http://127.0.0.1:PORT/metrics (9464; 0: any that is free) until it is
interrupted. A service does the same beside its own work: it gives `serve` its engine, and `Times.add` the `info` of its calls.
"""

from __future__ import annotations

import argparse
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Dict, Iterator, Optional

import cv2

import derust

PHASES = ("wait", "reduce", "network", "compose")


class Times:
    """Seconds that calls took, by what they went into."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = dict.fromkeys(PHASES, 0.0)

    def add(self, info: derust.CallInfo) -> None:
        with self._lock:
            for phase in PHASES:
                self._seconds[phase] += getattr(info, phase)

    def read(self) -> Dict[str, float]:
        with self._lock:
            return dict(self._seconds)


def metrics(engine: derust.Engine, times: Times) -> str:
    """Prometheus' text format, version 0.0.4."""

    def lines() -> Iterator[str]:
        health = engine.health()
        for name, kind, text, value in (
            ("calls_total", "counter", "Pictures whose analysis began.", health.calls),
            ("failures_total", "counter", "Pictures whose analysis failed.", health.failures),
            ("waiting", "gauge", "Calls that wait for others.", health.waiting),
        ):
            yield f"# HELP derust_{name} {text}"
            yield f"# TYPE derust_{name} {kind}"
            yield f"derust_{name} {value}"
        yield "# HELP derust_seconds_total What the time of calls went into."
        yield "# TYPE derust_seconds_total counter"
        for phase, seconds in times.read().items():
            yield f'derust_seconds_total{{phase="{phase}"}} {seconds}'
        yield "# HELP derust_model_info The networks in use."
        yield "# TYPE derust_model_info gauge"
        for model in engine.serving():
            labels = {
                "filter": model.filter,
                "name": model.name,
                "version": model.version,
                "digest": model.digest,
                "device": model.device,
                "serves": str(int(model.serves)),
            }
            yield f"derust_model_info{{{','.join(f'{name}={quoted(value)}' for name, value in labels.items())}}} 1"

    return "".join(f"{line}\n" for line in lines())


def quoted(value: str) -> str:
    """A label's value."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return f'"{value}"'


def serve(engine: derust.Engine, times: Times, port: int = 9464) -> ThreadingHTTPServer:
    """A server on this machine's own address; call its `serve_forever`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(404, "the metrics are at /metrics")
                return
            body = metrics(engine, times).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A line for every question is too many."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> int:
    parser = argparse.ArgumentParser(description="Tells Prometheus how an engine fares.")
    parser.add_argument("--port", type=int, default=9464)
    parser.add_argument("--models", help="a folder of models, in place of all others")
    parser.add_argument("pictures", nargs="*")
    settings = parser.parse_args()
    models: Optional[str] = settings.models
    try:
        with derust.Engine(models, only_these_models=models is not None) as engine:
            times = Times()
            with serve(engine, times, settings.port) as server:
                for path in settings.pictures:
                    look(engine, times, path)
                print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
                server.serve_forever()
    except KeyboardInterrupt:
        return 0
    except (derust.Error, OSError) as error:
        print(f"prometheus: {error}", file=sys.stderr)
        return 1


def look(engine: derust.Engine, times: Times, path: str) -> None:
    picture = cv2.imread(path)
    if picture is None:
        raise OSError(f"{path} is no picture that OpenCV reads")
    info = derust.CallInfo()
    try:
        engine.segment(picture, info=info)
    except derust.Error as error:
        print(f"prometheus: {path}: {error}", file=sys.stderr)
    else:
        times.add(info)


if __name__ == "__main__":
    sys.exit(main())
