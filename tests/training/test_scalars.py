"""What TensorBoard is given, read back by TensorBoard."""

from para_former.training.scalars import scalar_writer


def test_scalars_are_those_of_the_record_and_a_resumed_run_takes_its_epochs_back(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for done, epochs in ((0, (1, 2)), (1, (2, 3))):  # stopped before the checkpoint of epoch 2
        with scalar_writer(tmp_path, True, done) as write:
            for epoch in epochs:
                write({"kind": "epoch", "epoch": epoch, "train_loss": 10.0 * done + epoch})
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert events.Tags()["scalars"] == ["train_loss"]
    assert [(event.step, event.value) for event in events.Scalars("train_loss")] == [(1, 1), (2, 12), (3, 13)]
