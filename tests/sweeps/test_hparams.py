"""TensorBoard's page of hyper-parameters, pointed at the folder of a sweep; read by its own backend."""

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

from busjax.fields import flatten
from busjax.training import final
from busjax.training.loop import _hparam
from busjax.training.writer import EventFileWriter, make_writer
from tests.training.conftest import tiny_config


def hparams_page(folder):
    """The rows of TensorBoard's page of hyper-parameters, from its own backend."""
    events = EventMultiplexer().AddRunsFromDirectory(str(folder))
    events.Reload()
    provider = MultiplexerDataProvider(events, str(folder))
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    asked = RequestContext()
    known = context.hparams_metadata(asked, "")
    experiment = context.experiment_from_metadata(asked, "", True, known, None)
    request = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=[api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_RUNNING],
        aggregation_type=api_pb2.AGGREGATION_AVG,
        slice_size=100,
        col_params=[api_pb2.ColParams(metric=info.name) for info in experiment.metric_infos],
    )
    handler = list_session_groups.Handler(
        request_context=asked, backend_context=context, experiment_id="", request=request
    )
    return experiment, handler.run().session_groups


def metrics(auc):
    return {"auc": auc, "f_beta": None, "accuracy": 0.5, "images": 10, "intervals": {"auc": {"low": 0, "high": 1}}}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("writer", [make_writer, EventFileWriter])
def test_every_run_has_a_row_with_what_differs_and_its_final_metrics(tmp_path, monkeypatch, writer):
    monkeypatch.setattr(final, "make_writer", writer)
    for seed, scale in ((0, 0.1), (1, 0.5)):
        config = tiny_config()
        config.model.map_scale = scale
        folder = tmp_path / f"map_scale={scale}"
        of_run = writer(folder)
        of_run.write_hparams({name: _hparam(value) for name, value in flatten(config).items()})
        of_run.write_scalars(3, {"val/mt_auc": 0.25})
        of_run.close()
        segmentation = {"dice": {"mean": 0.75, "std": 0.1}, "images": 3}
        results = {"val": {"mt": metrics(0.6)}, "test": {"mt": metrics(0.7 + seed / 8), "segmentation": segmentation}}
        # An evaluation that is repeated is shown once, as the last one has it.
        final.write_final(folder, 12, {"test": {"mt": metrics(0.1)}})
        final.write_final(folder, 12, results)
    experiment, groups = hparams_page(tmp_path)
    assert [info.name for info in experiment.hparam_infos if info.differs] == ["model.map_scale"]
    rows = {
        group.hparams["model.map_scale"].number_value: {m.name.tag: m.value for m in group.metric_values}
        for group in groups
    }
    assert rows.keys() == {0.1, 0.5}
    for seed, scale in ((0, 0.1), (1, 0.5)):
        assert rows[scale] == pytest.approx(
            {
                "val/mt_auc": 0.25,
                "final/val/mt_auc": 0.6,
                "final/val/mt_accuracy": 0.5,
                "final/test/mt_auc": 0.7 + seed / 8,
                "final/test/mt_accuracy": 0.5,
                "final/test/segmentation_dice": 0.75,
            },
            abs=1e-6,
        )
