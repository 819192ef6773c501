"""Event files of both writers, read back."""

import io

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from busjax.training.writer import EventFileWriter, make_writer


def write(writer):
    picture = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3)).astype(np.uint8)
    writer.write_hparams({"seed": 3, "optimizer.name": "adadelta"})
    writer.write_scalars(1, {"train/mt_loss": 0.5, "val/mt_auc": 0.75})
    writer.write_scalars(2, {"train/mt_loss": 0.25})
    writer.write_images(2, {"val/mt_cam": picture})
    writer.flush()
    writer.close()
    return picture


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["clu", "own"])
def test_tags_and_values(tmp_path, kind):
    picture = write(make_writer(tmp_path) if kind == "clu" else EventFileWriter(tmp_path))
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    tags = set(events.Tags()["tensors"])
    assert {"train/mt_loss", "val/mt_auc", "val/mt_cam"} <= tags
    losses = [(e.step, float(tensor_util.make_ndarray(e.tensor_proto))) for e in events.Tensors("train/mt_loss")]
    assert losses == [(1, 0.5), (2, 0.25)]
    (event,) = events.Tensors("val/mt_cam")
    width, height, *pngs = tensor_util.make_ndarray(event.tensor_proto).tolist()
    assert (int(width), int(height), len(pngs)) == (7, 5, 2)
    for png, image in zip(pngs, picture, strict=True):
        assert (np.asarray(Image.open(io.BytesIO(png))) == image).all()
    assert any(
        "hparams" in tag for tag in events.SummaryMetadata(next(iter(tags))).plugin_data.plugin_name.split()
    ) or ("_hparams_/session_start_info" in tags)


def test_other_hosts_write_nothing(tmp_path):
    write(make_writer(tmp_path, first_host=False))
    assert not list(tmp_path.iterdir())
