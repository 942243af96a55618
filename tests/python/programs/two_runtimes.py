"""derust and Python's own ONNX Runtime in one process, one network in both: ``two_runtimes.py MODELS first|last``.

The second argument says when Python's is imported. Both are used in turns, at the same time, and once more when the
other one is gone.
"""

import sys
import threading
from pathlib import Path

import numpy as np

models, order = Path(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(7)
picture = rng.integers(0, 256, (48, 64, 3), np.uint8)


def theirs():
    import onnxruntime

    return onnxruntime.InferenceSession(models / "red-is-rust.onnx", providers=["CPUExecutionProvider"])


def ours():
    import derust

    return derust.Engine(models, only_these_models=True, threads=2)


def by_them(session):
    planes = (picture[np.newaxis].transpose(0, 3, 1, 2) / 255).astype(np.float32)
    return session.run(None, {"image": np.ascontiguousarray(planes)})[0][0, 0]


def by_us(engine):
    return engine.segment(picture, mask=False, probability=True, scale="native", rgb=True).probability


session, engine = None, None
if order == "first":
    session = theirs()
    expected = by_them(session)
    engine = ours()
    by_us(engine)
else:
    engine = ours()
    by_us(engine)
    session = theirs()
    expected = by_them(session)
assert expected.max() > 0.5 and expected.min() < 0.1

libraries = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "onnxruntime" in line}
libraries = {path for path in libraries if ".so" in path}
assert engine.runtime().path in libraries, libraries
assert any("pybind11_state" in path for path in libraries), libraries

failures = []


def work(run, what):
    for _ in range(20):
        if not np.allclose(run(what), expected, atol=1e-5):
            failures.append(run.__name__)


threads = [threading.Thread(target=work, args=job) for job in 2 * [(by_us, engine), (by_them, session)]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures

if order == "first":
    del session
    assert np.allclose(by_us(engine), expected, atol=1e-5)
    engine.close()
else:
    engine.close()
    assert np.allclose(by_them(session), expected, atol=1e-5)
print(f"both agree, Python's ONNX Runtime imported {order}")
