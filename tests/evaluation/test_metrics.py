"""The figures of `Counts` are scikit-learn's, however the images are divided into batches."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, top_k_accuracy_score

from para_former.evaluation import classify
from para_former.evaluation.metrics import Counts


@st.composite
def predictions(draw, least_classes=2):
    """Random logits, right more often than by chance, with random labels."""
    classes, images = draw(st.integers(least_classes, 12)), draw(st.integers(1, 60))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    labels = torch.randint(classes, (images,), generator=generator)
    logits = torch.randn(images, classes, generator=generator) + F.one_hot(labels, classes)
    return logits, labels


def figures_of(batches, classes):
    counts = Counts(classes)
    for logits, labels in batches:
        counts.add(logits, labels)
    return counts.figures()


@given(predictions(least_classes=6))
@settings(max_examples=50)
def test_figures_are_those_of_sklearn(case):
    logits, labels = case
    classes = np.arange(logits.shape[1])
    figures = figures_of([case], len(classes))
    assert figures["images"] == len(labels)
    assert figures["top1"] == pytest.approx(100 * accuracy_score(labels, logits.argmax(1)))
    assert figures["top5"] == pytest.approx(100 * top_k_accuracy_score(labels, logits, k=5, labels=classes))
    assert figures["loss"] == pytest.approx(log_loss(labels, logits.double().softmax(1), labels=classes), rel=1e-5)
    confusion = confusion_matrix(labels, logits.argmax(1), labels=classes)
    assert figures["confusion"] == confusion.tolist()
    for k, accuracy in enumerate(figures["per_class_top1"]):
        if k in labels:
            assert accuracy == pytest.approx(100 * confusion[k, k] / confusion[k].sum())
        else:
            assert accuracy is None


@given(predictions(), st.lists(st.integers(0, 60), max_size=5))
@settings(max_examples=50)
def test_any_division_into_batches_gives_the_same_figures(case, cuts):
    logits, labels = case
    whole = figures_of([case], logits.shape[1])
    pieces = zip(np.split(logits, sorted(cuts)), np.split(labels, sorted(cuts)), strict=True)
    divided = figures_of(pieces, logits.shape[1])
    assert divided.pop("loss") == pytest.approx(whole.pop("loss"), rel=1e-5)
    assert divided == whole


@given(predictions().filter(lambda case: case[0].shape[1] <= 5))
@settings(max_examples=20)
def test_with_at_most_five_classes_the_first_five_are_always_right(case):
    assert figures_of([case], case[0].shape[1])["top5"] == 100


@given(predictions())
@settings(max_examples=20)
def test_bf16_logits_are_counted_in_float32(case):
    logits, labels = case[0].bfloat16(), case[1]
    assert figures_of([(logits, labels)], logits.shape[1]) == figures_of([(logits.float(), labels)], logits.shape[1])


def test_classify_takes_any_function_and_records_no_gradient():
    weight = torch.randn(3, 7, requires_grad=True)
    batches = [(torch.randn(size, 3), torch.randint(7, (size,))) for size in (4, 1, 2)]
    seen = []

    def predict(images):
        seen.append(images @ weight)
        return seen[-1]

    figures = classify(predict, batches, 7)
    assert not any(logits.requires_grad for logits in seen)
    logits, labels = torch.cat([images @ weight for images, _ in batches]), torch.cat([labels for _, labels in batches])
    assert figures["images"] == 7
    assert figures["top1"] == pytest.approx(100 * accuracy_score(labels, logits.argmax(1)))


@given(predictions())
@settings(max_examples=50)
def test_calibration_is_that_of_its_definition(case):
    logits, labels = case
    figures = figures_of([case], logits.shape[1])
    confidence, predicted = logits.softmax(1).double().max(1)
    bins, right = (15 * confidence).long().clamp(max=14), (predicted == labels).double()
    expected = [
        [int((bins == k).sum()), 100 * confidence[bins == k].mean().item(), 100 * right[bins == k].mean().item()]
        for k in bins.unique()
    ]
    for found, row in zip(figures["reliability"], expected, strict=True):
        assert found == pytest.approx(row)
    error = sum(count * abs(accuracy - mean) for count, mean, accuracy in expected) / len(labels)
    assert figures["calibration_error"] == pytest.approx(error, abs=1e-9)


def test_the_calibration_error_adds_up_over_bins():
    """Sure and wrong, unsure and right: the bins' errors do not cancel."""
    logits = torch.tensor([[0.0, 9.0], [0.1, 0.0]])
    (sure, unsure), labels = logits.softmax(1).amax(1).tolist(), torch.tensor([0, 0])
    assert figures_of([(logits, labels)], 2)["calibration_error"] == pytest.approx(100 * (sure + 1 - unsure) / 2)
