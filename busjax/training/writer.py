"""Event files for TensorBoard: CLU's writer where TensorFlow is installed, one that writes the same files where not."""

import io
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


class Writer:
    """The methods of clu.metric_writers.MetricWriter that a run uses; these write nothing (other hosts)."""

    def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
        """Adds numbers by tag."""

    def write_images(self, step: int, images: Mapping[str, Any]) -> None:
        """Adds images by tag, uint8 [n, height, width, 3]."""

    def write_hparams(self, hparams: Mapping[str, Any]) -> None:
        """Adds the run's hyper-parameters."""

    def flush(self) -> None:
        """Writes what is waiting."""

    def close(self) -> None:
        """Writes what is waiting and ends the thread."""


class EventFileWriter(Writer):
    """Writes event files with the tensorboard package alone; the tags are those of CLU's writer."""

    def __init__(self, folder: Path):
        from tensorboard.summary.writer.event_file_writer import EventFileWriter as Events

        self._events = Events(str(folder))

    def _add(self, step: int, values: list) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._events.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def write_scalars(self, step: int, scalars: Mapping[str, Any]) -> None:
        """Adds numbers by tag."""
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        self._add(step, [scalar_pb(tag, float(value)).value[0] for tag, value in scalars.items()])

    def write_images(self, step: int, images: Mapping[str, Any]) -> None:
        """Adds images by tag: uint8 [n, height, width, 3]."""
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        values = []
        for tag, batch in images.items():
            height, width = batch.shape[1:3]
            strings = [str(width).encode(), str(height).encode(), *(_png(image) for image in np.asarray(batch))]
            shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(strings))])
            metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="images"))
            tensor = TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=strings)
            values.append(Summary.Value(tag=tag, metadata=metadata, tensor=tensor))
        self._add(step, values)

    def write_hparams(self, hparams: Mapping[str, Any]) -> None:
        """Adds the run's hyper-parameters."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        self._add(0, list(hparams_pb(dict(hparams)).value))

    def flush(self) -> None:
        """Writes what is waiting."""
        self._events.flush()

    def close(self) -> None:
        """Writes what is waiting and ends the thread."""
        self._events.close()


def make_writer(folder: Path, first_host: bool = True) -> Any:
    """The writer of a run's summaries. TensorFlow is imported here, and only here, where it is installed."""
    if not first_host:
        return Writer()
    # TensorFlow only writes files here; its remarks on its own kernels would stand between the lines of a run.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        from clu import metric_writers
    except ImportError:
        return EventFileWriter(folder)
    # Written as it comes: the asynchronous writer would hold back what a killed run should leave behind.
    return metric_writers.SummaryWriter(str(folder))


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()
